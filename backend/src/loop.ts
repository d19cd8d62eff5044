// Work that goes on for as long as the process lives: settling, sweeping, watching.
//
// A step that throws is logged and tried again after a back-off that doubles up to `backoff_max_ms`; so a loop
// survives Redis or the database being away and comes back by itself. kick() ends the pause before the next step.
import type { Logger } from './log'
import type { Metrics } from './metrics'

const BACKOFF_MIN_MS = 50
const BACKOFF_MAX_MS = 2000
/** A loop that fails keeps to its back-off even when kicked, so that a storm of kicks is not a storm of failures. */
const LOG_REPEAT_MS = 5000

interface LoopOptions {
  name: string
  log: Logger
  metrics: Metrics
  /** Does one round of work; answers how long to pause in ms, 0 for not at all. */
  step: () => Promise<number>
}

export class Loop {
  private running: Promise<void> | undefined
  private stopping = false
  private kicked = false
  private wake: (() => void) | undefined

  constructor(private readonly options: LoopOptions) {}

  start(): void {
    if (this.running !== undefined) return
    this.stopping = false
    this.running = this.run()
  }

  /** Resolves when the step in progress has ended. */
  async stop(): Promise<void> {
    this.stopping = true
    this.wake?.()
    await this.running
    this.running = undefined
  }

  get isStopping(): boolean {
    return this.stopping
  }

  kick(): void {
    this.kicked = true
    this.wake?.()
  }

  private async run(): Promise<void> {
    let failures = 0
    let logged_ms = 0
    while (!this.stopping) {
      this.kicked = false
      try {
        const pause_ms = await this.options.step()
        failures = 0
        if (pause_ms > 0 && !this.kicked) await this.pause(pause_ms)
      } catch (error) {
        failures += 1
        this.options.metrics.loop_failures.inc({ loop: this.options.name })
        const now_ms = Date.now()
        if (failures === 1 || now_ms - logged_ms > LOG_REPEAT_MS) {
          logged_ms = now_ms
          this.options.log.error({ err: error, loop: this.options.name, failures }, 'loop failed and is tried again')
        }
        const backoff_ms = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(failures - 1, 10))
        await this.pause(backoff_ms * (0.5 + Math.random() / 2), true)
      }
    }
  }

  private pause(ms: number, deaf = false): Promise<void> {
    if (this.stopping) return Promise.resolve()
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        this.wake = undefined
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.wake = () => {
        if (!deaf || this.stopping) end()
      }
    })
  }
}
