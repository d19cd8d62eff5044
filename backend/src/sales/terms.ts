// The invariant of a sale, term by term: what the ledger says beside what Redis and the queue hold.
//
// granted = free + held + returning + moving + confirmed + paid. Of the granted rows that are neither on the move nor sold,
// those in a free list are free and those named by an unsettled intent are held.
import type { Redis } from 'ioredis'
import { freeKey, intentsKey } from '../../../contract/keys'
import type { Intent, Ledger, Sale, Terms } from '../ledger/port'
import { decodeEntry, type StreamEntry } from '../settlement/intents'

const ENTRIES_AT_ONCE = 200
const LOOKS_MAX = 5

interface SkuTerms extends Terms {
  free: number
  held: number
  in_redis: number
  in_queue: number
}

interface SaleTerms {
  sale: string
  skus: SkuTerms[]
  balanced: boolean
}

/** Looks again a few times when the terms do not balance, because they cannot all be read at one moment. */
export async function termsOfSale(ledger: Ledger, redis: Redis, sale: Sale): Promise<SaleTerms> {
  let terms = await look(ledger, redis, sale)
  for (let i = 1; i < LOOKS_MAX && !terms.balanced; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20 * i))
    terms = await look(ledger, redis, sale)
  }
  return terms
}

async function look(ledger: Ledger, redis: Redis, sale: Sale): Promise<SaleTerms> {
  const in_queue = await unitsInQueue(ledger, redis, sale)
  const terms = await ledger.terms(sale.id)
  const skus: SkuTerms[] = []
  let balanced = true
  for (const term of terms) {
    let in_redis = 0
    for (let shard = 0; shard < sale.shards; shard++) in_redis += await redis.llen(freeKey(sale.id, shard, term.sku))
    const held = in_queue.get(term.sku) ?? 0
    const lent = term.granted - term.returning - term.moving - term.confirmed - term.paid
    const free = lent - held
    if (term.total !== -1 && (free !== in_redis || free < 0)) balanced = false
    skus.push({ ...term, free: term.total === -1 ? 0 : free, held, in_redis, in_queue: held })
  }
  return { sale: sale.id, skus, balanced }
}

/** Units named by intents that the ledger has not settled. */
async function unitsInQueue(ledger: Ledger, redis: Redis, sale: Sale): Promise<Map<string, number>> {
  const units = new Map<string, number>()
  for (let shard = 0; shard < sale.shards; shard++) {
    let from = '-'
    for (;;) {
      const key = intentsKey(sale.id, shard)
      const entries = (await redis.xrangeBuffer(key, from, '+', 'COUNT', ENTRIES_AT_ONCE)) as StreamEntry[]
      const intents = entries.flatMap(([, fields]) => decodeEntry(sale.id, shard, fields).intents)
      const bodies = intents.map(({ body }) => body)
      const known = new Set(bodies.length === 0 ? [] : await ledger.knows(sale.id, bodies))
      for (const intent of intents) {
        if (known.has(intent.body) && !(await isUnsettledLate(ledger, intent))) continue
        units.set(intent.sku, (units.get(intent.sku) ?? 0) + intent.units.length)
      }
      const last = entries.at(-1)
      if (entries.length < ENTRIES_AT_ONCE || last === undefined) break
      from = `(${last[0].toString()}`
    }
  }
  return units
}

/** A late payment's intent has the body of an order that the ledger knows: it waits while that order is expired. */
async function isUnsettledLate(ledger: Ledger, intent: Intent): Promise<boolean> {
  return intent.kind === 'late' && (await ledger.order(intent.sale, intent.body))?.status === 'expired'
}
