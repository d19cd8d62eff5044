// Writes a shard's keys from the ledger's image of it. The shard is closed meanwhile and nothing is
// served from it; once it is not (another rebuild came before this one), nothing is written and LeftEpoch is thrown.
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
import type { ClosedShard } from '../redis/closed-shard'
import { recordOf, type Shards } from '../redis/shards'
import { copyGenerations } from '../sessions/sessions'

const VALUES_AT_ONCE = 1000

export async function loadShard(redis: Redis, closed: ClosedShard, sale: Sale, image: ShardImage): Promise<void> {
  const { shard } = closed
  const meta = metaKey(sale.id, shard)
  await closed.run('UNLINK', [
    buyersKey(sale.id, shard),
    reservationsKey(sale.id, shard),
    sessionsKey(sale.id, shard),
    returnedKey(sale.id, shard),
    spentKey(sale.id, shard),
    ...sale.skus.map(({ sku }) => freeKey(sale.id, shard, sku)),
  ])
  await dropOldFields(redis, closed, meta)
  for (const { sku, units } of image.free) {
    await closed.write(
      'RPUSH',
      freeKey(sale.id, shard, sku),
      units.map(({ unit, generation }) => `${unit}:${generation}`),
    )
  }
  await closed.write(
    'HSET',
    reservationsKey(sale.id, shard),
    image.orders.flatMap((order) => [order.body, formatRecord(recordOf(order))]),
  )
  await closed.write(
    'HSET',
    spentKey(sale.id, shard),
    image.orders.flatMap(({ spends, body }) => (spends === '' ? [] : spends.split(',').flatMap((id) => [id, body]))),
  )
  await closed.write('HSET', buyersKey(sale.id, shard), buyerFields(sale, image))
  await closed.write(
    'HSET',
    sessionsKey(sale.id, shard),
    image.sessions.flatMap(({ user, generation }) => [user, String(generation)]),
  )
  await closed.write(
    'HSET',
    meta,
    image.unpaid.flatMap(({ sku, units }) => [`unpaid:${sku}`, String(units)]),
  )
  await closed.flush()
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
async function dropOldFields(redis: Redis, closed: ClosedShard, meta: string): Promise<void> {
  const fields = await redis.hkeys(meta)
  const old = fields.filter(
    (field) => field.startsWith('late:') || field.startsWith('unpaid:') || field.startsWith('sku:'),
  )
  await closed.write('HDEL', meta, old)
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
