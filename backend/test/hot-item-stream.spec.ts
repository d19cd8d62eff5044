// Events of items where there is neither Kafka nor Elasticsearch: from the Redis stream into PGlite, and what an operator is told.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventStreamKey, type HotItemEvent, printEvent } from '../../contract/hot-item-event'
import { deadStreamKey } from '../src/hot-items/redis-source'
import { eventAt } from './hot-item-events'
import { until, World } from './world'

let world: World

beforeAll(async () => {
  world = await World.start()
})

afterAll(() => world?.stop())

/** As a gate's worker does: one entry a batch. */
async function add(events: (HotItemEvent | string)[]): Promise<void> {
  const lines = events.map((event) => (typeof event === 'string' ? event : printEvent(event)))
  await world.redis.xadd(eventStreamKey(), '*', 'n', lines.length, 'e', lines.join('\n'))
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely in tests
async function ask(query = ''): Promise<any> {
  const { status, body } = await world.admin('GET', `/admin/hot-items${query}`)
  if (status !== 200) throw new Error(JSON.stringify(body))
  return body
}

async function untilKept(requests: number): Promise<void> {
  await until(`${requests} events are kept`, async () => (await ask()).requests === requests, 30_000)
}

describe('events of items in the stream', () => {
  test('are kept once each, and leave the stream', async () => {
    expect(await ask()).toMatchObject({ view: 'items', store: 'pglite', requests: 0, count_error_max: 0, items: [] })
    const now_ms = Date.now()
    const events = Array.from({ length: 700 }, (_, i) => eventAt(now_ms - 700 + i, i + 1))
    for (let i = 0; i < events.length; i += 100) await add(events.slice(i, i + 100))
    await add(events.slice(0, 100))
    await untilKept(700)
    await until('the stream is empty', async () => (await world.redis.xlen(eventStreamKey())) === 0)
    expect(await ask('?view=sequences')).toMatchObject({ found: 700, missing: 0 })
    const text = await world.backend.metrics.registry.metrics()
    expect(text).toContain('rushgate_hot_item_events_indexed_total 700')
    expect(text).toContain('rushgate_hot_item_events_duplicate_total 100')
  })

  test('that are none are set aside, and stop nobody', async () => {
    await add(['{', eventAt(Date.now(), 1, { worker: '00000000000000b0' }), '{"uri":1}'])
    await world.redis.xadd(eventStreamKey(), '*', 'something', 'else')
    await untilKept(701)
    await until('three are set aside', async () => (await world.redis.xlen(deadStreamKey())) === 3)
    const [first] = await world.redis.xrange(deadStreamKey(), '-', '+')
    expect(first?.[1]).toEqual(expect.arrayContaining(['event', '{', 'cause', 'unreadable', 'reason', 'is not JSON']))
  })

  test('that a dead indexer had in its hands are taken by the next', async () => {
    await world.backend.stop()
    await add([eventAt(Date.now(), 2, { worker: '00000000000000b0' })])
    // given to this very instance, which died before it stored it
    const read = ['GROUP', 'indexers', world.config.instance, 'STREAMS', eventStreamKey(), '>']
    expect(await world.redis.call('XREADGROUP', ...read)).toHaveLength(1)
    await world.restart()
    await untilKept(702)
    await until('the stream is empty', async () => (await world.redis.xlen(eventStreamKey())) === 0)
  })

  test('go on after Redis was emptied', async () => {
    await world.redis.flushall()
    await add([eventAt(Date.now(), 3, { worker: '00000000000000b0' })])
    await untilKept(703)
  })
})

describe('GET /admin/hot-items', () => {
  test('counts by item, address, agent, status, node, user and minute', async () => {
    const now_ms = Date.now()
    const bots = Array.from({ length: 90 }, (_, i) =>
      eventAt(now_ms, i + 1, {
        worker: '00000000000000c0',
        ip: '203.0.113.9',
        sku: 'drone',
        status: 429,
        agent: 'none',
      }),
    )
    const people = Array.from({ length: 10 }, (_, i) =>
      eventAt(now_ms, i + 1, { worker: '00000000000000c1', ip: `198.51.100.${i}`, sku: 'drone', token: `user-${i}` }),
    )
    await add([...bots, ...people])
    await untilKept(803)
    expect((await ask('?limit=1')).items).toMatchObject([{ item: 'item-1', requests: 101 }])
    const addresses = await ask('?view=addresses&item=drone&limit=2')
    expect(addresses).toMatchObject({ item: 'drone', requests: 100 })
    expect(addresses.addresses).toEqual([
      { ip: '203.0.113.9', requests: 90, share: 0.9 },
      { ip: '198.51.100.0', requests: 1, share: 0.01 },
    ])
    expect(await ask('?view=share&item=drone&ip=203.0.113.9')).toMatchObject({
      requests: 90,
      of_requests: 100,
      share: 0.9,
    })
    expect(await ask('?view=share&item=none&ip=203.0.113.0/24')).toMatchObject({ requests: 0, share: 0 })
    expect((await ask('?view=statuses&item=drone')).statuses[0]).toEqual({ status: 429, requests: 90, share: 0.9 })
    expect((await ask('?view=agents&item=drone')).agents[0]).toMatchObject({ agent: 'none', requests: 90 })
    expect((await ask('?view=nodes&item=drone')).nodes).toEqual([{ node: 'gate-1', requests: 100, share: 1 }])
    expect((await ask('?view=users&item=drone')).users[0]).toMatchObject({ token: '', requests: 90 })
    const { minutes } = await ask('?view=minutes&limit=20')
    expect(minutes.flatMap(({ items }: { items: unknown[] }) => items)).toContainEqual(
      expect.objectContaining({ item: 'drone', requests: 100 }),
    )
  })

  test('gives a timeline with the empty steps in it', async () => {
    const { timeline } = await ask('?view=timeline&item=drone&step=minute&last=10m')
    expect(timeline.length).toBeGreaterThanOrEqual(10)
    expect(timeline.filter(({ requests }: { requests: number }) => requests === 100)).toHaveLength(1)
    expect(timeline.filter(({ requests }: { requests: number }) => requests === 0)).toHaveLength(timeline.length - 1)
  })

  test('shows the latest events as they were sent', async () => {
    const { events } = await ask('?view=latest&ip=198.51.100.7')
    expect(events).toMatchObject([{ uri: '/web/item/item-1', sku: 'drone', token: 'user-7', seq: 8 }])
  })

  test('refuses what it does not know, and who has no token', async () => {
    const refused = await world.admin('GET', '/admin/hot-items?view=all')
    expect(refused).toMatchObject({ status: 400, body: { code: 'bad_request' } })
    expect((await world.call('GET', '/admin/hot-items')).status).toBe(401)
    expect((await world.call('GET', '/admin/hot-items/reindex')).status).toBe(401)
    expect((await world.admin('POST', '/admin/hot-items')).status).toBe(405)
    const without = await world.admin('GET', '/admin/hot-items/reindex')
    expect(without).toMatchObject({ status: 404, body: { detail: expect.stringContaining('KAFKA_BROKERS') } })
  })
})
