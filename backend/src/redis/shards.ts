// What the backend does to a sale's shard in Redis, as typed calls of the scripts (edge/src/redis/).
import type { Redis } from 'ioredis'
import { buyersKey, freeKey, intentsKey, metaKey, reservationsKey, returnedKey } from '../../../contract/keys'
import { formatRecord, parseRecord, type ReservationRecord } from '../../../contract/record'
import { BODY_LENGTH } from '../../../contract/reservation-id'
import type { Order, PendingReturn, Sale, StatusChange } from '../ledger/port'
import { followOrders } from '../waiting/checkout'
import { ClosedShard } from './closed-shard'
import type { Scripts } from './scripts'

/** In one call of the script: bounds the time it holds Redis (about 1 ms). */
const PUBLISHED_AT_ONCE_MAX = 500

interface ShardView {
  /** '' when the shard is not there */
  epoch: string
  state: string
}

export function recordOf(order: Order): ReservationRecord {
  return {
    version: order.version,
    status: order.status,
    sku: order.sku,
    quantity: order.quantity,
    units: order.units.join(','),
    reserved_ms: order.reserved_ms,
    pay_by_ms: order.pay_by_ms,
    order: order.order,
  }
}

/** As edge/src/redis/publish.ts unpacks it. */
function packedChange(order: Order): Buffer {
  const record = formatRecord(recordOf(order))
  const [record_bytes, sku_bytes] = [Buffer.byteLength(record), Buffer.byteLength(order.sku)]
  const packed = Buffer.allocUnsafe(BODY_LENGTH + 2 + record_bytes + 2 + 1 + sku_bytes)
  let at = packed.write(order.body, 0, BODY_LENGTH, 'latin1')
  at = packed.writeUInt16BE(record_bytes, at)
  at += packed.write(record, at)
  at = packed.writeUInt16BE(order.quantity, at)
  at = packed.writeUInt8(sku_bytes, at)
  packed.write(order.sku, at)
  return packed
}

/** The fields of a shard's meta hash that follow from the sale and from this backend's settings. */
function metaFieldsOf(sale: Sale, backlog_max: number): Record<string, string> {
  const fields: Record<string, string> = {
    state: sale.state === 'ready' ? 'open' : sale.state === 'paused' ? 'paused' : 'ended',
    opens_ms: String(sale.opens_ms),
    closes_ms: String(sale.closes_ms),
    sale_user_max: String(sale.sale_user_max),
    hold_attempts_max: String(sale.hold_attempts_max),
    backlog_max: String(backlog_max),
  }
  for (const sku of sale.skus) fields[`sku:${sku.sku}`] = `${sku.user_max} ${sku.price_version} ${sku.total}`
  return fields
}

export class Shards {
  constructor(
    readonly redis: Redis,
    private readonly scripts: Scripts,
    /** entries in a shard's stream, above which purchases are told `busy`; 0: no such limit */
    private readonly backlog_max: number,
  ) {}

  metaFields(sale: Sale): Record<string, string> {
    return metaFieldsOf(sale, this.backlog_max)
  }

  /** Writes statuses that are newer than what Redis has. */
  async publish(changes: StatusChange[]): Promise<void> {
    const of_place = new Map<string, { keys: string[]; packed: Buffer[][] }>()
    for (const { sale, shard, order } of changes) {
      const place = `${sale}.${shard}`
      let call = of_place.get(place)
      if (call === undefined) {
        call = { keys: [metaKey(sale, shard), reservationsKey(sale, shard)], packed: [[]] }
        of_place.set(place, call)
      }
      let chunk = call.packed.at(-1) as Buffer[]
      if (chunk.length === PUBLISHED_AT_ONCE_MAX) {
        chunk = []
        call.packed.push(chunk)
      }
      chunk.push(packedChange(order))
    }
    const all = [...of_place.values()].flatMap(({ keys, packed }) =>
      packed.map((chunk) => ({ keys, args: [Buffer.concat(chunk)] })),
    )
    await this.scripts.runMany(this.redis, 'publish', all)
  }

  /** Those who bought with a pass: their places in checkout follow their orders. */
  followInCheckout(orders: Order[]): Promise<void> {
    return followOrders(this.redis, this.scripts, orders)
  }

