// Carries statuses from the ledger's outbox to Redis, where polls are answered. Applied only if newer, so sending twice is harmless.
//
// What this process has settled is handed over at once and not read back; the outbox is read for what others wrote, and for what
// was left by somebody who died. A confirmation is published as soon as it is committed, because the intent in the stream could bring
// it about again. Every other status (a payment, an expiry, a tombstone …) waits until the ledger has made it durable.
import { setImmediate as letOthersRun } from 'node:timers/promises'
import type { Ledger, StatusChange } from '../ledger/port'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import type { Shards } from '../redis/shards'

const AT_ONCE_MAX = 500
/** About a millisecond of this thread's time, in which nothing is settled. */
const WRITTEN_AT_ONCE_MAX = 250
/** How soon a status written by another process is seen; this process' own ones are told by kick(). */
const POLL_MS = 250
/** PGlite has no other process; each look reads back the batch that was committed while it waited for its turn. */
const POLL_PGLITE_MS = 1000
/** Changes handed over and not published yet: what is beyond waits in the outbox. */
const HANDED_OVER_MAX = 50_000

interface PublisherParts {
  ledger: Ledger
  shards: Shards
  metrics: Metrics
  log: Logger
  /** orders of these users have changed; must not wait */
  onPublished?: (users: Set<string>) => void
}

export class Publisher {
  private readonly loop: Loop
  /** announced by this process, oldest first, whole announcements */
  private handed_over: StatusChange[] = []
  private asked = false
  private read_ms = 0

  constructor(private readonly parts: PublisherParts) {
    this.loop = new Loop({ name: 'publisher', log: parts.log, metrics: parts.metrics, step: () => this.step() })
  }

  start(): void {
    this.loop.start()
  }

  stop(): Promise<void> {
    return this.loop.stop()
  }

  /** There is something in the outbox. */
  kick(): void {
    this.asked = true
    this.loop.kick()
  }

  /** These have just been committed. */
  take(announced: StatusChange[]): void {
    if (announced.length === 0) return
    if (this.handed_over.length + announced.length <= HANDED_OVER_MAX) this.handed_over.push(...announced)
    this.loop.kick()
  }

  private async step(): Promise<number> {
    const { handed_over } = this
    this.handed_over = []
    // should it fail, the outbox still has them
    await this.publish(handed_over)
    const now_ms = performance.now()
    const poll_ms = this.parts.ledger.kind === 'pglite' ? POLL_PGLITE_MS : POLL_MS
    if (!this.asked && now_ms - this.read_ms < poll_ms) return POLL_MS
    this.asked = false
    this.read_ms = now_ms
    const in_hand = [...new Set(this.handed_over.map(({ id }) => id))]
    const changes = await this.parts.ledger.pendingStatuses(AT_ONCE_MAX, in_hand)
    this.parts.metrics.outbox_lag.set({ kind: 'status' }, changes.length + this.handed_over.length)
    await this.publish(changes)
    if (changes.length >= AT_ONCE_MAX) this.kick()
    return POLL_MS
  }

  /** Whole announcements. */
  private async publish(changes: StatusChange[]): Promise<void> {
    if (changes.length === 0) return
    const { ledger } = this.parts
    const confirmed = changes.filter(({ order }) => order.status === 'confirmed')
    const others = changes.filter(({ order }) => order.status !== 'confirmed')
    await this.write(confirmed)
    if (others.length > 0) {
      await ledger.durable()
      await this.write(others)
    }
    await ledger.statusesPublished([...new Set(changes.map(({ id }) => id))])
  }

  private async write(changes: StatusChange[]): Promise<void> {
    for (let from = 0; from < changes.length; from += WRITTEN_AT_ONCE_MAX) {
      await this.writeSome(changes.slice(from, from + WRITTEN_AT_ONCE_MAX))
      await letOthersRun()
    }
  }

  private async writeSome(changes: StatusChange[]): Promise<void> {
    const { ledger, shards, metrics } = this.parts
    await shards.publish(changes)
    await shards.followInCheckout(changes.map(({ order }) => order))
    this.parts.onPublished?.(new Set(changes.map(({ order }) => order.user)))
    const now_ms = ledger.now()
    const counts = new Map<string, number>()
    for (const { order } of changes) {
      counts.set(order.status, (counts.get(order.status) ?? 0) + 1)
      if (order.status === 'confirmed') metrics.publish_lag_seconds.observe((now_ms - order.reserved_ms) / 1000)
    }
    for (const [status, count] of counts) metrics.published.inc({ status }, count)
  }
}
