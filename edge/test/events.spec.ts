// Events of items at a real gate: what stands in them, where they go, and that requests do not notice when they go nowhere.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { Kafka as KafkaClient, logLevel } from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type GateCounts, readGateCounts } from '../../bench/events-check'
import { eventsInTopic, makeTopic, type RecorderOptions, recorder } from '../../bench/events-shop'
import { eventStreamKey, HOT_ITEM_TOPIC, type HotItemEvent, printEvent, readEvent } from '../../contract/hot-item-event'
import { type KafkaForTests, kafkaForTests } from '../../scripts/engines/for-tests'
import { freePort } from '../../scripts/ports'
import { type AnotherGate, type Stack, startAnotherGate, startStack } from '../../scripts/stack'
import { sleep, until } from './shop'

// one backend and one Redis; a gate of its own for each test
let dir: string
let stack: Stack
let gate: AnotherGate | undefined
let redis: Redis

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-events-'))
  stack = await startStack({ dir: join(dir, 'stack') })
  // a database of their own: the backend's indexer drains the stream of the other
  redis = new Redis(`${stack.urls.redis}/1`)
  redis.on('error', () => {}) // it is stopped in between
})
afterEach(async () => {
  await gate?.gate.stop()
  gate = undefined
})
afterAll(async () => {
  redis.disconnect()
  await stack.stop()
  rmSync(dir, { recursive: true, force: true })
})

let gates = 0

async function startGate(
  options: Omit<RecorderOptions, 'dir'>,
  env: Record<string, string> = {},
): Promise<AnotherGate> {
  gates += 1
  const name = `gate-${gates}`
  const { config, env: own } = recorder({ ...options, dir: join(dir, `plugin-${gates}`) })
  gate = await startAnotherGate(stack, name, { config, env: { ...own, ...env } })
  return gate
}

async function counts(): Promise<GateCounts> {
  return readGateCounts(await (await fetch(gate?.urls.metrics ?? '')).text())
}

async function ask(times: number, headers: Record<string, string> = {}): Promise<void> {
  for (let i = 0; i < times; i++) {
    const answer = await fetch(`${gate?.urls.gate}/sales`, { headers, signal: AbortSignal.timeout(20_000) })
    expect(answer.status).toBe(200)
    await answer.arrayBuffer()
  }
}

function errorLog(): string {
  return gate?.gate.errorLog() ?? ''
}

/** Started by a user who says who he is: the plugin takes x-user for one. */
const WHO = 'request.user = ports.http.header("x_user") or ""'

