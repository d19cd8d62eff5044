// How an engine is started, whichever it is.
import type { DeathListener } from '../processes'
import type { Progress } from './fetch'

export interface EngineOptions {
  /** made when absent; what is in it is kept */
  folder: string
  port?: number
  heap_mb?: number
  /** goes on when this process ends */
  outlives_us?: boolean
  onDeath?: DeathListener
  progress?: Progress
}
