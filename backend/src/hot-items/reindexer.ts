// Reads Kafka's events of items again from a time on, after the store has lost some: by a group of its own, beside the
// consumers that go on. What the store has already stays as it is, so it may be done at any time, and twice.
import { randomUUID } from 'node:crypto'
import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs'
import { Refusal } from '../http/refusal'
import type { Logger } from '../log'
import { BULK_EVENTS_MAX, type Indexer } from './indexer'
import { StoreAway } from './store'

interface ReindexerParts {
  kafka: Kafka
  topic: string
  /** the consumers' group; its own is named after it */
  group: string
  indexer: Pick<Indexer, 'take' | 'prepare'>
  log: Logger
}

interface ReindexState {
  state: 'idle' | 'running' | 'done' | 'failed' | 'stopped'
  from?: string
  /** messages between `from` and where the topic ended when it began */
  events?: number
  read?: number
  reason?: string
}

interface Part {
  next: bigint
  end: bigint
}

export class Reindexer {
  private now: ReindexState = { state: 'idle' }
  private running: Promise<void> | undefined
  private stopping = false

  constructor(private readonly parts: ReindexerParts) {}

  state(): ReindexState {
    return { ...this.now }
  }

  /** Resolves when it is on its way. */
  async start(from_ms: number): Promise<ReindexState> {
    if (this.now.state === 'running')
      throw new Refusal('conflict', `events from ${this.now.from} on are being read again`)
    this.now = { state: 'running', from: new Date(from_ms).toISOString(), events: 0, read: 0 }
    try {
      await this.parts.indexer.prepare()
      const todo = await this.placesFrom(from_ms)
      let events = 0n
      for (const { next, end } of todo.values()) events += end - next
      this.now.events = Number(events)
      this.running = this.run(todo)
    } catch (error) {
      this.now = { ...this.now, state: 'failed', reason: reasonOf(error) }
      if (error instanceof StoreAway) throw error
      throw new StoreAway(`Kafka cannot be read: ${reasonOf(error)}`, { cause: error })
    }
    return this.state()
  }

  async stop(): Promise<void> {
    this.stopping = true
    await this.running
  }

  private async placesFrom(from_ms: number): Promise<Map<number, Part>> {
    const { kafka, topic } = this.parts
    const admin = kafka.admin()
    await admin.connect()
    try {
      const ends = new Map(
        (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, BigInt(high)]),
      )
      const places = new Map<number, Part>()
      for (const { partition, offset } of await admin.fetchTopicOffsetsByTimestamp(topic, from_ms)) {
        const end = ends.get(partition) ?? 0n
        const next = BigInt(offset)
        if (next >= 0n && next < end) places.set(partition, { next, end })
      }
      return places
    } finally {
      await admin.disconnect()
    }
  }

  private async run(todo: Map<number, Part>): Promise<void> {
    const { kafka, topic, group, log } = this.parts
    const groupId = `${group}.reindex.${randomUUID()}`
    try {
      if (todo.size > 0) {
        const consumer = kafka.consumer({
          groupId,
          allowAutoTopicCreation: false,
          retry: { restartOnFailure: async () => false },
        })
        try {
          await this.readAll(consumer, todo)
        } finally {
          await consumer.disconnect().catch(() => undefined)
        }
        await this.forget(groupId)
      }
      this.now = { ...this.now, state: this.stopping ? 'stopped' : 'done' }
      log.info({ audit: 'hot items', topic, ...this.now }, 'events of items read again')
    } catch (error) {
      this.now = { ...this.now, state: 'failed', reason: reasonOf(error) }
      log.error({ err: error, ...this.now }, 'events of items could not be read again')
    }
  }

  private async readAll(consumer: Consumer, todo: Map<number, Part>): Promise<void> {
    const { topic } = this.parts
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      const look = setInterval(() => {
        const done = this.stopping || [...todo.values()].every(({ next, end }) => next >= end)
        if (!done) return
        clearInterval(look)
        resolve()
      }, 100)
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        clearInterval(look)
        reject(payload.error)
      })
      consumer
        .run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (payload) => this.onBatch(payload, todo) })
        .then(() => {
          for (const [partition, { next }] of todo) consumer.seek({ topic, partition, offset: next.toString() })
        })
        .catch(reject)
    })
  }

  private async onBatch(payload: EachBatchPayload, todo: Map<number, Part>): Promise<void> {
    const { batch, heartbeat, isRunning, isStale, resolveOffset } = payload
    const place = todo.get(batch.partition)
    const isWanted = (at: bigint) => place !== undefined && at >= place.next && at < place.end
    const messages = batch.messages.filter(({ offset }) => isWanted(BigInt(offset)))
    const pulse = { isStopping: () => this.stopping || !isRunning() || isStale(), beat: heartbeat }
    for (let from = 0; from < messages.length && place !== undefined; from += BULK_EVENTS_MAX) {
      const part = messages.slice(from, from + BULK_EVENTS_MAX)
      const delivered = part.map(({ value, offset }) => ({
        bytes: value ?? Buffer.alloc(0),
        from: `${batch.topic}/${batch.partition}/${offset}`,
      }))
      if (!(await this.parts.indexer.take(delivered, pulse))) return
      const last = part.at(-1)
      if (last === undefined) return
      resolveOffset(last.offset)
      place.next = BigInt(last.offset) + 1n
      this.now.read = (this.now.read ?? 0) + part.length
      await heartbeat()
    }
    // before the place was sought, or beyond what there was at the start
    const after = BigInt(batch.lastOffset()) + 1n
    if (place !== undefined && after > place.end) place.next = place.end
    resolveOffset(batch.lastOffset())
  }

  private async forget(groupId: string): Promise<void> {
    const admin = this.parts.kafka.admin()
    try {
      await admin.connect()
      await admin.deleteGroups([groupId])
    } catch (error) {
      this.parts.log.debug({ err: error, groupId }, 'the group of a reindex stays until Kafka forgets it')
    } finally {
      await admin.disconnect().catch(() => undefined)
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
