// Reads every sale's stream through one consumer group and hands on what it read; what was handed on and is not done comes again,
// after a restart too, and what a dead reader left is taken over.
//
// One blocking read on a connection of its own covers all streams, so an idle reader costs a call a second. While entries are worked on, the next
// are read already.
import type { Redis } from 'ioredis'
import { SETTLER_GROUP } from '../../../contract/keys'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import type { SalesFollower } from '../sales/follower'
import type { StreamEntry } from './intents'
import type { Redelivery } from './redelivery'
import { keysOf, pendingByConsumer, type RawEntry, type Stream, streamsOf } from './streams'

const BLOCK_MS = 1000
/** On top of BLOCK_MS: then the connection is taken for dead. */
const BLOCK_GRACE_MS = 3000
const IDLE_MS = 200
/** Entries (of up to 256 intents) taken from Redis at once, over all streams. */
const ENTRIES_AT_ONCE_MAX = 128
const ENTRIES_OF_STREAM_MIN = 4
const CLAIM_EVERY_MS = 5000
/** Another reader's entries are taken over after this time. */
const CLAIM_IDLE_MS = 15_000

type ReadReply = [key: Buffer, entries: [id: Buffer, fields: Buffer[] | null][]][] | null

export interface StreamReaderParts {
  name: string
  redis: Redis
  /** waits in XREADGROUP and does nothing else */
  blocking: Redis
  sales: SalesFollower
  metrics: Metrics
  log: Logger
  /** this reader's name in the group, stable over restarts */
  consumer: string
  /** whose entries are never taken over for being idle */
  spared: string[]
  redelivery: Redelivery
  /** Answers the entries that are to come again. */
  handle: (entries: RawEntry[]) => Promise<RawEntry[]>
}

export class StreamReader {
  private readonly loop: Loop
  /** streams whose group is known to be there */
  private readonly grouped = new Set<string>()
  /** streams of which this reader may have entries that it has not done */
  private readonly unfinished = new Set<string>()
  /** the streams of the read in progress */
  private waiting_on = ''
  private claimed_ms = 0
  private blocking_id: number | undefined
  /** read already, to be handled next */
  private ahead: Promise<RawEntry[]> | undefined

  constructor(private readonly parts: StreamReaderParts) {
    const { name, log, metrics, sales } = parts
    this.loop = new Loop({ name, log, metrics, step: () => this.step() })
    sales.onChange((all) => {
      if (keysOf(streamsOf(all)) !== this.waiting_on) this.wake()
    })
    this.watchBlockingConnection()
  }

  start(): void {
    this.loop.start()
  }

  async stop(): Promise<void> {
    const stopped = this.loop.stop()
    this.wake()
    await stopped
    // what was read ahead is this consumer's, and comes first after a restart
    await this.ahead?.catch(() => undefined)
    this.ahead = undefined
  }

  /** Ends a blocking read that does not cover the streams of now; it would end by itself after BLOCK_MS. */
  private wake(): void {
    this.loop.kick()
    if (this.waiting_on === '' || this.blocking_id === undefined) return
    this.parts.redis.client('UNBLOCK', this.blocking_id).catch((error: unknown) => {
      this.parts.log.debug({ err: error }, 'the blocking read could not be ended early')
    })
  }

  private watchBlockingConnection(): void {
    const { blocking } = this.parts
    const learn = async () => {
      this.blocking_id = await blocking.client('ID')
    }
    const ready = () => {
      learn().catch(() => blocking.disconnect(true))
    }
    blocking.on('ready', ready)
    blocking.on('close', () => {
      this.blocking_id = undefined
    })
    if (blocking.status === 'ready') ready()
  }

  private async step(): Promise<number> {
    await this.parts.redelivery.done()
    const { sales } = await this.parts.sales.latest()
    const streams = streamsOf(sales)
    if (streams.length === 0) return IDLE_MS
    try {
      await this.ensureGroups(streams)
      await this.finishUnfinished(streams)
      await this.claimAbandoned(streams)
      const read = await (this.ahead ?? this.readNew(streams))
      this.ahead = read.length > 0 && !this.loop.isStopping ? this.readNew(streams) : undefined
      // its failure is met when it is waited for
      this.ahead?.catch(() => undefined)
      await this.handle(read)
    } catch (error) {
      // what was read and not acknowledged is read again
      for (const { key } of streams) this.unfinished.add(key)
      await this.ahead?.catch(() => undefined)
      this.ahead = undefined
      if (error instanceof Error && error.message.startsWith('NOGROUP')) {
        this.grouped.clear()
        return IDLE_MS
      }
      if (this.loop.isStopping) return 0
      throw error
    }
    return 0
  }

