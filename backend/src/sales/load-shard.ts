// Writes a shard's keys from the ledger's image of it. The shard is closed meanwhile and nothing is served from it.
import type { Redis } from 'ioredis'
import {
  buyersKey,
  freeKey,
  metaKey,
  reservationsKey,
  returnedKey,
  sessionsKey,
  spentKey,
} from '../../../contract/keys'
import { formatRecord } from '../../../contract/record'
import type { Ledger, Sale, ShardImage } from '../ledger/port'
import { execAll } from '../redis/scripts'
import { recordOf, type Shards } from '../redis/shards'
import { copyGenerations } from '../sessions/sessions'

/** Values in one command, and commands in one pipeline: bounds how long Redis and its fsync are held up. */
const VALUES_AT_ONCE = 1000
const COMMANDS_AT_ONCE = 50

export async function loadShard(redis: Redis, sale: Sale, shard: number, image: ShardImage): Promise<void> {
  const meta = metaKey(sale.id, shard)
  const writer = new Writer(redis)
  await redis.unlink(
    buyersKey(sale.id, shard),
    reservationsKey(sale.id, shard),
    sessionsKey(sale.id, shard),
    returnedKey(sale.id, shard),
    spentKey(sale.id, shard),
    ...sale.skus.map(({ sku }) => freeKey(sale.id, shard, sku)),
  )
  await dropOldFields(redis, meta)
  for (const { sku, units } of image.free) {
    const list = freeKey(sale.id, shard, sku)
    await writer.write(
      units.map(({ unit, generation }) => `${unit}:${generation}`),
      (pipeline, values) => pipeline.rpush(list, ...values),
    )
  }
  await writer.hash(
    reservationsKey(sale.id, shard),
    image.orders.flatMap((order) => [order.body, formatRecord(recordOf(order))]),
  )
  await writer.hash(
    spentKey(sale.id, shard),
    image.orders.flatMap(({ spends, body }) => (spends === '' ? [] : spends.split(',').flatMap((id) => [id, body]))),
  )
  await writer.hash(buyersKey(sale.id, shard), buyerFields(sale, image))
  await writer.hash(
    sessionsKey(sale.id, shard),
    image.sessions.flatMap(({ user, generation }) => [user, String(generation)]),
  )
  await writer.hash(
    meta,
    image.unpaid.flatMap(({ sku, units }) => [`unpaid:${sku}`, String(units)]),
  )
  await writer.flush()
}

/** What the ledger came to know while the shard was loaded: a status published meanwhile may have been overwritten. */
export async function publishWhatChanged(
  parts: { ledger: Ledger; redis: Redis; shards: Shards },
  sale: Sale,
  shard: number,
  loaded: ShardImage,
): Promise<void> {
  const now = await parts.ledger.shardImage(sale.id, shard)
  const versions = new Map(loaded.orders.map(({ body, version }) => [body, version]))
  const changed = now.orders.filter(({ body, version }) => (versions.get(body) ?? -1) < version)
  if (changed.length > 0) await parts.ledger.durable()
  for (let from = 0; from < changed.length; from += VALUES_AT_ONCE) {
    const orders = changed.slice(from, from + VALUES_AT_ONCE)
    await parts.shards.publish(orders.map((order) => ({ id: '', sale: sale.id, shard, order })))
  }
  const generations = new Map(loaded.sessions.map(({ user, generation }) => [user, generation]))
  const raised = now.sessions.filter(({ user, generation }) => (generations.get(user) ?? 0) < generation)
  for (let from = 0; from < raised.length; from += VALUES_AT_ONCE) {
    await copyGenerations(parts.redis, [sale], raised.slice(from, from + VALUES_AT_ONCE))
  }
}

/** Marks of late payments and counts of unpaid units belong to the epoch before. */
async function dropOldFields(redis: Redis, meta: string): Promise<void> {
  const fields = await redis.hkeys(meta)
  const old = fields.filter(
    (field) => field.startsWith('late:') || field.startsWith('unpaid:') || field.startsWith('sku:'),
  )
  for (let from = 0; from < old.length; from += VALUES_AT_ONCE) {
    await redis.hdel(meta, ...old.slice(from, from + VALUES_AT_ONCE))
  }
}

/** "<sku>:<user>" for each SKU, and "*:<user>" for the sale as a whole where it has a limit. */
function buyerFields(sale: Sale, image: ShardImage): string[] {
  const fields: string[] = []
  const in_sale = new Map<string, { units: number; bodies: string[] }>()
  for (const { sku, user, units, expired_holds, bodies } of image.buyers) {
    fields.push(`${sku}:${user}`, `${units} ${expired_holds} ${bodies.join(',')}`)
    const total = in_sale.get(user) ?? { units: 0, bodies: [] }
    total.units += units
    total.bodies.push(...bodies)
    in_sale.set(user, total)
  }
  if (sale.sale_user_max > 0) {
    for (const [user, { units, bodies }] of in_sale) fields.push(`*:${user}`, `${units} 0 ${bodies.join(',')}`)
  }
  return fields
}

type Pipeline = ReturnType<Redis['pipeline']>

class Writer {
  private pipeline: Pipeline

  constructor(private readonly redis: Redis) {
    this.pipeline = redis.pipeline()
  }

  async hash(key: string, fields_and_values: string[]): Promise<void> {
    await this.write(fields_and_values, (pipeline, values) => pipeline.hset(key, ...values))
  }

  /** `values` in pieces of an even number, so that fields stay with their values. */
  async write(values: string[], add: (pipeline: Pipeline, values: string[]) => void): Promise<void> {
    for (let from = 0; from < values.length; from += VALUES_AT_ONCE) {
      add(this.pipeline, values.slice(from, from + VALUES_AT_ONCE))
      if (this.pipeline.length >= COMMANDS_AT_ONCE) await this.flush()
    }
  }

  async flush(): Promise<void> {
    const { pipeline } = this
    this.pipeline = this.redis.pipeline()
    if (pipeline.length > 0) await execAll(pipeline)
  }
}
