// The allow and deny lists as the ledger has them, and the long poll by which gates learn of every change.
//
// As with sales, a change is announced only after the ledger has made it durable: a gate never goes back to an older version.
import { type FollowedLists, LIST_KINDS, LISTS } from '../../../contract/followed-lists'
import { Latest } from '../ledger/latest'
import type { ListsSnapshot } from '../ledger/lists'
import type { Ledger } from '../ledger/port'
import type { Logger } from '../log'
import { type Poll, Waiters } from '../long-poll'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import { ChangeLog } from './changes'

/** How soon a change made by another process is seen, and an entry that has ended struck off. */
const POLL_MS = 250

export class ListsFollower {
  private readonly newest: Latest<ListsSnapshot>
  private announced = -1
  private readonly changes = new ChangeLog()
  private readonly waiters = new Waiters()
  private readonly loop: Loop

  constructor(
    private readonly ledger: Ledger,
    log: Logger,
    private readonly metrics: Metrics,
  ) {
    this.newest = new Latest(ledger.lists)
    this.loop = new Loop({ name: 'lists', log, metrics, step: () => this.step() })
  }

  start(): void {
    this.loop.start()
  }

  async stop(): Promise<void> {
    this.waiters.stop()
    await this.loop.stop()
  }

  /** This process has changed the lists. */
  changed(): void {
    this.loop.kick()
  }

  latest(): Promise<ListsSnapshot> {
    return this.newest.get()
  }

  /** Resolves with what there is to tell as soon as there is anything, or after the poll's wait; undefined before the first look. */
  async follow(poll: Poll): Promise<FollowedLists | undefined> {
    if (this.announced <= poll.after) await this.waiters.wait(poll)
    return this.announced < 0 ? undefined : this.changes.since(poll.after)
  }

  private async step(): Promise<number> {
    const now_ms = this.ledger.now()
    const latest = await this.latest()
    if (latest.entries.some(({ until_ms }) => until_ms > 0 && until_ms <= now_ms)) {
      await this.ledger.lists.removeEnded(now_ms)
      return 0
    }
    if (latest.version > this.announced) {
      await this.ledger.durable()
      this.changes.take(latest)
      this.announced = latest.version
      this.count(latest)
      this.waiters.announce(latest.version)
    }
    return POLL_MS
  }

  private count({ entries }: ListsSnapshot): void {
    for (const list of LISTS) {
      for (const kind of LIST_KINDS) {
        const count = entries.filter((entry) => entry.list === list && entry.kind === kind).length
        this.metrics.list_entries.set({ list, kind }, count)
      }
    }
  }
}
