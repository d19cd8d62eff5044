// The sale that is sold in every slice: loading it, putting it back as it was, and counting what was sold.
import type { Redis } from 'ioredis'
import { buyersKey, freeKey, intentsKey, metaKey, reservationsKey, spentKey } from '../contract/keys'

const SHARD = 0
const PUSH_UNITS_MAX = 5000

export interface Sale {
  id: string
  sku: string
  epoch: number
  /** purchases bring a signature and a pass, and spend the pass */
  guarded?: boolean
}

/** Loads an open sale as the backend's rebuild does, for measurements that need Redis alone. */
export async function loadSale(redis: Redis, sale: Sale, units: number): Promise<void> {
  const now_ms = Date.now()
  await redis.hset(metaKey(sale.id, SHARD), {
    epoch: sale.epoch,
    state: 'open',
    opens_ms: now_ms - 3_600_000,
    closes_ms: now_ms + 86_400_000,
    stock_version: 0,
    sale_user_max: 0,
    hold_attempts_max: 3,
    backlog_max: 1_000_000,
    [`sku:${sale.sku}`]: `1 1 ${units}`,
    [`unpaid:${sale.sku}`]: 0,
  })
  for (let from = 1; from <= units; from += PUSH_UNITS_MAX) {
    const count = Math.min(PUSH_UNITS_MAX, units - from + 1)
    await redis.rpush(freeKey(sale.id, SHARD, sale.sku), ...Array.from({ length: count }, (_, i) => `${from + i}:1`))
  }
}

/** Every key of a Redis, to be put back before each slice: the same bytes for everybody, whoever wrote them. */
export class RedisImage {
  private constructor(private readonly keys: { name: Buffer; dump: Buffer }[]) {}

  static async capture(redis: Redis): Promise<RedisImage> {
    const keys: { name: Buffer; dump: Buffer }[] = []
    for (const name of await redis.keysBuffer('*')) {
      const dump = await redis.dumpBuffer(name)
      if (dump === null) throw new Error(`Redis key ${name.toString()} vanished while its image was taken`)
      keys.push({ name, dump })
    }
    if (keys.length === 0) throw new Error('Redis is empty: there is no sale to sell from')
    return new RedisImage(keys)
  }

  async restore(redis: Redis): Promise<void> {
    await redis.flushall('SYNC')
    // a gate that runs may have written a key of its own meanwhile
    for (const { name, dump } of this.keys) await redis.restore(name, 0, dump, 'REPLACE')
  }
}

export interface Sold {
  reservations: number
  buyers: number
  /** purchases in the intents stream */
  queued: number
  /** entries of the intents stream: batches */
  batches: number
  free: number
  /** passes */
  spent: number
}

export async function countSold(redis: Redis, sale: Sale): Promise<Sold> {
  const entries = await redis.xrangeBuffer(intentsKey(sale.id, SHARD), '-', '+')
  let queued = 0
  for (const [, fields] of entries) {
    const at = fields.findIndex((field, i) => i % 2 === 0 && field.toString() === 'n')
    queued += Number(fields[at + 1]?.toString())
  }
  return {
    reservations: await redis.hlen(reservationsKey(sale.id, SHARD)),
    buyers: await redis.hlen(buyersKey(sale.id, SHARD)),
    queued,
    batches: entries.length,
    free: await redis.llen(freeKey(sale.id, SHARD, sale.sku)),
    spent: await redis.hlen(spentKey(sale.id, SHARD)),
  }
}

/** What is wrong when `count` distinct buyers should have got one unit each out of `free_before`, for a pass each where it is `guarded`; undefined when all is right. */
export function soldWrongly(sold: Sold, count: number, free_before: number, guarded = false): string | undefined {
  const spent = guarded ? count : 0
  const expected = { reservations: count, buyers: count, queued: count, free: free_before - count, spent }
  for (const [name, value] of Object.entries(expected)) {
    const found = sold[name as keyof typeof expected]
    if (found !== value) return `${name}: ${found} in Redis after ${count} purchases, expected ${value}`
  }
  return undefined
}