  /** `stale`: the shard is on another epoch or closed, so that a rebuild takes care of it. */
  async giveBack(returns: PendingReturn[]): Promise<('applied' | 'seen' | 'stale')[]> {
    const replies = await this.scripts.runMany(
      this.redis,
      'give-back',
      returns.map((each) => ({
        keys: [
          metaKey(each.sale, each.shard),
          buyersKey(each.sale, each.shard),
          reservationsKey(each.sale, each.shard),
          returnedKey(each.sale, each.shard),
          freeKey(each.sale, each.shard, each.sku),
        ],
        args: [
          each.id,
          each.sku,
          each.quantity,
          each.units.map(({ unit, generation }) => `${unit}:${generation}`).join(','),
          each.user,
          each.body,
          each.expired ? 1 : 0,
          each.epoch,
        ],
      })),
    )
    return replies as ('applied' | 'seen' | 'stale')[]
  }

  /** Looks for units for a payment that came late, in one shard. */
  async take(order: Order, shard: number, epoch: number): Promise<'taken' | 'none' | 'stale' | 'seen'> {
    const { sale, sku, body, quantity, price_version, user } = order
    const reply = await this.scripts.run(this.redis, 'take', {
      keys: [metaKey(sale, shard), intentsKey(sale, shard), freeKey(sale, shard, sku), buyersKey(sale, shard)],
      args: [epoch, body, sku, quantity, price_version, user],
    })
    return reply as 'taken' | 'none' | 'stale' | 'seen'
  }

  /** Answers the barrier, or 'stale' when Redis knows a newer epoch than this one. */
  close(sale: string, shard: number, epoch: number): Promise<string> {
    const keys = [metaKey(sale, shard), intentsKey(sale, shard)]
    return this.scripts.run(this.redis, 'close', { keys, args: [epoch] })
  }

  /** For loading it after `close`. */
  closed(sale: string, shard: number, epoch: number): ClosedShard {
    return new ClosedShard(this.redis, this.scripts, sale, shard, epoch)
  }

  async configure(
    sale: string,
    shard: number,
    epoch: number,
    fields: Record<string, string>,
  ): Promise<'applied' | 'stale'> {
    const args = [epoch, ...Object.entries(fields).flat()]
    const reply = await this.scripts.run(this.redis, 'configure', { keys: [metaKey(sale, shard)], args })
    return reply as 'applied' | 'stale'
  }

  /** The record and the epoch it was read under, in one step. */
  async lookUp(
    sale: string,
    shard: number,
    body: string,
  ): Promise<ShardView & { record: ReservationRecord | undefined }> {
    const replies = await this.redis
      .multi()
      .hmget(metaKey(sale, shard), 'epoch', 'state')
      .hget(reservationsKey(sale, shard), body)
      .exec()
    const [meta, record] = (replies ?? []).map(([error, reply]) => {
      if (error !== null) throw error
      return reply
    })
    const [epoch, state] = meta as (string | null)[]
    const text = record as string | null
    return { epoch: epoch ?? '', state: state ?? '', record: text === null ? undefined : parseRecord(text) }
  }

  /** The buyer's reservations that Redis says are held: not settled, or not published yet. */
  async heldOf(
    sale: Sale,
    shard: number,
    user: string,
    limit: number,
  ): Promise<{ body: string; record: ReservationRecord }[]> {
    const fields = sale.skus.map(({ sku }) => `${sku}:${user}`)
    const buyers = await this.redis.hmget(buyersKey(sale.id, shard), ...fields)
    // of each SKU the newest are the last
    const bodiesOf = (buyer: string | null) => buyer?.split(' ')[2]?.split(',').slice(-limit) ?? []
    const bodies = buyers.flatMap(bodiesOf).filter((body) => body !== '')
    if (bodies.length === 0) return []
    const records = await this.redis.hmget(reservationsKey(sale.id, shard), ...bodies)
    const held: { body: string; record: ReservationRecord }[] = []
    for (const [i, text] of records.entries()) {
      const record = text === null ? undefined : parseRecord(text)
      if (record?.status === 'held') held.push({ body: bodies[i] as string, record })
    }
    return held.slice(-limit)
  }
}

export async function replicationId(redis: Redis): Promise<{ replid: string; role: string }> {
  const info = await redis.info('replication')
  return {
    replid: /^master_replid:(\S+)/m.exec(info)?.[1] ?? '',
    role: /^role:(\S+)/m.exec(info)?.[1] ?? '',
  }
}

/** Redis may never evict a key: units would vanish. Returns the policy when it is another one. */
export async function wrongEvictionPolicy(redis: Redis): Promise<string | undefined> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1] ?? 'noeviction'
  return policy === 'noeviction' ? undefined : policy
}
