// A gate whose route `sales` is answered at once and recorded as an event of an item, and the topic that its events go to.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Kafka as KafkaClient, logLevel } from 'kafkajs'
import { HOT_ITEM_TOPIC, readEvent } from '../contract/hot-item-event'
import { createTopics } from '../scripts/engines/kafka'
import type { StackOptions } from '../scripts/stack'
import { FoundEvents } from './events-check'

const PARTITIONS = 3
const ITEMS = 16
const CONSUME_TIMEOUT_MS = 300_000

/** Lua. WHO says who asks, RECORD is what happens when a request has ended. */
const PLUGIN = `return {
  name = 'recorder', version = '0.1.0', priority = 100, routes = {}, fails = 'closed',
  schema = { kind = 'object', description = 'Answers and records.', members = {}, names = {} },
  create = function(config, ports)
    local items, turn, events = {}, 0, ports.events
    for i = 1, ${ITEMS} do items[i] = 'item-' .. i end
    local answer = { kind = 'answer', status = 200, content_type = 'text/plain', body = 'yes' }
    return {
      access = function(request)
        WHO
        return answer
      end,
      done = function(request, status) RECORD end,
    }
  end,
}`
const WHO = "request.user = 'ada'"
const RECORD = 'turn = turn % 16 + 1 events.record(request, items[turn], status)'

export interface RecorderOptions {
  dir: string
  /** undefined: to the stream on Redis */
  brokers?: string
  prefix?: string
  /** of rushgate.json */
  events?: Record<string, unknown>
  /** false: the same, without recording */
  records?: boolean
  /** Lua: says who asks */
  who?: string
}

/** What startStack, or startAnotherGate, needs for such a gate. Its files stay: a reload reads them again. */
export function recorder(options: RecorderOptions): Pick<StackOptions, 'config' | 'env'> {
  const { dir, brokers, prefix, events = {}, records = true, who = WHO } = options
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'recorder.lua'), PLUGIN.replace('RECORD', records ? RECORD : '').replace('WHO', who))
  const config = join(dir, 'rushgate.json')
  writeFileSync(config, JSON.stringify({ version: 1, routes: { sales: { plugins: ['recorder'] } }, events }))
  const env: Record<string, string> = { RUSHGATE_PLUGINS: 'recorder', RUSHGATE_PLUGIN_PATH: join(dir, '?.lua') }
  if (brokers !== undefined) env.KAFKA_BROKERS = brokers
  if (prefix !== undefined) env.KAFKA_TOPIC_PREFIX = prefix
  return { config, env }
}

export async function makeTopic(brokers: string, prefix: string): Promise<void> {
  await createTopics(brokers, [{ topic: prefix + HOT_ITEM_TOPIC, partitions: PARTITIONS }])
}

/** Reads the topic from its first to its present last message. */
export async function eventsInTopic(brokers: string, prefix: string): Promise<FoundEvents> {
  const kafka = new KafkaClient({ clientId: 'events-check', brokers: [brokers], logLevel: logLevel.NOTHING })
  const topic = prefix + HOT_ITEM_TOPIC
  const found = new FoundEvents()
  const admin = kafka.admin()
  await admin.connect()
  const ends = new Map(
    (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, Number(high)] as const),
  )
  await admin.disconnect()
  let left = [...ends.values()].filter((end) => end > 0).length
  if (left === 0) return found
  const consumer = kafka.consumer({ groupId: `${prefix}events-check-${Date.now()}` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the topic was not read to its end`)), CONSUME_TIMEOUT_MS)
      const eachBatch = async ({ batch }: { batch: { partition: number; messages: Message[] } }) => {
        for (const message of batch.messages) take(found, message.value)
        const last = Number(batch.messages.at(-1)?.offset ?? -1)
        if (ends.get(batch.partition) !== undefined && last + 1 >= (ends.get(batch.partition) as number)) {
          ends.delete(batch.partition)
          left -= 1
        }
        if (left > 0) return
        clearTimeout(timer)
        resolve()
      }
      consumer.run({ eachBatch }).catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
  return found
}

interface Message {
  offset: string
  value: Buffer | null
}

function take(found: FoundEvents, value: Buffer | null): void {
  const event = parse(value?.toString() ?? '')
  if (typeof event === 'string') found.unreadable += 1
  else found.add(event)
}

function parse(text: string): ReturnType<typeof readEvent> {
  try {
    return readEvent(JSON.parse(text))
  } catch {
    return 'is no JSON'
  }
}
