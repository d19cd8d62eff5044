// Intents through a real Kafka: exactly one order each, whatever comes twice, is lost on the way, or comes too late.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Admin, Kafka, logLevel, type Producer } from 'kafkajs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { intentsKey, SETTLER_GROUP } from '../../contract/keys'
import { type KafkaForTests, kafkaForTests } from '../../scripts/engines/for-tests'
import { INTENTS_TOPIC, messageOf, SETTLERS_GROUP } from '../src/settlement/intent-message'
import { lagOf, readPositions } from '../src/settlement/kafka-positions'
import { KAFKA_CONSUMER, pendingByConsumer, streamOf } from '../src/settlement/streams'
import { until, World, type WorldOptions } from './world'

const WITHOUT_SETTLER = 'api,relay,sweeper'
const ALL = 'api,settler,relay,sweeper'

let kafka: KafkaForTests
let admin: Admin
let producer: Producer
let world: World
let prefix: string
let worlds = 0

beforeAll(async () => {
  kafka = await kafkaForTests('orders')
  const client = new Kafka({ brokers: kafka.brokers.split(','), logLevel: logLevel.NOTHING })
  admin = client.admin()
  producer = client.producer({ allowAutoTopicCreation: false })
  await Promise.all([admin.connect(), producer.connect()])
}, 120_000)

afterEach(() => world.stop())

afterAll(async () => {
  await Promise.all([admin?.disconnect(), producer?.disconnect()])
  await kafka?.close()
})

async function start(options: WorldOptions): Promise<void> {
  prefix = `${kafka.prefix}${++worlds}-`
  const environment = { KAFKA_BROKERS: kafka.brokers, KAFKA_TOPIC_PREFIX: prefix }
  world = await World.start({ ...options, environment })
}

/** Another backend over the same Redis, Kafka and ledger. */
async function restart(roles: string): Promise<void> {
  await world.backend.stop()
  world.config.roles = roles.split(',') as typeof world.config.roles
  await world.restart()
}

const topic = () => prefix + INTENTS_TOPIC
const positions = () => readPositions(admin, topic(), prefix + SETTLERS_GROUP)
const messages = async () => [...(await positions()).values()].reduce((sum, { end }) => sum + end, 0)
const untilSettled = () => until('offsets are committed', async () => lagOf(await positions()) === 0, 30_000)

/** Entries of the sale's stream that Kafka has and the ledger not. */
async function inKafka(sale: string): Promise<number> {
  const pending = await pendingByConsumer(world.redis, intentsKey(sale, 0))
  return new Map(pending).get(KAFKA_CONSUMER) ?? 0
}

for (const ledger of ['memory', 'pglite'] as const) {
  test(`a purchase goes from stream to Kafka to the ledger and to the poll (${ledger})`, async () => {
    await start({ ledger, roles: ALL })
    const sale = await world.openSale('through')
    const reserved = await world.reserveMany(sale, [
      { user: 'ann', key: 'k', quantity: 2 },
      { user: 'bob', key: 'k' },
    ])
    for (const { body } of reserved)
      await until('confirmed', async () => (await world.published(sale, body)) === 'confirmed', 30_000)
    expect(await messages()).toBe(1)
    await untilSettled()
    await until('the stream is trimmed', async () => (await world.redis.xlen(intentsKey(sale.id, 0))) === 0)
    expect(await world.balanced(sale)).toMatchObject({ confirmed: 3, in_redis: 7, in_queue: 0 })
  }, 120_000)
}

test('offsets are committed only when what they stand for is durable', async () => {
  await start({ roles: ALL })
  let goOn = () => {}
  const gate = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const sale = await world.openSale('durable')
  world.ledger.durable = () => gate
  const { body } = await world.reserve(sale, 'ann', 'k')
  await until('settled', async () => (await world.ledger.order(sale.id, body)) !== undefined, 30_000)
  await sleep(2500)
  expect(lagOf(await positions())).toBe(1)
  expect(await world.redis.xlen(intentsKey(sale.id, 0))).toBe(1)
  goOn()
  await untilSettled()
}, 120_000)

test('delivered twice, by a relay that was killed before it could note that Kafka has it: one order', async () => {
  await start({ roles: WITHOUT_SETTLER })
  const sale = await world.openSale('twice')
  const reserved = await world.reserve(sale, 'ann', 'k')
  await until('Kafka has it', async () => (await inKafka(sale.id)) === 1, 30_000)
  const [entry] = await world.redis.xrangeBuffer(intentsKey(sale.id, 0), '-', '+')
  const [id, fields] = entry as [Buffer, Buffer[]]
  const again = messageOf({ stream: streamOf(sale.id, 0), id: id.toString(), fields })
  await producer.send({ topic: topic(), messages: [again, again] })
  await restart(ALL)
  await world.untilStatus(sale, reserved.body, 'confirmed')
  await untilSettled()
  expect(await messages()).toBe(3)
  expect(await world.balanced(sale)).toMatchObject({ confirmed: 1, in_redis: 9 })
  expect(await world.ledger.orders(sale.id, '', 10)).toHaveLength(1)
}, 120_000)

