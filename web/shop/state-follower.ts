// Follows a sale's state and, by the way, the server's clock. One request at a time, the next one by the schedule.
import { fetchState } from './api'
import { betterClock, type ServerClock, sampleClock, serverNow } from './clock'
import type { Refusal } from './purchase'
import { statePollDelay } from './schedule'
import type { SaleState } from './wire'

export class StateFollower {
  state: SaleState | undefined
  /** the sale cannot be shown, and asking again will not help */
  refused: Refusal | undefined
  failures = 0
  /** monotonic time of the next request */
  next_ms = 0
  private clock: ServerClock | undefined
  private timer = 0
  private asking = false

  constructor(
    private readonly sale: string,
    private readonly changed: () => void,
  ) {}

  /** Server's time as far as it is known, else the device's. */
  now(): number {
    return this.clock === undefined ? Date.now() : serverNow(this.clock, performance.now())
  }

  untilOpen(): number {
    return this.state === undefined ? Number.POSITIVE_INFINITY : this.state.opens_ms - this.now()
  }

  untilClose(): number {
    return this.state === undefined ? Number.POSITIVE_INFINITY : this.state.closes_ms - this.now()
  }

  /** How far the device's own clock is ahead of the server's; 0 while unknown. */
  deviceAhead(): number {
    return this.clock === undefined ? 0 : Date.now() - this.now()
  }

  start(): void {
    this.askIn(0)
  }

  /** Something has happened that the state must show: ask within `within_ms`. */
  hurry(within_ms: number): void {
    const at_ms = performance.now() + Math.random() * within_ms
    if (!this.asking && at_ms < this.next_ms) this.askIn(at_ms - performance.now())
  }

  private askIn(delay_ms: number): void {
    clearTimeout(this.timer)
    this.next_ms = performance.now() + delay_ms
    this.timer = window.setTimeout(() => void this.ask(), delay_ms)
  }

  private async ask(): Promise<void> {
    this.asking = true
    const answer = await fetchState(this.sale)
    this.asking = false
    let wait_ms = 0
    if (answer.kind === 'ok') {
      const { value, sent_ms, received_ms } = answer.value
      this.failures = 0
      this.refused = undefined
      this.state = value
      this.clock = betterClock(this.clock, sampleClock(sent_ms, received_ms, value.now_ms))
    } else {
      this.failures += 1
      if (answer.kind === 'refused') {
        wait_ms = answer.refusal.retry_after_ms ?? 0
        this.refused = answer.refusal.code === 'not_found' ? answer.refusal : undefined
      }
    }
    const moment = {
      phase: this.state?.phase,
      until_open_ms: this.untilOpen(),
      failures: this.failures,
      hidden: document.hidden,
      poll_after_ms: this.state?.poll_after_ms,
    }
    this.askIn(Math.max(wait_ms, statePollDelay(moment, Math.random())))
    this.changed()
  }
}
