// Events of items from Kafka into Elasticsearch, by the built backend as processes: one is killed, one is added, Elasticsearch is
// away for a while, and much of what is sent is sent twice or is no event. Every event is there once in the end.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type HotItemEvent, printEvent } from '../../contract/hot-item-event'
import {
  type ElasticsearchForTests,
  elasticsearchForTests,
  type KafkaForTests,
  kafkaForTests,
} from '../../scripts/engines/for-tests'
import { freePort } from '../../scripts/ports'
import type { Postgres } from '../../scripts/postgres'
import { type Door, doorBefore, eventAt } from './hot-item-events'
import { postgresAvailable, startTestPostgres } from './postgres'
import { startTestRedis, type TestRedis } from './redis'
import { until } from './world'

const MAIN = join(import.meta.dirname, '../../dist/backend/main.js')
const TOKEN = 'an-admin-token-of-a-test'
const DAY_MS = 86_400_000
const EVENTS = 20_000
/** by an index of other types */
const REFUSED = 30
const WAIT_MS = 60_000
const ERROR_LEVEL = 50

let kafka: KafkaForTests
let elastic: ElasticsearchForTests
let postgres: Postgres
let redis: TestRedis
let door: Door
let client: Kafka
let producer: Producer
let database_url: string
let topic: string
let index: string
const running: Backend[] = []

/** The built backend with some roles, and what it has logged. */
class Backend {
  readonly lines: { level: number; msg: string; loop?: string }[] = []
  readonly ended: Promise<number | null>
  private readonly child: ChildProcess
  private rest = ''

