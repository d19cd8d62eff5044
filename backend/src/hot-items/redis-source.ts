// Events of items from the capped Redis stream, where there is no Kafka. An entry is a batch of a gate's worker.
//
// What is stored is acknowledged and deleted, so the stream holds what nobody has yet; its gates push out the oldest when it is
// full. An entry that a dead indexer had in its hands is taken over by another, and stored twice it is stored once.
import type { Redis } from 'ioredis'
import { eventStreamKey } from '../../../contract/hot-item-event'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import { isAway } from '../redis/client'
import type { DeadLetter } from './event'
import { BULK_EVENTS_MAX, type DeadLetters, type Delivered, type Indexer } from './indexer'
import type { HotItemMetrics } from './metrics'

const GROUP = 'indexers'
const BLOCK_MS = 1_000
/** On top of BLOCK_MS: then the connection is taken for dead. */
const BLOCK_GRACE_MS = 3_000
/** Of up to 256 events each. */
const ENTRIES_AT_ONCE_MAX = 16
const CLAIM_EVERY_MS = 5_000
const CLAIM_IDLE_MS = 60_000
const LINE_END = 10
const DEAD_ENTRIES_MAX = 10_000

type Entry = [id: Buffer, fields: Buffer[] | null]
type ReadReply = [key: Buffer, entries: Entry[]][] | null

interface RedisSourceParts {
  redis: Redis
  /** waits in XREADGROUP and does nothing else */
  blocking: Redis
  /** stable over restarts: what this consumer had in its hands comes to it again */
  instance: string
  indexer: Pick<Indexer, 'take'>
  log: Logger
  metrics: Metrics
  counts: HotItemMetrics
}

export class RedisSource {
  private readonly loop: Loop
  private grouped = false
  /** there may be entries that were given to us and that we have not acknowledged */
  private unfinished = true
  private claimed_ms = 0

  constructor(private readonly parts: RedisSourceParts) {
    const { log, metrics } = parts
    this.loop = new Loop({ name: 'hot item stream', log, metrics, step: () => this.step() })
  }

  start(): void {
    this.loop.start()
  }

  async stop(): Promise<void> {
    const stopped = this.loop.stop()
    // ends the blocking read; what it would have read stays pending and comes again
    this.parts.blocking.disconnect()
    await stopped
  }

  private async step(): Promise<number> {
    try {
      await this.ensureGroup()
      if (this.unfinished) await this.finishUnfinished()
      await this.claimAbandoned()
      const entries = await this.readNew()
      await this.takeAll(entries)
      await this.lookAtLag()
    } catch (error) {
      this.unfinished = true
      if (this.loop.isStopping) return 0
      if (error instanceof Error && error.message.startsWith('NOGROUP')) {
        this.grouped = false
        return 0
      }
      // said by the connection itself
      if (isAway(error)) return BLOCK_MS
      throw error
    }
    return 0
  }

