// What a rebuild finds in Kafka: every intent of a sale that was there when its shards had been closed and that no settler has passed yet.
//
// A Redis that lost nothing has all of them in its streams too, so they are settled already when they come from here. One that was emptied or put
// back has not: then Kafka is where the reservations survive. A Kafka that is away does not keep a sale closed: it is waited for a moment, and what it
// has is then of an older epoch, and void.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Consumer } from 'kafkajs'
import { createKafka } from '../kafka/client'
import type { Intent } from '../ledger/port'
import type { Logger } from '../log'
import { entryOf } from './intent-message'
import { decodeEntry } from './intents'
import { lagOf, type Positions, readPositions } from './kafka-positions'

const DRAIN_MS_MAX = 10_000
const LOOK_MS = 20

interface KafkaSurvivorsParts {
  brokers: string[]
  topic: string
  group: string
  log: Logger
}

export class KafkaSurvivors {
  constructor(private readonly parts: KafkaSurvivorsParts) {}

  /** In the order of each partition. */
  async intentsOf(sale: string): Promise<Intent[]> {
    const { log } = this.parts
    const deadline = performance.now() + DRAIN_MS_MAX
    try {
      const positions = await this.positions()
      return lagOf(positions) === 0 ? [] : await this.read(sale, positions, deadline)
    } catch (error) {
      log.error({ err: error, sale }, 'Kafka could not be read for the rebuild: what only Kafka has will be void')
      return []
    }
  }

  private async positions(): Promise<Positions> {
    const { brokers, topic, group, log } = this.parts
    const admin = createKafka({ brokers, name: 'rebuild', log }).admin()
    try {
      await admin.connect()
      if (!(await admin.listTopics()).includes(topic)) return new Map()
      return await readPositions(admin, topic, group)
    } finally {
      await admin.disconnect().catch(() => undefined)
    }
  }

  private async read(sale: string, positions: Positions, deadline: number): Promise<Intent[]> {
    const { brokers, topic, group, log } = this.parts
    const wanted = [...positions].filter(([, { settled, end }]) => settled < end)
    const reached = new Map(wanted.map(([partition, { settled }]) => [partition, settled]))
    const intents: Intent[] = []
    const is_done = () => wanted.every(([partition, { end }]) => (reached.get(partition) ?? 0) >= end)
    const kafka = createKafka({ brokers, name: 'rebuild', log })
    const consumer: Consumer = kafka.consumer({
      groupId: `${group}.rebuild.${randomUUID()}`,
      allowAutoTopicCreation: false,
    })
    try {
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          const from = positions.get(batch.partition)?.settled ?? 0
          const end = positions.get(batch.partition)?.end ?? 0
          for (const { offset, value } of batch.messages) {
            if (Number(offset) < from || Number(offset) >= end) continue
            const entry = entryOf(value)
            if (entry?.stream.sale !== sale || entry.fields === null) continue
            intents.push(...decodeEntry(sale, entry.stream.shard, entry.fields).intents)
          }
          reached.set(batch.partition, Math.max(reached.get(batch.partition) ?? 0, Number(batch.lastOffset()) + 1))
        },
      })
      for (const [partition, { settled }] of positions) consumer.seek({ topic, partition, offset: String(settled) })
      while (!is_done()) {
        if (performance.now() > deadline) {
          log.error({ sale, drain_ms_max: DRAIN_MS_MAX }, 'Kafka was not read to its end for the rebuild')
          break
        }
        await sleep(LOOK_MS)
      }
      return intents
    } finally {
      await consumer.disconnect().catch(() => undefined)
    }
  }
}
