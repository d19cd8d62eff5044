// Intents from Kafka, as one settler of a consumer group.
//
// Offsets are committed after the ledger has made durable what they stand for, a second's worth at once; whatever comes twice by that (a rebalance,
// a settler that was killed) changes nothing, because a reservation is one order. While the ledger is away its partition waits and the
// group is told that we live. Entries of a sale that is being rebuilt are put aside and tried again, and their offsets held back.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Consumer, EachBatchPayload } from 'kafkajs'
import { createKafka } from '../kafka/client'
import type { Ledger } from '../ledger/port'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import { entryOf } from './intent-message'
import type { IntentSource, Settling } from './settling'
import type { RawEntry } from './streams'

const EVERY_MS = 200
const COMMIT_EVERY_MS = 1000
/** PGlite makes a checkpoint each time. */
const COMMIT_EVERY_PGLITE_MS = 3000
/** Between two of these the group is told that we live. */
const MESSAGES_AT_ONCE_MAX = 128
/** Entries put aside; with more of them reading waits. */
const PARKED_MAX = 5000
const SESSION_MS = 8000
const HEARTBEAT_MS = 1000
const BACKOFF_MIN_MS = 50
const BACKOFF_MAX_MS = 2000
/** Partitions settled at the same time: their shards do not wait for each other in PostgreSQL. */
const PARTITIONS_AT_ONCE = 2

export interface KafkaSourceParts {
  ledger: Ledger
  metrics: Metrics
  log: Logger
  brokers: string[]
  topic: string
  group: string
}

interface Parked {
  entry: RawEntry
  partition: number
  offset: bigint
}

export class KafkaSource implements IntentSource {
  private readonly loop: Loop
  private consumer: Consumer | undefined
  /** by partition: the next offset to be settled */
  private readonly settled = new Map<number, bigint>()
  private readonly committed = new Map<number, bigint>()
  private parked: Parked[] = []
  private committed_ms = 0

  constructor(
    private readonly settling: Settling,
    private readonly parts: KafkaSourceParts,
  ) {
    const { log, metrics } = parts
    this.loop = new Loop({ name: 'kafka-settler', log, metrics, step: () => this.step() })
  }

  start(): void {
    this.loop.start()
  }

  async stop(): Promise<void> {
    await this.loop.stop()
    const { consumer } = this
    await consumer?.stop().catch(() => undefined)
    await consumer?.disconnect().catch(() => undefined)
    this.consumer = undefined
  }

  private async step(): Promise<number> {
    if (this.consumer === undefined) await this.join()
    await this.settleParked()
    const now_ms = performance.now()
    const every_ms = this.parts.ledger.kind === 'pglite' ? COMMIT_EVERY_PGLITE_MS : COMMIT_EVERY_MS
    if (now_ms - this.committed_ms >= every_ms) {
      this.committed_ms = now_ms
      await this.commit()
    }
    return EVERY_MS
  }

  private async join(): Promise<void> {
    const { brokers, topic, group, log } = this.parts
    const kafka = createKafka({ brokers, name: 'settler', log })
    const consumer = kafka.consumer({
      groupId: group,
      sessionTimeout: SESSION_MS,
      heartbeatInterval: HEARTBEAT_MS,
      allowAutoTopicCreation: false,
      // this loop makes a new one
      retry: { restartOnFailure: async () => false },
    })
    const forget = () => {
      this.settled.clear()
      this.committed.clear()
      this.parked = []
    }
    // partitions may have changed hands: what is not committed comes again, to whoever has them now
    consumer.on(consumer.events.GROUP_JOIN, forget)
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      log.warn({ err: payload.error }, 'the connection to Kafka was lost')
      if (this.consumer === consumer) this.consumer = undefined
      forget()
      consumer.disconnect().catch(() => undefined)
    })
    try {
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      this.consumer = consumer
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
        eachBatch: (payload) => this.settleBatch(payload),
      })
    } catch (error) {
      this.consumer = undefined
      await consumer.disconnect().catch(() => undefined)
      throw error
    }
  }

  private async settleBatch({ batch, heartbeat, resolveOffset, isRunning, isStale }: EachBatchPayload): Promise<void> {
    const { log, metrics } = this.parts
    const { partition, messages } = batch
    const goesOn = () => isRunning() && !isStale()
    for (let from = 0; from < messages.length && goesOn(); from += MESSAGES_AT_ONCE_MAX) {
      const part = messages.slice(from, from + MESSAGES_AT_ONCE_MAX)
      const offset_of = new Map<RawEntry, bigint>()
      for (const { offset, value } of part) {
        const entry = entryOf(value)
        if (entry !== undefined) {
          offset_of.set(entry, BigInt(offset))
          continue
        }
        metrics.dead_intents.inc({ sale: '' })
        log.error(
          { partition, offset, value: value?.toString('base64') },
          'a message of the topic of intents cannot be read',
        )
      }
      const left = await this.settleForSure([...offset_of.keys()], heartbeat, goesOn)
      if (left === undefined) return
      for (const entry of left) this.parked.push({ entry, partition, offset: offset_of.get(entry) as bigint })
      const last = part.at(-1)?.offset ?? '0'
      this.settled.set(partition, BigInt(last) + 1n)
      resolveOffset(last)
      await heartbeat()
      while (this.parked.length > PARKED_MAX && goesOn()) await this.beat(EVERY_MS, heartbeat)
    }
  }

  /** Answers what is to come again; undefined when we are not to go on. */
  private async settleForSure(
    entries: RawEntry[],
    heartbeat: () => Promise<void>,
    goesOn: () => boolean,
  ): Promise<RawEntry[] | undefined> {
    for (let failures = 0; goesOn(); failures++) {
      try {
        return await this.settling.settle(entries)
      } catch (error) {
        this.parts.metrics.loop_failures.inc({ loop: 'kafka-settler' })
        if (failures === 0) this.parts.log.error({ err: error }, 'settling failed and is tried again')
        const backoff_ms = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(failures, 10))
        await this.beat(backoff_ms * (0.5 + Math.random() / 2), heartbeat)
      }
    }
    return undefined
  }

  private async beat(pause_ms: number, heartbeat: () => Promise<void>): Promise<void> {
    await sleep(pause_ms)
    await heartbeat()
  }

  private async settleParked(): Promise<void> {
    const { parked } = this
    if (parked.length === 0) return
    const left = new Set(await this.settling.settle(parked.map(({ entry }) => entry)))
    const tried = new Set(parked)
    // others may have been put aside meanwhile
    this.parked = this.parked.filter((each) => !tried.has(each) || left.has(each.entry))
  }

  private async commit(): Promise<void> {
    const { consumer } = this
    if (consumer === undefined) return
    const { ledger, topic } = this.parts
    const offsets = new Map(this.settled)
    for (const { partition, offset } of this.parked) {
      const next = offsets.get(partition)
      if (next !== undefined && offset < next) offsets.set(partition, offset)
    }
    for (const [partition, offset] of offsets) if (this.committed.get(partition) === offset) offsets.delete(partition)
    if (offsets.size === 0) return
    await ledger.durable()
    const wanted = [...offsets].map(([partition, offset]) => ({ topic, partition, offset: String(offset) }))
    await consumer.commitOffsets(wanted)
    for (const [partition, offset] of offsets) this.committed.set(partition, offset)
  }
}