  private async ensureGroup(): Promise<void> {
    if (this.grouped) return
    try {
      await this.parts.redis.xgroup('CREATE', eventStreamKey(), GROUP, '0', 'MKSTREAM')
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('BUSYGROUP'))) throw error
    }
    this.grouped = true
  }

  private async finishUnfinished(): Promise<void> {
    for (;;) {
      const reply = await this.read(this.parts.redis, '0')
      const entries = reply?.[0]?.[1] ?? []
      if (entries.length === 0) break
      await this.takeAll(entries)
      if (this.loop.isStopping) return
    }
    this.unfinished = false
  }

  private async claimAbandoned(): Promise<void> {
    const now_ms = performance.now()
    if (now_ms - this.claimed_ms < CLAIM_EVERY_MS) return
    this.claimed_ms = now_ms
    const { redis, instance } = this.parts
    const args = [eventStreamKey(), GROUP, instance, CLAIM_IDLE_MS, '0-0', 'COUNT', ENTRIES_AT_ONCE_MAX]
    const [, entries] = (await redis.callBuffer('XAUTOCLAIM', ...args)) as [Buffer, Entry[]]
    await this.takeAll(entries)
  }

  private async readNew(): Promise<Entry[]> {
    const { blocking } = this.parts
    const dead = setTimeout(() => blocking.disconnect(true), BLOCK_MS + BLOCK_GRACE_MS)
    try {
      return (await this.read(blocking, '>', BLOCK_MS))?.[0]?.[1] ?? []
    } finally {
      clearTimeout(dead)
    }
  }

  private async read(redis: Redis, after: string, block_ms = 0): Promise<ReadReply> {
    const block = block_ms === 0 ? [] : ['BLOCK', String(block_ms)]
    const count = ['COUNT', String(ENTRIES_AT_ONCE_MAX)]
    const args = ['GROUP', GROUP, this.parts.instance, ...count, ...block, 'STREAMS', eventStreamKey(), after]
    return (await redis.callBuffer('XREADGROUP', ...args)) as ReadReply
  }

  private async takeAll(entries: Entry[]): Promise<void> {
    let delivered: Delivered[] = []
    let ids: string[] = []
    const pulse = { isStopping: () => this.loop.isStopping, beat: async () => undefined }
    const flush = async () => {
      if (ids.length === 0) return
      if (!(await this.parts.indexer.take(delivered, pulse))) {
        this.unfinished = true
        return
      }
      const { redis } = this.parts
      await redis
        .multi()
        .xack(eventStreamKey(), GROUP, ...ids)
        .xdel(eventStreamKey(), ...ids)
        .exec()
      delivered = []
      ids = []
    }
    for (const [id, fields] of entries) {
      const of_entry = eventsOf(id.toString(), fields)
      if (delivered.length > 0 && delivered.length + of_entry.length > BULK_EVENTS_MAX) await flush()
      if (this.unfinished && this.loop.isStopping) return
      delivered.push(...of_entry)
      ids.push(id.toString())
    }
    await flush()
  }

  private async lookAtLag(): Promise<void> {
    const { redis, counts } = this.parts
    counts.lag.set({ queue: 'stream' }, await redis.xlen(eventStreamKey()))
  }
}

/** An entry that was pushed out meanwhile has no fields. */
function eventsOf(id: string, fields: Buffer[] | null): Delivered[] {
  if (fields === null) return []
  const from = `${eventStreamKey()}/${id}`
  for (let i = 0; i + 1 < fields.length; i += 2) {
    if (fields[i]?.toString() === 'e') return linesOf(fields[i + 1] as Buffer, from)
  }
  return [{ bytes: Buffer.concat(fields), from }]
}

function linesOf(bytes: Buffer, from: string): Delivered[] {
  const lines: Delivered[] = []
  let start = 0
  while (start < bytes.length) {
    const found = bytes.indexOf(LINE_END, start)
    const end = found < 0 ? bytes.length : found
    if (end > start) lines.push({ bytes: bytes.subarray(start, end), from: `${from}/${lines.length}` })
    start = end + 1
  }
  return lines
}

/** stream, capped: field `event` as it came, `reason`, `cause`, `from` */
export function deadStreamKey(): string {
  return `${eventStreamKey()}.dead`
}

/** Dead letters to a stream beside the events', the newest DEAD_ENTRIES_MAX of them. */
export class RedisDeadLetters implements DeadLetters {
  constructor(private readonly redis: Redis) {}

  async write(letters: DeadLetter[]): Promise<void> {
    const pipeline = this.redis.pipeline()
    const cap = ['MAXLEN', '~', DEAD_ENTRIES_MAX] as const
    for (const { bytes, reason, cause, from } of letters) {
      pipeline.xadd(deadStreamKey(), ...cap, '*', 'event', bytes, 'reason', reason, 'cause', cause, 'from', from)
    }
    for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error
  }
}
