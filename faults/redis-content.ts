// What a sale's Redis holds, for the checkers: free lists, buyers' counts, records. One shard.
import type { Redis } from 'ioredis'
import { buyersKey, freeKey, reservationsKey } from '../contract/keys'
import { parseRecord } from '../contract/record'
import type { RedisContent, SaleRules } from './checkers/evidence'

const SHARD = 0

export async function readRedis(redis: Redis, sale: SaleRules): Promise<RedisContent> {
  const content: RedisContent = { free: [], buyers: [], records: [] }
  for (const { sku, total } of sale.skus) {
    if (total < 0) continue
    const entries = await redis.lrange(freeKey(sale.id, SHARD, sku), 0, -1)
    content.free.push({ sku, units: entries.map((entry) => Number(entry.split(':')[0])) })
  }
  for (const [field, value] of Object.entries(await redis.hgetall(buyersKey(sale.id, SHARD)))) {
    const colon = field.indexOf(':')
    const units = Number(value.split(' ')[0])
    content.buyers.push({ sku: field.slice(0, colon), user: field.slice(colon + 1), units })
  }
  for (const [body, text] of Object.entries(await redis.hgetall(reservationsKey(sale.id, SHARD)))) {
    const record = parseRecord(text)
    if (record === undefined) throw new Error(`record of ${body} in Redis is not a record: ${text}`)
    content.records.push({ body, status: record.status })
  }
  return content
}