  constructor(
    readonly port: number,
    roles: string,
  ) {
    this.child = spawn(process.execPath, [MAIN, '--roles', roles], {
      env: {
        PATH: process.env['PATH'],
        RUSHGATE_PORT: String(port),
        RUSHGATE_DATA: redis.dir,
        REDIS_URL: redis.server.url,
        DATABASE_URL: database_url,
        KAFKA_BROKERS: kafka.brokers,
        KAFKA_TOPIC_PREFIX: kafka.prefix,
        ELASTICSEARCH_URL: door.url,
        ELASTICSEARCH_INDEX_PREFIX: elastic.prefix,
        RUSHGATE_SECRET: 'k1:a-secret-that-only-this-test-knows',
        RUSHGATE_ADMIN_TOKEN: TOKEN,
        RUSHGATE_DEMO: '1',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.child.stdout?.on('data', (data) => this.read(String(data)))
    this.ended = new Promise((resolve) => this.child.on('close', resolve))
    running.push(this)
  }

  static async start(roles: string): Promise<Backend> {
    const backend = new Backend(await freePort(), roles)
    await until('the backend lives', async () => (await fetch(`${backend.url}/livez`)).ok, WAIT_MS)
    return backend
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** Other parts say in their own way that Elasticsearch is away. */
  errors(): string[] {
    const ours = this.lines.filter(
      ({ level, loop = 'hot item' }) => level >= ERROR_LEVEL && loop.startsWith('hot item'),
    )
    return ours.map((line) => JSON.stringify(line))
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely in tests
  async admin(method: string, path: string, body?: object): Promise<{ status: number; body: any }> {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    })
    return { status: response.status, body: await response.json() }
  }

  /** The sum of a series over its labels. */
  async metric(name: string, labels = ''): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text()
    let sum = 0
    for (const line of text.split('\n')) {
      if (line.startsWith(`rushgate_hot_item_${name}`) && line.includes(labels)) sum += Number(line.split(' ').at(-1))
    }
    return sum
  }

  private read(data: string): void {
    const lines = (this.rest + data).split('\n')
    this.rest = lines.pop() ?? ''
    for (const line of lines) this.lines.push(JSON.parse(line))
  }
}

beforeAll(async () => {
  if (!postgresAvailable) return
  if (!existsSync(MAIN)) throw new Error('dist/backend/main.js is missing: run `npm run build` first')
  ;[kafka, elastic, postgres, redis] = await Promise.all([
    kafkaForTests('hot-item-kafka'),
    elasticsearchForTests('hot-item-kafka'),
    startTestPostgres(),
    startTestRedis(),
  ])
  database_url = await postgres.createDatabase('hot_items')
  door = await doorBefore(elastic.url)
  topic = `${kafka.prefix}collection_hot_item`
  index = `${elastic.prefix}hot_item`
  client = new Kafka({ brokers: [kafka.brokers], logLevel: logLevel.NOTHING })
  producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
})

afterEach(async () => {
  for (const backend of running.splice(0)) {
    backend.kill('SIGKILL')
    await backend.ended
  }
})

afterAll(async () => {
  if (!postgresAvailable) return
  await producer?.disconnect()
  await door?.close()
  for (const part of [kafka, elastic]) await part?.close()
  await postgres?.stop()
  await redis?.remove()
})

function dayBack(days: number): number {
  return Date.now() - days * DAY_MS
}

async function send(values: (string | HotItemEvent)[]): Promise<void> {
  const messages = values.map((value) => ({ value: typeof value === 'string' ? value : printEvent(value) }))
  await producer.send({ topic, messages })
}

async function ask(path: string, method = 'GET', body?: object) {
  const response = await fetch(`${elastic.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response.json() as Promise<Record<string, unknown>>
}

async function kept(): Promise<number> {
  await ask(`/${index}/_refresh`, 'POST')
  return Number((await ask(`/${index}/_count`))['count'])
}

/** What was set aside, once each however often it was delivered: where from and why. */
async function deadLetters(wanted: number): Promise<Map<string, string>> {
  const consumer = client.consumer({ groupId: `${kafka.prefix}test` })
  const causes = new Map<string, string>()
  await consumer.connect()
  await consumer.subscribe({ topics: [`${topic}.dead`], fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message: { headers } }) => {
      causes.set(String(headers?.['from']), String(headers?.['cause']))
    },
  })
  await until('dead letters are read', () => causes.size >= wanted, WAIT_MS)
  await consumer.disconnect()
  return causes
}

test.skipIf(!postgresAvailable)(
  'every event is there once, whatever dies or is away meanwhile',
  { timeout: 240_000 },
  async () => {
    const first = await Backend.start('indexer')
    await until('the first has joined', async () => (await first.metric('consumers')) === 3, WAIT_MS)
    // a day whose index somebody has made otherwise: Elasticsearch refuses each of its documents
    const odd_day = new Date(dayBack(2)).toISOString().substring(0, 10).replaceAll('-', '.')
    await ask(`/${index}-${odd_day}`, 'PUT', { mappings: { properties: { status: { type: 'boolean' } } } })

    const events = Array.from({ length: EVENTS }, (_, i) =>
      eventAt(i % 10 === 0 ? dayBack(1) : Date.now(), Math.floor(i / 2) + 1, { worker: `00000000000000a${i % 2}` }),
    )
    const odd = Array.from({ length: REFUSED }, (_, i) => eventAt(dayBack(2), i + 1, { worker: '00000000000000b0' }))
    const old = Array.from({ length: 10 }, (_, i) => eventAt(dayBack(9), i + 1, { worker: '00000000000000b1' }))
    const ahead = Array.from({ length: 5 }, (_, i) => eventAt(dayBack(-3), i + 1, { worker: '00000000000000b2' }))
    const no_events = ['', '{', '[]', 'null', '{"uri":1}', '\u0000', printEvent(eventAt(Date.now(), 1, { ip: 'here' }))]

    const sendFrom = async (from: number, to: number) => {
      for (let i = from; i < to; i += 1000) await send(events.slice(i, i + 1000))
    }
    await sendFrom(0, 4000)
    await send([...no_events, ...odd, ...old, ...ahead])
    await until('some are kept', async () => (await kept()) > 500, WAIT_MS)
    const second = await Backend.start('api,indexer')
    // killed with events in its hands that nobody has yet
    await sendFrom(4000, EVENTS / 2)
    first.kill('SIGKILL')
    await sendFrom(0, 3000)
    await sendFrom(EVENTS / 2, EVENTS)
    await until('the second goes on', async () => (await second.metric('events_indexed_total')) > 0, WAIT_MS)

    door.shut()
    await send(events.slice(EVENTS - 2000))
    const away = await second.admin('GET', '/admin/hot-items')
    expect(away).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    expect(away.body.detail).toMatch(/^Elasticsearch is away: /)
    await until('it says so', async () => (await second.metric('store_away')) === 1, WAIT_MS)
    await sleep(1500)
    door.open()

    await until('all are kept', async () => (await kept()) === EVENTS, WAIT_MS)
    await until('nothing lags', async () => (await second.metric('lag')) === 0, WAIT_MS)
    expect(await kept()).toBe(EVENTS)
    expect(await second.metric('store_away')).toBe(0)
    expect(await second.metric('events_duplicate_total')).toBeGreaterThan(0)

    const causes = [...(await deadLetters(52)).values()]
    const count = (cause: string) => causes.filter((each) => each === cause).length
    expect({ unreadable: count('unreadable'), rejected: count('rejected') }).toEqual({
      unreadable: 7,
      rejected: REFUSED,
    })
    expect({ too_old: count('too_old'), ahead: count('ahead') }).toEqual({ too_old: 10, ahead: 5 })

    const { body: sequences } = await second.admin('GET', '/admin/hot-items?view=sequences&last=2d')
    expect(sequences).toMatchObject({ found: EVENTS, missing: 0 })
    const days = Object.keys(await ask(`/${index}`)).map((name) => name.substring(index.length + 1))
    expect(days).toHaveLength(3)
    expect(days).toContain(odd_day)

    second.kill('SIGTERM')
    expect(await second.ended).toBe(0)
    expect(second.errors()).toEqual([])
    await expectCommitted()
  },
)

/** Stopped in order, every consumer has said how far it came. */
async function expectCommitted(): Promise<void> {
  const admin = client.admin()
  await admin.connect()
  const ends = await admin.fetchTopicOffsets(topic)
  const [done] = await admin.fetchOffsets({ groupId: `${kafka.prefix}indexers`, topics: [topic] })
  await admin.disconnect()
  expect(ends).toHaveLength(3)
  const byPartition = (a: { partition: number }, b: { partition: number }) => a.partition - b.partition
  expect(done?.partitions.sort(byPartition).map(({ offset }) => offset)).toEqual(
    ends.sort(byPartition).map(({ high }) => high),
  )
}

test.skipIf(!postgresAvailable)(
  'what Elasticsearch has lost is read again from Kafka',
  { timeout: 120_000 },
  async () => {
    const backend = await Backend.start('api,indexer')
    await until('it has joined', async () => (await backend.metric('consumers')) === 3, WAIT_MS)
    const had = await kept()
    expect(had).toBe(EVENTS)
    for (const name of Object.keys(await ask(`/${index}`))) await ask(`/${name}`, 'DELETE')
    await ask(`/_index_template/${index}`, 'DELETE')
    expect((await backend.admin('GET', '/admin/hot-items?last=2d')).body).toMatchObject({ requests: 0, items: [] })

    const from = new Date(dayBack(1)).toISOString()
    const started = await backend.admin('POST', '/admin/hot-items/reindex', { from })
    expect(started).toMatchObject({ status: 202, body: { state: 'running', from } })
    const again = await backend.admin('POST', '/admin/hot-items/reindex', { from })
    expect(again).toMatchObject({ status: 409, body: { code: 'conflict' } })
    await until(
      'all is read again',
      async () => (await backend.admin('GET', '/admin/hot-items/reindex')).body.state === 'done',
      WAIT_MS,
    )
    const { body } = await backend.admin('GET', '/admin/hot-items/reindex')
    expect(body.read).toBe(body.events)
    // those that were refused too: the index that somebody had made otherwise is gone
    expect(await kept()).toBe(EVENTS + REFUSED)
    const { body: top } = await backend.admin('GET', '/admin/hot-items?last=2d&limit=1')
    expect(top).toMatchObject({ requests: EVENTS, count_error_max: 0, items: [{ item: 'item-1' }] })
    expect(backend.errors()).toEqual([])
  },
)
