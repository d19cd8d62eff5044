// Settles entries, wherever they were read: one ledger transaction a batch, and each entry acknowledged in its stream after the
// commit. What is settled twice changes nothing, so everything here may be repeated.
//
// An intent that the ledger cannot settle is found by bisection and set aside; the others go on.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { SETTLER_GROUP } from '../../../contract/keys'
import type { Intent, Ledger, StatusChange } from '../ledger/port'
import type { Logger } from '../log'
import type { Metrics } from '../metrics'
import { isAway } from '../redis/client'
import type { SalesFollower } from '../sales/follower'
import { decodeEntry } from './intents'
import type { RawEntry } from './streams'

/** Intents in one ledger transaction, give or take an entry: beyond it a batch saves nothing more, and others wait for its locks. */
const BATCH_MAX = 2000
/** While the database works on one batch, the next is read from it, decided and written down. */
const IN_FLIGHT_MAX = 2
const TRIES_MAX = 3
const TRY_BACKOFF_MS = 50

/** What one batch of the reserve script has written. */
interface Entry {
  raw: RawEntry
  intents: Intent[]
}

/** Where intents come from: reads them, has them settled, and never forgets one before it is. */
export interface IntentSource {
  start(): void
  stop(): Promise<void>
}

interface SettlingParts {
  ledger: Ledger
  redis: Redis
  sales: SalesFollower
  metrics: Metrics
  log: Logger
  /** called after each batch with what is to be published; there may be returns to carry to Redis too */
  onSettled: (announced: StatusChange[]) => void
}

export class Settling {
  constructor(private readonly parts: SettlingParts) {}

  /** Answers the entries that are to come again: of a sale being rebuilt, or with an intent that could not even be set aside. */
  async settle(raw: RawEntry[]): Promise<RawEntry[]> {
    const left: RawEntry[] = []
    const in_flight: Promise<RawEntry[]>[] = []
    try {
      for (const batch of batches(raw.map((entry) => this.decoded(entry)))) {
        if (in_flight.length === IN_FLIGHT_MAX) left.push(...(await (in_flight.shift() as Promise<RawEntry[]>)))
        const settled = this.settleBatch(batch)
        // its failure is met when it is waited for
        settled.catch(() => undefined)
        in_flight.push(settled)
      }
      for (const again of await Promise.all(in_flight)) left.push(...again)
    } finally {
      // nothing goes on when this has answered
      await Promise.allSettled(in_flight)
    }
    if (left.length > 0) this.parts.sales.changed()
    return left
  }

  private decoded(raw: RawEntry): Entry {
    const { log, metrics } = this.parts
    const { stream, id, fields } = raw
    if (fields === null) return { raw, intents: [] }
    const { intents, problem } = decodeEntry(stream.sale, stream.shard, fields)
    if (problem !== '') {
      metrics.dead_intents.inc({ sale: stream.sale })
      const bytes = Buffer.concat(fields).toString('base64')
      log.error({ sale: stream.sale, entry: id, problem, bytes }, 'an entry cannot be read')
    }
    return { raw, intents }
  }

  /** Whole entries, so that an entry is acknowledged when all of it is settled. */
  private async settleBatch(entries: Entry[]): Promise<RawEntry[]> {
    const intents = entries.flatMap((entry) => entry.intents)
    const deferred = intents.length === 0 ? [] : await this.settleIntents(intents, TRIES_MAX)
    const names = new Set(deferred.map(nameOf))
    const left: RawEntry[] = []
    const done = new Map<string, string[]>()
    for (const { raw, intents: of_entry } of entries) {
      if (names.size > 0 && of_entry.some((intent) => names.has(nameOf(intent)))) {
        left.push(raw)
        continue
      }
      const ids = done.get(raw.stream.key)
      if (ids === undefined) done.set(raw.stream.key, [raw.id])
      else ids.push(raw.id)
    }
    for (const [key, ids] of done) await this.parts.redis.xack(key, SETTLER_GROUP, ...ids)
    return left
  }

  /** Returns the intents that are to come again: those of a sale being rebuilt, and those that could not even be set aside. */
  private async settleIntents(intents: Intent[], tries: number): Promise<Intent[]> {
    const { ledger, metrics, log, onSettled } = this.parts
    let failure: unknown
    for (let i = 0; i < tries; i++) {
      try {
        const end = metrics.settle_seconds.startTimer()
        const { deferred, announced } = await ledger.settle(intents)
        end()
        metrics.settle_batches.inc()
        countBySale(intents, deferred, metrics)
        onSettled(announced)
        return deferred
      } catch (error) {
        if (isAway(error)) throw error
        failure = error
        await sleep(TRY_BACKOFF_MS * 2 ** i)
      }
    }
    const first = intents[0] as Intent
    if (intents.length > 1) {
      log.error({ err: failure, intents: intents.length }, 'a batch cannot be settled: looking for the intent at fault')
      const middle = Math.ceil(intents.length / 2)
      const left = await this.settleIntents(intents.slice(0, middle), 1)
      return [...left, ...(await this.settleIntents(intents.slice(middle), 1))]
    }
    return this.setAside(first, failure instanceof Error ? failure.message : String(failure))
  }

  private async setAside(intent: Intent, reason: string): Promise<Intent[]> {
    const { ledger, metrics, log, onSettled } = this.parts
    const { sale, body } = intent
    try {
      await ledger.bury(intent, reason)
      metrics.dead_intents.inc({ sale })
      log.error({ sale, body, reason }, 'an intent cannot be settled and is set aside as void')
      onSettled([])
      return []
    } catch (error) {
      if (isAway(error)) throw error
      log.error({ err: error, sale, body }, 'an intent can neither be settled nor set aside')
      return [intent]
    }
  }
}

/** Of whole entries, with about as many intents in each: a small last batch costs nearly as much as a full one. */
function batches(entries: Entry[]): Entry[][] {
  const intents = entries.reduce((sum, entry) => sum + entry.intents.length, 0)
  const size = Math.max(1, Math.ceil(intents / Math.max(1, Math.ceil(intents / BATCH_MAX))))
  const split: Entry[][] = []
  let of_last = size
  for (const entry of entries) {
    if (of_last >= size) {
      split.push([])
      of_last = 0
    }
    split.at(-1)?.push(entry)
    of_last += entry.intents.length
  }
  return split
}

/** A late payment has the body of the purchase that it follows. */
function nameOf(intent: Intent): string {
  return `${intent.sale} ${intent.kind} ${intent.body}`
}

function countBySale(intents: Intent[], deferred: Intent[], metrics: Metrics): void {
  const counts = new Map<string, number>()
  for (const { sale } of intents) counts.set(sale, (counts.get(sale) ?? 0) + 1)
  for (const { sale } of deferred) counts.set(sale, (counts.get(sale) ?? 0) - 1)
  for (const [sale, count] of counts) if (count > 0) metrics.settled.inc({ sale }, count)
}
