// Carries statuses from the ledger's outbox to Redis, where polls are answered. Applied only if newer, so sending twice is harmless.
//
// A confirmation is published as soon as it is committed, because the intent in the stream could bring it about again. Every
// other status (a payment, an expiry, a tombstone …) waits until the ledger has made it durable.
import type { Ledger, StatusChange } from '../ledger/port'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import type { Shards } from '../redis/shards'

const AT_ONCE_MAX = 500
/** How soon a status written by another process is seen; this process' own ones are told by kick(). */
const POLL_MS = 250

export class Publisher {
  private readonly loop: Loop

  constructor(private readonly parts: { ledger: Ledger; shards: Shards; metrics: Metrics; log: Logger }) {
    this.loop = new Loop({ name: 'publisher', log: parts.log, metrics: parts.metrics, step: () => this.step() })
  }

  start(): void {
    this.loop.start()
  }

  stop(): Promise<void> {
    return this.loop.stop()
  }

  kick(): void {
    this.loop.kick()
  }

  private async step(): Promise<number> {
    const { ledger, metrics } = this.parts
    const changes = await ledger.pendingStatuses(AT_ONCE_MAX)
    metrics.outbox_lag.set({ kind: 'status' }, changes.length)
    if (changes.length === 0) return POLL_MS
    const confirmed = changes.filter(({ order }) => order.status === 'confirmed')
    const others = changes.filter(({ order }) => order.status !== 'confirmed')
    await this.publish(confirmed)
    if (others.length > 0) {
      await ledger.durable()
      await this.publish(others)
    }
    return changes.length === AT_ONCE_MAX ? 0 : POLL_MS
  }

  private async publish(changes: StatusChange[]): Promise<void> {
    if (changes.length === 0) return
    const { ledger, shards, metrics } = this.parts
    await shards.publish(changes)
    await shards.followInCheckout(changes.map(({ order }) => order))
    await ledger.statusesPublished(changes.map(({ id }) => id))
    const now_ms = ledger.now()
    for (const { order } of changes) {
      metrics.published.inc({ status: order.status })
      if (order.status === 'confirmed') metrics.publish_lag_seconds.observe((now_ms - order.reserved_ms) / 1000)
    }
  }
}
