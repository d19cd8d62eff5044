// The streams of intents: which there are, what was read from them, and how far each is settled.
//
// All readers are consumers of one group. An entry is acknowledged when the ledger has it and not before, so that what is pending or not read yet is
// exactly what is not settled, whoever has it in hand.
import type { Redis } from 'ioredis'
import { intentsKey, SETTLER_GROUP } from '../../../contract/keys'
import type { Sale } from '../ledger/port'

/** In the group: whoever the relay has handed an entry to, once Kafka has it. Nobody reads under this name. */
export const KAFKA_CONSUMER = 'kafka'

/** A shard's stream. */
export interface Stream {
  key: string
  sale: string
  shard: number
}

/** What one batch of the reserve script has written; `fields` is null for an entry that was trimmed meanwhile, hence settled. */
export interface RawEntry {
  stream: Stream
  id: string
  fields: Buffer[] | null
}

export function streamOf(sale: string, shard: number): Stream {
  return { key: intentsKey(sale, shard), sale, shard }
}

export function streamsOf(sales: Sale[]): Stream[] {
  const streams: Stream[] = []
  for (const sale of sales) {
    if (sale.state === 'draft' || sale.rebuilding || sale.epoch === 0) continue
    for (let shard = 0; shard < sale.shards; shard++) streams.push(streamOf(sale.id, shard))
  }
  return streams
}

export function keysOf(streams: Stream[]): string {
  return streams.map(({ key }) => key).join(' ')
}

/** Entries by the consumer that has them in hand. */
export async function pendingByConsumer(redis: Redis, key: string): Promise<[consumer: string, entries: number][]> {
  const [, , , consumers] = (await redis.xpending(key, SETTLER_GROUP)) as [number, unknown, unknown, string[][] | null]
  return (consumers ?? []).map(([name, count]) => [String(name), Number(count)])
}

interface StreamView {
  /** every entry below it is acknowledged */
  settled_below: string
  /** entries that are not settled, wherever they are */
  backlog: number
  /** of these, handed to Kafka */
  in_kafka: number
}

/** undefined when there is no stream or no group. */
export async function viewOf(redis: Redis, key: string): Promise<StreamView | undefined> {
  const replies = await redis.multi().xinfo('GROUPS', key).xpending(key, SETTLER_GROUP).exec()
  const [groups, pending] = replies ?? []
  // not there: it was flushed, and a rebuild makes it again
  if (groups === undefined || pending === undefined || groups[0] !== null || pending[0] !== null) return undefined
  const group = (groups[1] as unknown[][]).map(pairs).find(({ name }) => name === SETTLER_GROUP)
  if (group === undefined) return undefined
  const [count, first, , consumers] = pending[1] as [number, string | null, unknown, string[][] | null]
  // a group that was wound back has read less than what it has in hand
  const unread = next(String(group['last-delivered-id']))
  const of_kafka = (consumers ?? []).find(([name]) => name === KAFKA_CONSUMER)
  return {
    settled_below: first === null ? unread : lower(first, unread),
    backlog: count + Number(group['lag'] ?? 0),
    in_kafka: Number(of_kafka?.[1] ?? 0),
  }
}

function pairs(flat: unknown[]): Record<string, unknown> {
  const record: Record<string, unknown> = {}
  for (let i = 0; i + 1 < flat.length; i += 2) record[String(flat[i])] = flat[i + 1]
  return record
}

function lower(a: string, b: string): string {
  const [a_ms = '0', a_sequence = '0'] = a.split('-')
  const [b_ms = '0', b_sequence = '0'] = b.split('-')
  if (a_ms !== b_ms) return BigInt(a_ms) < BigInt(b_ms) ? a : b
  return BigInt(a_sequence) < BigInt(b_sequence) ? a : b
}

function next(id: string): string {
  const [ms, sequence] = id.split('-')
  return `${ms}-${BigInt(sequence ?? '0') + 1n}`
}
