// Cuts each stream below what the ledger has durably committed, and measures the backlog.
//
// The order matters: first see up to where everything is acknowledged (hence committed), then make the ledger durable, then
// trim up to there. What a power cut may take from the ledger is therefore still in the stream.
import type { Redis } from 'ioredis'
import { SETTLER_GROUP } from '../../../contract/keys'
import type { Ledger } from '../ledger/port'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import type { SalesFollower } from '../sales/follower'
import { streamsOf } from './settler'

const EVERY_MS = 1000
/** PGlite makes a checkpoint each time. */
const EVERY_PGLITE_MS = 3000

export class Trimmer {
  private readonly loop: Loop

  constructor(
    private readonly parts: { ledger: Ledger; redis: Redis; sales: SalesFollower; metrics: Metrics; log: Logger },
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
    const { ledger, redis, sales, metrics } = this.parts
    const streams = streamsOf((await sales.latest()).sales)
    const settled_below: { key: string; below: string }[] = []
    const backlog = new Map<string, number>()
    for (const { key, sale } of streams) {
      const view = await viewOf(redis, key)
      if (view === undefined) continue
      backlog.set(sale, (backlog.get(sale) ?? 0) + view.backlog)
      const oldest = await redis.xrange(key, '-', `(${view.settled_below}`, 'COUNT', 1)
      if (oldest.length > 0) settled_below.push({ key, below: view.settled_below })
    }
    for (const [sale, entries] of backlog) metrics.backlog.set({ sale }, entries)
    if (settled_below.length > 0) {
      await ledger.durable()
      for (const { key, below } of settled_below) await redis.xtrim(key, 'MINID', '=', below)
    }
    return ledger.kind === 'pglite' ? EVERY_PGLITE_MS : EVERY_MS
  }
}

/** Every entry below `settled_below` is acknowledged. undefined when there is no stream or no group. */
export async function viewOf(
  redis: Redis,
  key: string,
): Promise<{ settled_below: string; backlog: number } | undefined> {
  const replies = await redis.multi().xinfo('GROUPS', key).xpending(key, SETTLER_GROUP).exec()
  const [groups, pending] = replies ?? []
  // not there: it was flushed, and a rebuild makes it again
  if (groups === undefined || pending === undefined || groups[0] !== null || pending[0] !== null) return undefined
  const group = (groups[1] as unknown[][]).map(pairs).find(({ name }) => name === SETTLER_GROUP)
  if (group === undefined) return undefined
  const [count, first] = pending[1] as [number, string | null]
  return {
    settled_below: first ?? next(String(group['last-delivered-id'])),
    backlog: count + Number(group['lag'] ?? 0),
  }
}

function pairs(flat: unknown[]): Record<string, unknown> {
  const record: Record<string, unknown> = {}
  for (let i = 0; i + 1 < flat.length; i += 2) record[String(flat[i])] = flat[i + 1]
  return record
}

function next(id: string): string {
  const [ms, sequence] = id.split('-')
  return `${ms}-${BigInt(sequence ?? '0') + 1n}`
}
