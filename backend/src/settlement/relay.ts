// Moves intents from their Redis streams to Kafka, at least once.
//
// An entry is read into this relay's hands, sent, and handed to the name `kafka` in the stream's group once every replica that must have it has
// it: a relay that dies in between leaves entries in its hands, and they are sent again. A settler acknowledges an entry when the ledger has it,
// so that the stream keeps every intent until then, although Kafka has it too. Should Kafka lose some, they are found by a mark: the ends of its
// partitions are noted; when the settlers are past them, what was handed over before and is still not acknowledged is gone, and is sent again.
import type { Redis } from 'ioredis'
import type { Admin, Producer } from 'kafkajs'
import { SETTLER_GROUP } from '../../../contract/keys'
import { createKafka } from '../kafka/client'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import { execAll } from '../redis/scripts'
import type { SalesFollower } from '../sales/follower'
import { messageOf } from './intent-message'
import { lagOf, type Positions, readPositions } from './kafka-positions'
import type { Redelivery } from './redelivery'
import { StreamReader, type StreamReaderParts } from './stream-reader'
import { KAFKA_CONSUMER, type RawEntry, streamsOf } from './streams'

/** Also what a test broker with one node makes; a cluster makes them with its own default. */
const PARTITIONS = 6
const LOOK_EVERY_MS = 2000
/** Clocks are Redis' own and ours; an entry is handed over a moment after Kafka has it. */
const MARK_GRACE_MS = 3000

interface RelayParts {
  redis: Redis
  blocking: Redis
  sales: SalesFollower
  metrics: Metrics
  log: Logger
  brokers: string[]
  topic: string
  /** the settlers' group */
  group: string
  instance: string
  redelivery: Redelivery
}

interface Mark {
  noted_ms: number
  positions: Positions
}

export class Relay {
  private readonly reader: StreamReader
  private readonly watch: Loop
  private producer: Producer | undefined
  private admin: Admin | undefined
  private mark: Mark | undefined

  constructor(private readonly parts: RelayParts) {
    const { log, metrics, instance } = parts
    const reading: StreamReaderParts = {
      ...parts,
      name: 'relay',
      consumer: `relay:${instance}`,
      spared: [KAFKA_CONSUMER],
      handle: (entries) => this.send(entries),
    }
    this.reader = new StreamReader(reading)
    this.watch = new Loop({ name: 'relay-watch', log, metrics, step: () => this.look() })
  }

  start(): void {
    this.reader.start()
    this.watch.start()
  }

  async stop(): Promise<void> {
    await Promise.all([this.reader.stop(), this.watch.stop()])
    await this.dropProducer()
    await this.dropAdmin()
  }

  /** Throws while Kafka does not take them: the reader backs off, and they stay in its hands. */
  private async send(entries: RawEntry[]): Promise<RawEntry[]> {
    const { redis, metrics, topic } = this.parts
    const messages = entries.filter(({ fields }) => fields !== null).map(messageOf)
    if (messages.length > 0) {
      const producer = await this.connected()
      try {
        await producer.send({ topic, acks: -1, messages })
      } catch (error) {
        await this.dropProducer()
        throw error
      }
      metrics.relayed.inc(messages.length)
    }
    const pipeline = redis.pipeline()
    for (const [key, ids] of idsByKey(entries)) {
      // of an entry that a settler has acknowledged by now this makes nothing
      pipeline.xclaim(key, SETTLER_GROUP, KAFKA_CONSUMER, 0, ...ids, 'JUSTID')
    }
    await execAll(pipeline)
    return []
  }

  private async connected(): Promise<Producer> {
    if (this.producer !== undefined) return this.producer
    const { brokers, topic, log } = this.parts
    await ensureTopic(await this.connectedAdmin(), topic)
    const kafka = createKafka({ brokers, name: 'relay', log })
    // one request in flight, so that what is sent again cannot overtake
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false })
    await producer.connect()
    this.producer = producer
    return producer
  }

  private async connectedAdmin(): Promise<Admin> {
    if (this.admin !== undefined) return this.admin
    const { brokers, log } = this.parts
    const admin = createKafka({ brokers, name: 'relay-watch', log }).admin()
    await admin.connect()
    this.admin = admin
    return admin
  }

  private async dropProducer(): Promise<void> {
    const { producer } = this
    this.producer = undefined
    await producer?.disconnect().catch(() => undefined)
  }

  private async dropAdmin(): Promise<void> {
    const { admin } = this
    this.admin = undefined
    await admin?.disconnect().catch(() => undefined)
  }

  private async look(): Promise<number> {
    const { metrics, topic, group } = this.parts
    try {
      const admin = await this.connectedAdmin()
      await ensureTopic(admin, topic)
      const positions = await readPositions(admin, topic, group)
      metrics.kafka_lag.set(lagOf(positions))
      if (this.mark === undefined) this.mark = { noted_ms: performance.now(), positions }
      else if (isPassed(this.mark.positions, positions)) await this.sendLostAgain(this.mark.noted_ms)
    } catch (error) {
      await this.dropAdmin()
      throw error
    }
    return LOOK_EVERY_MS
  }

  /** What was handed over before then and is not settled is not in Kafka any more. */
  private async sendLostAgain(noted_ms: number): Promise<void> {
    const { sales, log, metrics } = this.parts
    this.mark = undefined
    const idle_ms = Math.ceil(performance.now() - noted_ms) + MARK_GRACE_MS
    let lost = 0
    for (const stream of streamsOf((await sales.latest()).sales)) {
      lost += await this.reader.claimFrom(stream, KAFKA_CONSUMER, idle_ms)
    }
    if (lost === 0) return
    metrics.relayed_again.inc(lost)
    log.error({ entries: lost }, 'Kafka does not have what it had taken: sent again from the streams')
  }
}

/** A partition that is shorter than it was has been made anew: nothing of before is in it. */
function isPassed(mark: Positions, now: Positions): boolean {
  return [...mark].every(([partition, { end }]) => {
    const present = now.get(partition)
    return present === undefined || present.end < end || present.settled >= end
  })
}

function idsByKey(entries: RawEntry[]): Map<string, string[]> {
  const ids = new Map<string, string[]>()
  for (const { stream, id } of entries) {
    const of_key = ids.get(stream.key)
    if (of_key === undefined) ids.set(stream.key, [id])
    else of_key.push(id)
  }
  return ids
}

/** With the cluster's own replication. One that is there is left as it is. */
async function ensureTopic(admin: Admin, topic: string): Promise<void> {
  if ((await admin.listTopics()).includes(topic)) return
  await admin.createTopics({
    topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: -1 }],
    waitForLeaders: true,
  })
}
