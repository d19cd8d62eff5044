// Cuts each stream below what the ledger has durably committed, and measures the backlog.
//
// The order matters: first see up to where everything is acknowledged (hence committed), then make the ledger durable, then
// trim up to there. What a power cut may take from the ledger is therefore still in the stream.
import type { Redis } from 'ioredis'
import type { Ledger } from '../ledger/port'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import type { SalesFollower } from '../sales/follower'
import type { Redelivery } from './redelivery'
import { streamsOf, viewOf } from './streams'

const EVERY_MS = 1000
/** PGlite is made durable by a snapshot, which holds up everything else: a tenth of the time goes into them, more only where one takes seconds. */
const EVERY_PGLITE_MS = 3000
const EVERY_PGLITE_MS_MAX = 15_000
const BETWEEN_SNAPSHOTS = 9

export class Trimmer {
  private readonly loop: Loop

  constructor(
    private readonly parts: {
      ledger: Ledger
      redis: Redis
      sales: SalesFollower
      metrics: Metrics
      log: Logger
      redelivery: Redelivery
    },
  ) {
    this.loop = new Loop({ name: 'trimmer', log: parts.log, metrics: parts.metrics, step: () => this.step() })
  }

  start(): void {
    this.loop.start()
  }

  stop(): Promise<void> {
    return this.loop.stop()
  }

  private async step(): Promise<number> {
    const { ledger, redis, sales, metrics, redelivery } = this.parts
    // before: what a ledger that was put back does not have is acknowledged all the same
    await redelivery.done()
    const streams = streamsOf((await sales.latest()).sales)
    const settled_below: { key: string; below: string }[] = []
    const backlog = new Map<string, number>()
    const in_kafka = new Map<string, number>()
    for (const { key, sale } of streams) {
      const view = await viewOf(redis, key)
      if (view === undefined) continue
      backlog.set(sale, (backlog.get(sale) ?? 0) + view.backlog)
      in_kafka.set(sale, (in_kafka.get(sale) ?? 0) + view.in_kafka)
      const oldest = await redis.xrange(key, '-', `(${view.settled_below}`, 'COUNT', 1)
      if (oldest.length > 0) settled_below.push({ key, below: view.settled_below })
    }
    for (const [sale, entries] of backlog) metrics.backlog.set({ sale }, entries)
    for (const [sale, entries] of in_kafka) metrics.backlog_in_kafka.set({ sale }, entries)
    let durable_ms = 0
    if (settled_below.length > 0) {
      const from_ms = performance.now()
      await ledger.durable()
      durable_ms = performance.now() - from_ms
      for (const { key, below } of settled_below) await redis.xtrim(key, 'MINID', '=', below)
    }
    if (ledger.kind !== 'pglite') return EVERY_MS
    return Math.min(EVERY_PGLITE_MS_MAX, Math.max(EVERY_PGLITE_MS, BETWEEN_SNAPSHOTS * durable_ms))
  }
}
