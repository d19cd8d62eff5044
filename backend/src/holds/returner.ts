// Gives units back to their shard: pending returns of the ledger, applied in Redis exactly once each.
//
// The script remembers each return's id as long as the epoch lasts. So a crash between any two steps repeats a step and nothing
// else, and of several sweepers one that read its list before another struck a return off changes nothing with it.
import type { Ledger } from '../ledger/port'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import type { Shards } from '../redis/shards'

const AT_ONCE_MAX = 500
const POLL_MS = 250
/** A shard being rebuilt takes no returns. */
const STALE_PAUSE_MS = 200

export class Returner {
  private readonly loop: Loop

  constructor(private readonly parts: { ledger: Ledger; shards: Shards; metrics: Metrics; log: Logger }) {
    this.loop = new Loop({ name: 'returner', log: parts.log, metrics: parts.metrics, step: () => this.step() })
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
    const { ledger, shards, metrics } = this.parts
    const returns = await ledger.pendingReturns(AT_ONCE_MAX)
    metrics.outbox_lag.set({ kind: 'return' }, returns.length)
    if (returns.length === 0) return POLL_MS
    // an id that Redis has seen is never given out again, whatever the ledger loses
    await ledger.durable()
    const outcomes = await shards.giveBack(returns)
    for (const outcome of outcomes) metrics.returns.inc({ outcome })
    const applied = returns.filter((_, i) => outcomes[i] !== 'stale')
    if (applied.length === 0) return STALE_PAUSE_MS
    await ledger.returnsApplied(applied.map(({ id }) => id))
    return returns.length === AT_ONCE_MAX ? 0 : POLL_MS
  }
}