  private async ensureGroups(streams: Stream[]): Promise<void> {
    const { redis } = this.parts
    for (const { key } of streams) {
      if (this.grouped.has(key)) continue
      try {
        await redis.xgroup('CREATE', key, SETTLER_GROUP, '0', 'MKSTREAM')
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('BUSYGROUP'))) throw error
      }
      this.grouped.add(key)
      this.unfinished.add(key)
    }
  }

  private async handle(entries: RawEntry[]): Promise<void> {
    if (entries.length === 0) return
    for (const { stream } of await this.parts.handle(entries)) this.unfinished.add(stream.key)
  }

  /** What this reader, perhaps before a restart, was given and has not done. */
  private async finishUnfinished(streams: Stream[]): Promise<void> {
    for (const stream of streams) {
      if (!this.unfinished.has(stream.key)) continue
      this.unfinished.delete(stream.key)
      let after = '0'
      for (;;) {
        const reply = await this.read(this.parts.redis, [stream], after, ENTRIES_AT_ONCE_MAX)
        const last = reply?.[0]?.[1].at(-1)
        if (last === undefined) break
        await this.handle(named([stream], reply))
        after = last[0].toString()
      }
    }
  }

  private async claimAbandoned(streams: Stream[]): Promise<void> {
    const { consumer, spared, redis } = this.parts
    const now_ms = performance.now()
    if (now_ms - this.claimed_ms < CLAIM_EVERY_MS) return
    this.claimed_ms = now_ms
    for (const stream of streams) {
      for (const [other] of await pendingByConsumer(redis, stream.key)) {
        if (other !== consumer && !spared.includes(other)) await this.claimFrom(stream, other, CLAIM_IDLE_MS)
      }
    }
  }

  /** Takes over and handles what `other` was given longer ago than this and has not done. Answers how many entries. */
  async claimFrom(stream: Stream, other: string, idle_ms: number): Promise<number> {
    const { redis, consumer } = this.parts
    let claimed = 0
    let from = '-'
    for (;;) {
      const args = [stream.key, SETTLER_GROUP, 'IDLE', idle_ms, from, '+', ENTRIES_AT_ONCE_MAX, other]
      const pending = (await redis.call('XPENDING', ...args)) as [id: string][]
      const last = pending.at(-1)
      if (last === undefined) return claimed
      const ids = pending.map(([id]) => id)
      const taken = (await redis.callBuffer('XCLAIM', stream.key, SETTLER_GROUP, consumer, idle_ms, ...ids)) as unknown
      const entries = (taken as (StreamEntry | null)[]).filter((entry) => entry !== null)
      await this.handle(named([stream], [[Buffer.from(stream.key), entries]]))
      claimed += entries.length
      from = `(${last[0]}`
    }
  }

  private async readNew(streams: Stream[]): Promise<RawEntry[]> {
    const { blocking } = this.parts
    const count = Math.max(ENTRIES_OF_STREAM_MIN, Math.floor(ENTRIES_AT_ONCE_MAX / streams.length))
    const dead = setTimeout(() => blocking.disconnect(true), BLOCK_MS + BLOCK_GRACE_MS)
    try {
      this.waiting_on = keysOf(streams)
      return named(streams, await this.read(blocking, streams, '>', count, BLOCK_MS))
    } finally {
      this.waiting_on = ''
      clearTimeout(dead)
    }
  }

  private async read(redis: Redis, streams: Stream[], after: string, count: number, block_ms = 0): Promise<ReadReply> {
    const keys = streams.map(({ key }) => key)
    const block = block_ms === 0 ? [] : ['BLOCK', String(block_ms)]
    const args = ['GROUP', SETTLER_GROUP, this.parts.consumer, 'COUNT', String(count), ...block, 'STREAMS', ...keys]
    return (await redis.callBuffer('XREADGROUP', ...args, ...keys.map(() => after))) as ReadReply
  }
}

function named(streams: Stream[], reply: ReadReply): RawEntry[] {
  const entries: RawEntry[] = []
  for (const [key, read] of reply ?? []) {
    const stream = streams.find((each) => each.key === key.toString())
    if (stream === undefined) continue
    for (const [id, fields] of read) entries.push({ stream, id: id.toString(), fields })
  }
  return entries
}
