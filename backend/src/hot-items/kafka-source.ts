// Events of items from Kafka: consumers of one group, each with a connection of its own.
//
// An offset is committed when the indexer has stored or set aside everything before it, so what a killed consumer had in its
// hands is delivered again, and changes nothing. kafkajs fetches again when a batch has been worked on: while the store is away
// nothing is fetched, the consumers go on beating, and the group stays as it is.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin, Consumer, EachBatchPayload, Kafka, Producer } from 'kafkajs'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import type { DeadLetter } from './event'
import { BULK_EVENTS_MAX, type DeadLetters, type Delivered, type Indexer } from './indexer'
import type { HotItemMetrics } from './metrics'

/** How long a poll of a quiet topic waits: bounds how late an event is seen. */
const FETCH_WAIT_MS = 250
const PARTITION_BYTES_MAX = 1024 * 1024
const FETCH_BYTES_MAX = 4 * 1024 * 1024
const SESSION_MS = 10_000
/** A consumer that takes part in a rebalance must have given up its batch by then: a bulk of 30 s, and more. */
const REBALANCE_MS = 60_000
const HEARTBEAT_MS = 1_000
const LAG_EVERY_MS = 5_000
const RESTART_MS_MIN = 200
const RESTART_MS_MAX = 5_000

export interface KafkaSourceParts {
  kafka: Kafka
  /** whole names, with the installation's prefix */
  topic: string
  group: string
  consumers: number
  indexer: Pick<Indexer, 'take'>
  log: Logger
  metrics: Metrics
  counts: HotItemMetrics
}

export class KafkaSource {
  private stopping = false
  private running: Promise<void>[] = []
  /** ends the wait of each consumer for its own end */
  private readonly endings = new Set<() => void>()
  private readonly lag: Loop
  private admin: Admin | undefined
  private members = 0

  constructor(private readonly parts: KafkaSourceParts) {
    const { log, metrics } = parts
    this.lag = new Loop({ name: 'hot item lag', log, metrics, step: () => this.lookAtLag() })
  }

  /** Does not wait for Kafka, which may come later. */
  start(): void {
    this.stopping = false
    for (let i = 0; i < this.parts.consumers; i++) this.running.push(this.keepConsuming(i + 1))
    this.lag.start()
  }

  /** Resolves when batches in progress have ended and every consumer has left its group. */
  async stop(): Promise<void> {
    this.stopping = true
    for (const end of this.endings) end()
    await Promise.all([...this.running, this.lag.stop()])
    this.running = []
    await this.admin?.disconnect().catch(() => undefined)
    this.admin = undefined
  }

