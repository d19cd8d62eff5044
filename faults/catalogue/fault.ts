// What a fault is: a name and what it does to the stack. It leaves every part running.
import type { World } from '../world'

export interface Fault {
  name: string
  /** Redis forgets what it had acknowledged: reservations from before may honestly end as void */
  loses_redis: boolean
  /** `random` draws of a schedule pick it this often, relative to the others */
  weight: number
  /** wait until the gate sells again after the fault before: otherwise this one would change nothing */
  needs_selling?: boolean
  inject(world: World): Promise<void>
}
