// `npm run engines` as a person meets it, with the real Kafka and the real Elasticsearch: up, status, up again, kill, down; data and
// ports are kept throughout.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { afterAll, expect, test } from 'vitest'
import { isPortFree } from '../ports'
import { ROOT } from '../stack'

const WHOLE_TEST_MS = 400_000
const dir = mkdtempSync(join(tmpdir(), 'rushgate-engines-'))

afterAll(async () => {
  await engines('down')
  rmSync(dir, { recursive: true, force: true })
})

interface Ended {
  code: number
  output: string
  kafka: string
  elasticsearch: string
}

function engines(...args: string[]): Promise<Ended> {
  const command = ['--import', 'tsx', join(ROOT, 'scripts/engines/run.ts'), ...args, '--dir', dir]
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: ROOT }, (error, stdout, stderr) => {
      const output = stdout + stderr
      const exported = (name: string) => new RegExp(`export ${name}=(\\S+)`).exec(output)?.[1] ?? ''
      const code = error === null ? 0 : Number(error.code ?? -1)
      resolve({ code, output, kafka: exported('KAFKA_BROKERS'), elasticsearch: exported('ELASTICSEARCH_URL') })
    })
  })
}

function client(brokers: string): Kafka {
  return new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING, retry: { retries: 10, maxRetryTime: 5000 } })
}

/** How many each topic has. */
async function partitions(brokers: string): Promise<Record<string, number>> {
  const admin = client(brokers).admin()
  await admin.connect()
  const { topics } = await admin.fetchTopicMetadata()
  await admin.disconnect()
  return Object.fromEntries(topics.map((topic) => [topic.name, topic.partitions.length]))
}

async function send(brokers: string, value: string): Promise<void> {
  const producer = client(brokers).producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  await producer.send({ topic: 'rushgate.intents', messages: [{ key: 'sale.0', value }] })
  await producer.disconnect()
}

/** What is in the topic, from its beginning. */
async function received(brokers: string, count: number): Promise<string[]> {
  const consumer = client(brokers).consumer({ groupId: `test-${Date.now()}` })
  const found: string[] = []
  await consumer.connect()
  await consumer.subscribe({ topic: 'rushgate.intents', fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      found.push(String(message.value))
    },
  })
  try {
    await expect.poll(() => found.length, { timeout: 60_000 }).toBe(count)
  } finally {
    await consumer.disconnect()
  }
  return found
}

function pidOf(name: 'kafka' | 'elasticsearch'): number {
  return (JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8')) as Record<string, { pid: number }>)[name]?.pid ?? 0
}

async function document(url: string, method: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${url}/kept/_doc/1`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return ((await response.json()) as { _source?: unknown })._source
}

test('nothing is up at first: status says so and exits with 1', async () => {
  const asked = await engines('status')
  expect(asked.code).toBe(1)
  expect(asked.output.match(/not running/g)).toHaveLength(2)
})

test('up, a broker killed, down and up again: data and addresses stay', { timeout: WHOLE_TEST_MS }, async () => {
  const first = await engines('up')
  expect(first, first.output).toMatchObject({ code: 0 })
  expect(await engines('status')).toMatchObject({ code: 0, kafka: first.kafka, elasticsearch: first.elasticsearch })
  expect(await partitions(first.kafka)).toMatchObject({ 'rushgate.intents': 6, collection_hot_item: 3 })
  await send(first.kafka, 'before the kill')
  await document(first.elasticsearch, 'PUT', { kept: true })

  // both leave it alone: they run
  const pids = { kafka: pidOf('kafka'), elasticsearch: pidOf('elasticsearch') }
  expect(await engines('up')).toMatchObject({ code: 0, kafka: first.kafka })
  expect({ kafka: pidOf('kafka'), elasticsearch: pidOf('elasticsearch') }).toEqual(pids)

  process.kill(-pids.kafka, 'SIGKILL')
  await expect.poll(() => existsSync(`/proc/${pids.kafka}`)).toBe(false)
  const asked = await engines('status')
  expect(asked).toMatchObject({ code: 1, kafka: '', elasticsearch: first.elasticsearch })
  expect(await engines('up')).toMatchObject({ code: 0, kafka: first.kafka })
  await send(first.kafka, 'after the kill')
  expect(await received(first.kafka, 2)).toEqual(['before the kill', 'after the kill'])

  expect((await engines('down')).output.match(/its data is kept/g)).toHaveLength(2)
  expect((await engines('down')).output.match(/was not running/g)).toHaveLength(2)
  for (const address of [first.kafka, first.elasticsearch])
    expect(await isPortFree(Number(address.split(':').at(-1)))).toBe(true)

  const again = await engines('up')
  expect(again).toMatchObject({ code: 0, kafka: first.kafka, elasticsearch: first.elasticsearch })
  expect(await received(again.kafka, 2)).toEqual(['before the kill', 'after the kill'])
  expect(await document(again.elasticsearch, 'GET')).toEqual({ kept: true })
})

test('a wrong option is named', async () => {
  expect((await engines('up', '--only', 'zookeeper')).output).toContain(
    "there are kafka and elasticsearch, got 'zookeeper'",
  )
})
