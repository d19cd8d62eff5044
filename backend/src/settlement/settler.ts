// Settles intents: reads every sale's stream through one consumer group, one ledger transaction a batch, and acknowledges
// after the commit. What is read twice changes nothing, so everything here may be repeated.
//
// One blocking read on a connection of its own covers all streams, so an idle settler costs a call a second. An intent
// that the ledger cannot settle is found by bisection and set aside; the others go on.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { intentsKey, SETTLER_GROUP } from '../../../contract/keys'
import type { Intent, Ledger, Sale } from '../ledger/port'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import { isAway } from '../redis/client'
import type { SalesFollower } from '../sales/follower'
import { decodeEntry, type StreamEntry } from './intents'

const BLOCK_MS = 1000
/** On top of BLOCK_MS: then the connection is taken for dead. */
const BLOCK_GRACE_MS = 3000
const IDLE_MS = 200
/** Intents in one ledger transaction. */
const BATCH_MAX = 500
/** Entries (of up to 256 intents) taken from Redis at once, over all streams. */
const ENTRIES_AT_ONCE_MAX = 64
const ENTRIES_OF_STREAM_MIN = 4
const TRIES_MAX = 3
const TRY_BACKOFF_MS = 50
const CLAIM_EVERY_MS = 5000
/** Another settler's entries are taken over after this time. */
const CLAIM_IDLE_MS = 15_000

interface Stream {
  key: string
  sale: string
  shard: number
}

interface Entry {
  stream: Stream
  id: string
  intents: Intent[]
}

type ReadReply = [key: Buffer, entries: [id: Buffer, fields: Buffer[] | null][]][] | null

export interface SettlerParts {
  ledger: Ledger
  redis: Redis
  /** waits in XREADGROUP and does nothing else */
  blocking: Redis
  sales: SalesFollower
  metrics: Metrics
  log: Logger
  instance: string
  /** the ledger was put back to its last durable point: deliver again all that is not trimmed */
  redeliver: boolean
  /** called after each batch: there are statuses and returns to carry to Redis */
  onSettled: () => void
}

export function streamsOf(sales: Sale[]): Stream[] {
  const streams: Stream[] = []
  for (const sale of sales) {
    if (sale.state === 'draft' || sale.rebuilding || sale.epoch === 0) continue
    for (let shard = 0; shard < sale.shards; shard++) {
      streams.push({ key: intentsKey(sale.id, shard), sale: sale.id, shard })
    }
  }
  return streams
}

export class Settler {
  private readonly loop: Loop
  /** streams whose group is known to be there */
  private readonly grouped = new Set<string>()
  /** streams of which this settler may have entries that it has not acknowledged */
  private readonly unfinished = new Set<string>()
  /** the streams of the read in progress */
  private waiting_on = ''
  private claimed_ms = 0
  private blocking_id: number | undefined

