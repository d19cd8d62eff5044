// Pins as the ledger has them, and the long poll by which gates learn of every change.
//
// As with sales, a change is announced only after the ledger has made it durable: a gate never goes back to an older version.
import type { FollowedPins } from '../../../contract/followed-pins'
import { Latest } from '../ledger/latest'
import type { PinsSnapshot } from '../ledger/pins'
import type { Ledger } from '../ledger/port'
import type { Logger } from '../log'
import { type Poll, Waiters } from '../long-poll'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'

/** How soon a change made by another process is seen. */
const POLL_MS = 250

export class PinsFollower {
  private readonly newest: Latest<PinsSnapshot>
  private announced: FollowedPins | undefined
  private readonly waiters = new Waiters()
  private readonly loop: Loop

  constructor(
    private readonly ledger: Ledger,
    log: Logger,
    metrics: Metrics,
  ) {
    this.newest = new Latest(ledger.pins)
    this.loop = new Loop({ name: 'pins', log, metrics, step: () => this.step() })
  }

  start(): void {
    this.loop.start()
  }

  async stop(): Promise<void> {
    this.waiters.stop()
    await this.loop.stop()
  }

  /** This process has changed them. */
  changed(): void {
    this.loop.kick()
  }

  latest(): Promise<PinsSnapshot> {
    return this.newest.get()
  }

  /** Resolves with all pins as soon as they are newer, or after the poll's wait; undefined before the first look. */
  async follow(poll: Poll): Promise<FollowedPins | undefined> {
    if ((this.announced?.version ?? -1) <= poll.after) await this.waiters.wait(poll)
    return this.announced
  }

  private async step(): Promise<number> {
    const latest = await this.latest()
    if (latest.version > (this.announced?.version ?? -1)) {
      await this.ledger.durable()
      this.announced = { version: latest.version, pins: latest.pins.map(({ item, pin }) => ({ item, pin })) }
      this.waiters.announce(latest.version)
    }
    return POLL_MS
  }
}