  /** A consumer that has come to its end, for whatever reason, is followed by another. */
  private async keepConsuming(number: number): Promise<void> {
    const { log } = this.parts
    for (let failures = 0; !this.stopping; failures++) {
      const began_ms = performance.now()
      try {
        await this.consume(number)
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        log.warn({ consumer: number, reason }, 'consumer of events of items ended and is started again')
      }
      if (performance.now() - began_ms > RESTART_MS_MAX * 2) failures = 0
      const wait_ms = Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2)
      for (let waited_ms = 0; waited_ms < wait_ms && !this.stopping; waited_ms += 100) await sleep(100)
    }
  }

  /** Until it crashes or is told to stop. */
  private async consume(number: number): Promise<void> {
    const { kafka, topic, group, counts } = this.parts
    await this.ensureTopic()
    const consumer = kafka.consumer({
      groupId: group,
      sessionTimeout: SESSION_MS,
      rebalanceTimeout: REBALANCE_MS,
      heartbeatInterval: HEARTBEAT_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      maxBytesPerPartition: PARTITION_BYTES_MAX,
      maxBytes: FETCH_BYTES_MAX,
      allowAutoTopicCreation: false,
      // restarted here, so that there is one way and it is seen
      retry: { restartOnFailure: async () => false },
    })
    let joined = false
    const count = (by: number) => {
      this.members += by
      counts.consumers.set(this.members)
    }
    consumer.on(consumer.events.GROUP_JOIN, () => {
      if (!joined) count(1)
      joined = true
    })
    let end: () => void = () => undefined
    const ended = new Promise<unknown>((resolve) => {
      end = () => resolve(undefined)
      consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error))
    })
    this.endings.add(end)
    try {
      await consumer.connect()
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 1,
        eachBatch: (payload) => this.onBatch(consumer, payload, number),
      })
      const error = this.stopping ? undefined : await ended
      if (error !== undefined) throw error
    } finally {
      this.endings.delete(end)
      // waits for the batch in progress, which hears of it by isRunning()
      await consumer.disconnect().catch(() => undefined)
      if (joined) count(-1)
    }
  }

  private async onBatch(consumer: Consumer, payload: EachBatchPayload, number: number): Promise<void> {
    const { batch, heartbeat, isRunning, isStale, resolveOffset } = payload
    const { indexer } = this.parts
    const { topic, partition, messages } = batch
    const pulse = { isStopping: () => this.stopping || !isRunning() || isStale(), beat: heartbeat }
    for (let from = 0; from < messages.length; from += BULK_EVENTS_MAX) {
      const part = messages.slice(from, from + BULK_EVENTS_MAX)
      const delivered: Delivered[] = part.map(({ value, offset }) => ({
        bytes: value ?? Buffer.alloc(0),
        from: `${topic}/${partition}/${offset}`,
      }))
      if (!(await indexer.take(delivered, pulse))) return
      const last = part.at(-1)
      if (last === undefined) return
      resolveOffset(last.offset)
      await consumer.commitOffsets([{ topic, partition, offset: (BigInt(last.offset) + 1n).toString() }])
      await heartbeat()
    }
    this.parts.log.trace({ consumer: number, partition, events: messages.length }, 'events of items stored')
  }

  /** Where nobody has made it: as many partitions as there are consumers. */
  private async ensureTopic(): Promise<void> {
    const { topic, consumers, log } = this.parts
    const admin = await this.connectedAdmin()
    const wanted = [
      { topic, numPartitions: consumers, replicationFactor: -1 },
      { topic: deadTopic(topic), numPartitions: 1, replicationFactor: -1 },
    ]
    const known = new Set(await admin.listTopics())
    const missing = wanted.filter((each) => !known.has(each.topic))
    if (missing.length === 0) return
    await admin.createTopics({ topics: missing, waitForLeaders: true }).catch((error: unknown) => {
      // another consumer was quicker
      log.debug({ err: error }, 'topics of items not made')
    })
  }

  private async connectedAdmin(): Promise<Admin> {
    if (this.admin !== undefined) return this.admin
    const admin = this.parts.kafka.admin()
    await admin.connect()
    if (this.admin !== undefined || this.stopping) {
      await admin.disconnect()
      if (this.admin === undefined) throw new Error('stopping')
    } else this.admin = admin
    return this.admin
  }

  private async lookAtLag(): Promise<number> {
    const { topic, group, counts, log } = this.parts
    try {
      const admin = await this.connectedAdmin()
      const ends = await admin.fetchTopicOffsets(topic)
      const [done] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
      const committed = new Map(done?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
      for (const { partition, high, low } of ends) {
        const at = committed.get(partition) ?? -1
        counts.lag.set({ queue: `partition ${partition}` }, Math.max(0, Number(high) - (at < 0 ? Number(low) : at)))
      }
    } catch (error) {
      // Kafka is away, which the consumers say
      log.debug({ err: error }, 'the lag of events of items is not known')
    }
    return LAG_EVERY_MS
  }
}

export function deadTopic(topic: string): string {
  return `${topic}.dead`
}

/** Dead letters to a topic beside the events', as they came, with the reason in their headers. */
export class KafkaDeadLetters implements DeadLetters {
  private producer: Promise<Producer> | undefined

  constructor(
    private readonly kafka: Kafka,
    private readonly topic: string,
  ) {}

  async write(letters: DeadLetter[]): Promise<void> {
    this.producer ??= this.connect().catch((error: unknown) => {
      this.producer = undefined
      throw error
    })
    const producer = await this.producer
    await producer.send({
      topic: deadTopic(this.topic),
      acks: -1,
      messages: letters.map(({ bytes, reason, cause, from }) => ({ value: bytes, headers: { reason, cause, from } })),
    })
  }

  async close(): Promise<void> {
    const producer = await this.producer?.catch(() => undefined)
    await producer?.disconnect().catch(() => undefined)
  }

  private async connect(): Promise<Producer> {
    const producer = this.kafka.producer({ allowAutoTopicCreation: false })
    await producer.connect()
    return producer
  }
}