  constructor(private readonly parts: SettlerParts) {
    const { log, metrics, sales } = parts
    this.loop = new Loop({ name: 'settler', log, metrics, step: () => this.step() })
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
    const { sales } = await this.parts.sales.latest()
    const streams = streamsOf(sales)
    if (streams.length === 0) return IDLE_MS
    try {
      await this.ensureGroups(streams)
      await this.finishUnfinished(streams)
      await this.claimAbandoned(streams)
      await this.settle(await this.readNew(streams))
    } catch (error) {
      // what was read and not acknowledged is read again
      for (const { key } of streams) this.unfinished.add(key)
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
        if (this.parts.redeliver) await redis.xgroup('SETID', key, SETTLER_GROUP, '0')
      }
      this.grouped.add(key)
      this.unfinished.add(key)
    }
  }

  /** What this settler, perhaps before a restart, was given and has not acknowledged. */
  private async finishUnfinished(streams: Stream[]): Promise<void> {
    for (const stream of streams) {
      if (!this.unfinished.has(stream.key)) continue
      this.unfinished.delete(stream.key)
      let after = '0'
      for (;;) {
        const reply = await this.read(this.parts.redis, [stream], after, ENTRIES_AT_ONCE_MAX)
        const last = reply?.[0]?.[1].at(-1)
        if (last === undefined) break
        await this.settle(this.decode([stream], reply))
        after = last[0].toString()
      }
    }
  }

  private async claimAbandoned(streams: Stream[]): Promise<void> {
    const { redis, instance } = this.parts
    const now_ms = performance.now()
    if (now_ms - this.claimed_ms < CLAIM_EVERY_MS) return
    this.claimed_ms = now_ms
    for (const stream of streams) {
      let from = '0-0'
      do {
        const args = [stream.key, SETTLER_GROUP, instance, CLAIM_IDLE_MS, from, 'COUNT', ENTRIES_AT_ONCE_MAX]
        const [next, entries] = (await redis.callBuffer('XAUTOCLAIM', ...args)) as [Buffer, StreamEntry[]]
        await this.settle(this.decode([stream], [[Buffer.from(stream.key), entries]]))
        from = next.toString()
      } while (from !== '0-0')
    }
  }

  private async readNew(streams: Stream[]): Promise<Entry[]> {
    const { blocking } = this.parts
    const count = Math.max(ENTRIES_OF_STREAM_MIN, Math.floor(ENTRIES_AT_ONCE_MAX / streams.length))
    const dead = setTimeout(() => blocking.disconnect(true), BLOCK_MS + BLOCK_GRACE_MS)
    try {
      this.waiting_on = keysOf(streams)
      return this.decode(streams, await this.read(blocking, streams, '>', count, BLOCK_MS))
    } finally {
      this.waiting_on = ''
      clearTimeout(dead)
    }
  }

  private async read(redis: Redis, streams: Stream[], after: string, count: number, block_ms = 0): Promise<ReadReply> {
    const keys = streams.map(({ key }) => key)
    const block = block_ms === 0 ? [] : ['BLOCK', String(block_ms)]
    const args = ['GROUP', SETTLER_GROUP, this.parts.instance, 'COUNT', String(count), ...block, 'STREAMS', ...keys]
    return (await redis.callBuffer('XREADGROUP', ...args, ...keys.map(() => after))) as ReadReply
  }

  private decode(streams: Stream[], reply: ReadReply): Entry[] {
    const { log, metrics } = this.parts
    const entries: Entry[] = []
    for (const [key, read] of reply ?? []) {
      const stream = streams.find((each) => each.key === key.toString())
      if (stream === undefined) continue
      for (const [id, fields] of read) {
        // trimmed meanwhile, hence settled
        const { intents, problem } =
          fields === null ? { intents: [], problem: '' } : decodeEntry(stream.sale, stream.shard, fields)
        if (problem !== '' && fields !== null) {
          metrics.dead_intents.inc({ sale: stream.sale })
          const bytes = Buffer.concat(fields).toString('base64')
          log.error({ sale: stream.sale, entry: id.toString(), problem, bytes }, 'an entry cannot be read')
        }
        entries.push({ stream, id: id.toString(), intents })
      }
    }
    return entries
  }

  /** Batches whole entries, so that an entry is acknowledged when all of it is settled. */
  private async settle(entries: Entry[]): Promise<void> {
    let batch: Entry[] = []
    let intents = 0
    for (const entry of entries) {
      if (intents > 0 && intents + entry.intents.length > BATCH_MAX) {
        await this.settleEntries(batch)
        batch = []
        intents = 0
      }
      batch.push(entry)
      intents += entry.intents.length
    }
    if (batch.length > 0) await this.settleEntries(batch)
  }

  private async settleEntries(entries: Entry[]): Promise<void> {
    const intents = entries.flatMap((entry) => entry.intents)
    const left = new Set((intents.length === 0 ? [] : await this.settleIntents(intents, TRIES_MAX)).map(nameOf))
    this.parts.onSettled()
    const done = new Map<string, string[]>()
    for (const { stream, id, intents: of_entry } of entries) {
      if (of_entry.some((intent) => left.has(nameOf(intent)))) {
        this.unfinished.add(stream.key)
        continue
      }
      const ids = done.get(stream.key) ?? []
      ids.push(id)
      done.set(stream.key, ids)
    }
    for (const [key, ids] of done) await this.parts.redis.xack(key, SETTLER_GROUP, ...ids)
    if (left.size > 0) this.parts.sales.changed()
  }

  /** Returns the intents that are to come again: those of a sale being rebuilt, and those that could not even be set aside. */
  private async settleIntents(intents: Intent[], tries: number): Promise<Intent[]> {
    const { ledger, metrics, log } = this.parts
    let failure: unknown
    for (let i = 0; i < tries; i++) {
      try {
        const end = metrics.settle_seconds.startTimer()
        const { deferred } = await ledger.settle(intents)
        end()
        metrics.settle_batches.inc()
        countBySale(intents, deferred, metrics)
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
    const reason = failure instanceof Error ? failure.message : String(failure)
    try {
      await ledger.bury(first, reason)
      metrics.dead_intents.inc({ sale: first.sale })
      log.error({ sale: first.sale, body: first.body, reason }, 'an intent cannot be settled and is set aside as void')
      return []
    } catch (error) {
      if (isAway(error)) throw error
      log.error({ err: error, sale: first.sale, body: first.body }, 'an intent can neither be settled nor set aside')
      return [first]
    }
  }
}

function keysOf(streams: Stream[]): string {
  return streams.map(({ key }) => key).join(' ')
}

/** A late payment has the body of the purchase that it follows. */
function nameOf(intent: Intent): string {
  return `${intent.sale} ${intent.kind} ${intent.body}`
}

function countBySale(intents: Intent[], deferred: Intent[], metrics: Metrics): void {
  const left = new Set(deferred.map(nameOf))
  for (const intent of intents) if (!left.has(nameOf(intent))) metrics.settled.inc({ sale: intent.sale })
}