describe('events to Kafka', () => {
  let kafka: KafkaForTests

  beforeAll(async () => {
    kafka = await kafkaForTests('events')
    await makeTopic(kafka.brokers, kafka.prefix)
  })
  afterAll(() => kafka.close())

  /** The messages as they are, in the order of each partition. */
  async function messages(count: number): Promise<string[]> {
    const client = new KafkaClient({ brokers: [kafka.brokers], logLevel: logLevel.NOTHING })
    const consumer = client.consumer({ groupId: `${kafka.prefix}spec` })
    const texts: string[] = []
    await consumer.connect()
    await consumer.subscribe({ topic: kafka.prefix + HOT_ITEM_TOPIC, fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => void texts.push(message.value?.toString() ?? '') })
    await until(async () => texts.length >= count, 30_000)
    await consumer.disconnect()
    return texts
  }

  it('say who asked for what, when, and with what result; then a reload loses none', async () => {
    const own = await startGate({ brokers: kafka.brokers, prefix: kafka.prefix, who: WHO })
    const began_ms = Date.now()
    await ask(3, { 'x-user': 'ada' })
    await ask(2, {
      'x-user': 'bob',
      'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    })
    await ask(1, { 'x-user': 'a"\\\n'.trim(), 'user-agent': 'curl/8 "quoted" \\' })
    await ask(1)
    await (await fetch(`${own.urls.gate}/sales?token=secret`)).arrayBuffer()
    const texts = await messages(8)
    const events = texts.map((text) => readEvent(JSON.parse(text)) as HotItemEvent).sort((a, b) => a.seq - b.seq)
    expect(events.map((event) => event.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    // the gate writes what the contract prints
    expect(texts.sort()).toEqual(events.map(printEvent).sort())
    for (const event of events) {
      expect(event).toMatchObject({ uri: '/sales', ip: '127.0.0.1', status: 200, worker: events[0]?.worker })
      expect(Math.abs(Date.parse(event.actime) - began_ms)).toBeLessThan(60_000)
    }
    const [ada, , , bob, , other, nobody] = events as [HotItemEvent, HotItemEvent, HotItemEvent, ...HotItemEvent[]]
    expect(events.slice(0, 3).every((event) => event.token === ada.token)).toBe(true)
    expect(ada.token).toMatch(/^[\w-]{22}$/)
    expect(new Set([ada.token, bob?.token, other?.token, nobody?.token]).size).toBe(4)
    expect(nobody?.token).toBe('')
    expect([ada.agent, bob?.agent, other?.agent]).toEqual(['other', 'firefox', 'other'])
    expect(texts.join()).not.toMatch(/secret|ada|bob/)

    const recorded = 8
    await ask(20)
    await own.gate.reload()
    await ask(20)
    const all = recorded + 40
    await until(async () => (await counts()).delivered === all)
    expect(await counts()).toEqual({ recorded: all, delivered: all, queued: 0, pushed_out: 0, dropped: {} })
    const found = await eventsInTopic(kafka.brokers, kafka.prefix)
    expect({ count: found.count, doubled: found.doubled, gaps: found.gaps }).toEqual({
      count: all,
      doubled: 0,
      gaps: 0,
    })
    expect(found.workers).toBe(2)
    // a Kafka that was started a moment ago is not quite ready, which librdkafka says once
    expect(errorLog()).not.toMatch(/\[(error|crit|alert|emerg)\]/)
  })

  it('draws by lot what is recorded where only a share is wanted', async () => {
    await startGate({ brokers: kafka.brokers, prefix: kafka.prefix, events: { sample: 0.5 } })
    await ask(200)
    await until(async () => (await counts()).delivered > 0)
    await sleep(1100)
    const { recorded } = await counts()
    // a fair coin thrown 200 times lies outside once in 10^8
    expect(recorded).toBeGreaterThan(55)
    expect(recorded).toBeLessThan(145)
  })
})

describe('events to a Kafka that is not there', () => {
  it('fill the queue up to its ceiling and are counted; requests do not notice', async () => {
    const brokers = `127.0.0.1:${await freePort()}`
    const events = { queue_max: 1000, exit_ms_max: 500 }
    const own = await startGate({ brokers, events })
    const began_ms = performance.now()
    await ask(1100)
    // so many requests one after another, each its own round trip: none of them waited for a broker
    expect(performance.now() - began_ms).toBeLessThan(30_000)
    await until(async () => (await counts()).recorded === 1100)
    expect(await counts()).toEqual({
      recorded: 1100,
      delivered: 0,
      queued: 1000,
      pushed_out: 0,
      dropped: { queue_full: 100 },
    })
    await own.gate.reload()
    await until(async () => (await counts()).queued === 0, 30_000)
    expect((await counts()).dropped).toEqual({ queue_full: 100, exit: 1000 })
    await until(async () => /kafka: .*Connection refused/.test(errorLog()))
  })

  it('are counted by the successor of a worker that was killed', async () => {
    const brokers = `127.0.0.1:${await freePort()}`
    const own = await startGate({ brokers })
    await ask(300)
    const [worker] = own.gate.workers()
    process.kill(worker as number, 'SIGKILL')
    await until(async () => (await counts()).dropped.worker_killed === 300)
    // and with it gone, the new one counts from nothing
    await ask(10)
    await until(async () => (await counts()).queued === 10)
    expect((await counts()).recorded).toBe(310)
    expect(errorLog()).toMatch(/events: worker [0-9a-f]{16} was killed: 300 recorded, 0 delivered, 300 dropped/)
  })

  it('are refused at start where librdkafka does not take an option, which is named without its value', async () => {
    const env = { KAFKA_OPTIONS: 'security.protocol=sasl_ssl; sasl.secret=hunter2' }
    const failure = await startGate({ brokers: '127.0.0.1:9' }, env).then(
      () => 'started',
      (error: Error) => error.message,
    )
    expect(failure).toContain('does not take the option sasl.secret')
    expect(failure).not.toContain('hunter2')
  })
})

describe('events without Kafka', () => {
  it('go to the stream on Redis, in batches; a reload loses none', async () => {
    const own = await startGate({}, { REDIS_VOLATILE_URL: `${stack.urls.redis}/1` })
    await ask(300)
    await own.gate.reload()
    await ask(30)
    await until(async () => (await counts()).delivered === 330)
    expect(await counts()).toEqual({ recorded: 330, delivered: 330, queued: 0, pushed_out: 0, dropped: {} })
    const entries = await redis.xrange(eventStreamKey(), '-', '+')
    const ids = new Set<string>()
    for (const [, fields] of entries) {
      const [, n, , texts = ''] = fields
      const events = texts.split('\n').map((text) => readEvent(JSON.parse(text)) as HotItemEvent)
      expect(events).toHaveLength(Number(n))
      for (const event of events) ids.add(`${event.worker}-${event.seq}`)
    }
    expect(ids.size).toBe(330)
    expect(entries.length).toBeLessThan(330)
  })

  it('never fill the stream past its cap: the oldest entries are pushed out, and said', async () => {
    const script = readFileSync(fileURLToPath(new URL('../../dist/redis/add-events.lua', import.meta.url)), 'utf8')
    const key = 'events-of-this-test'
    const add = async (...sizes: number[]): Promise<number[]> => {
      const items = sizes.map((n, i) => `${String(i).padStart(22, '0')}3 ${n} ${'{}\n'.repeat(n).trim()}`)
      const reply = (await redis.eval(script, 1, key, 'b1', ...items)) as string
      const [batch, ...lines] = reply.split('\n')
      expect(batch).toBe('b1')
      return lines.map((line) => Number(line.split(' ')[1]))
    }
    expect(await add(5, 7)).toEqual([0, 0])
    expect(await add(1)).toEqual([0])
    expect(await add(2, 3)).toEqual([5, 7])
    expect(await redis.xlen(key)).toBe(3)
    const left = await redis.xrange(key, '-', '+')
    expect(left.map(([, fields]) => fields[1])).toEqual(['1', '2', '3'])
  })

  it('wait for a Redis that is away, and are there when it is back', async () => {
    await startGate({}, { REDIS_VOLATILE_URL: `${stack.urls.redis}/1` })
    await stack.redis.stop()
    await ask(50)
    await until(async () => (await counts()).queued === 50)
    await stack.redis.start()
    await until(async () => (await counts()).delivered === 50, 30_000)
  })
})
