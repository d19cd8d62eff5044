// Pins as the ledger has them, and the long poll by which gates learn of every change.
//
// As with sales, a change is announced only after the ledger has made it durable: a gate never goes back to an older version.
import type { FollowedPins } from '../../../contract/followed-pins'
import type { PinsSnapshot } from '../ledger/pins'
import type { Ledger } from '../ledger/port'
import type { Logger } from '../log'
import { type Poll, Waiters } from '../long-poll'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'

/** How soon a change made by another process is seen. */
const POLL_MS = 250

export class PinsFollower {
  private snapshot: PinsSnapshot | undefined
  private announced: FollowedPins | undefined
  private readonly waiters = new Waiters()
  private readonly loop: Loop

  constructor(
    private readonly ledger: Ledger,
    log: Logger,
    metrics: Metrics,
  ) {
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

  /** As of now, read again only when their version has risen. */
  async latest(): Promise<PinsSnapshot> {
    const version = await this.ledger.pins.version()
    if (this.snapshot?.version === version) return this.snapshot
    const read = await this.ledger.pins.read()
    // a slower answer must not replace a newer one
    if (this.snapshot === undefined || read.version >= this.snapshot.version) this.snapshot = read
    return this.snapshot
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