test('what Kafka has lost is found in the stream and sent again', async () => {
  await start({ roles: 'api' })
  const sale = await world.openSale('lost')
  const { body } = await world.reserve(sale, 'ann', 'k')
  // handed over, as the relay notes it, to a Kafka that has nothing
  const key = intentsKey(sale.id, 0)
  await world.redis.xgroup('CREATE', key, SETTLER_GROUP, '0', 'MKSTREAM')
  await world.redis.xreadgroup('GROUP', SETTLER_GROUP, KAFKA_CONSUMER, 'STREAMS', key, '>')
  expect(await inKafka(sale.id)).toBe(1)
  await restart(ALL)
  await until('confirmed', async () => (await world.published(sale, body)) === 'confirmed', 30_000)
  expect(await messages()).toBe(1)
  const metric = await world.backend.metrics.registry.getSingleMetricAsString('rushgate_relayed_again_total')
  expect(metric).toContain('rushgate_relayed_again_total 1')
}, 120_000)

test('a ledger that was put back: what was acknowledged goes through Kafka again', async () => {
  await start({ roles: 'api' })
  const sale = await world.openSale('back')
  const key = intentsKey(sale.id, 0)
  const reserved = [await world.reserve(sale, 'ann', 'k'), await world.reserve(sale, 'bob', 'k')]
  const entries = (await world.redis.xrange(key, '-', '+')).map(([entry]) => entry)
  await world.redis.xgroup('CREATE', key, SETTLER_GROUP, '0')
  await world.redis.xreadgroup('GROUP', SETTLER_GROUP, 'test', 'STREAMS', key, '>')
  await world.redis.xack(key, SETTLER_GROUP, ...entries)
  ;(world.ledger as { restored?: boolean }).restored = true
  await restart(ALL)
  for (const { body } of reserved)
    await until('confirmed', async () => (await world.published(sale, body)) === 'confirmed', 30_000)
  expect(await messages()).toBe(2)
  expect(await world.balanced(sale)).toMatchObject({ confirmed: 2, in_redis: 8 })
}, 120_000)

test('Redis emptied: a rebuild settles what only Kafka has; what comes from before its barrier later is void', async () => {
  await start({ roles: WITHOUT_SETTLER })
  const sale = await world.openSale('emptied')
  const survivor = await world.reserve(sale, 'ann', 'k', 2)
  const late = await world.reserve(sale, 'bob', 'k')
  await until('Kafka has them', async () => (await inKafka(sale.id)) === 2, 30_000)
  const entries = await world.redis.xrangeBuffer(intentsKey(sale.id, 0), '-', '+')
  await world.redis.flushall()
  await until(
    'rebuilt',
    async () => (await world.sale(sale.id)).epoch > sale.epoch && !(await world.sale(sale.id)).rebuilding,
    30_000,
  )
  for (const { body } of [survivor, late]) expect((await world.ledger.order(sale.id, body))?.status).toBe('confirmed')
  expect(await world.published(sale, survivor.body)).toBe('confirmed')
  // one that nobody has seen, of the epoch that is over: on its way when the partitions were read
  const [, fields] = entries[0] as [Buffer, Buffer[]]
  const items = Buffer.from(fields[7] as Buffer)
  items.write('never-seen-by-a-ledger', 0)
  const old = messageOf({ stream: streamOf(sale.id, 0), id: '1-1', fields: [...fields.slice(0, 7), items] })
  await producer.send({ topic: topic(), messages: [old] })
  await restart(ALL)
  await untilSettled()
  const order = await world.ledger.order(sale.id, 'never-seen-by-a-ledger')
  expect(order).toMatchObject({ status: 'void', reason: 'older_epoch' })
  expect(await world.balanced(await world.sale(sale.id))).toMatchObject({ confirmed: 3, in_redis: 7 })
}, 120_000)

test('a message that nobody can read holds up nothing', async () => {
  await start({ roles: ALL })
  const sale = await world.openSale('unreadable')
  await until('the topic is there', async () => (await admin.listTopics()).includes(topic()), 30_000)
  await producer.send({
    topic: topic(),
    messages: [
      { key: 'unreadable.0', value: 'no JSON' },
      { key: 'x', value: null },
    ],
  })
  const { body } = await world.reserve(sale, 'ann', 'k')
  await until('confirmed', async () => (await world.published(sale, body)) === 'confirmed', 30_000)
  await untilSettled()
}, 120_000)
