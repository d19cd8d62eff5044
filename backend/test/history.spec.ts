// Users' histories: what they hold, that a change is never hidden by what is kept, and what becomes of them without Redis.
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Postgres } from '../../scripts/postgres'
import { createMetrics } from '../src/metrics'
import type { History } from '../src/users/history'
import { EMPTY_KEPT_MS, HistoryCache, keysOf } from '../src/users/history-cache'
import { Cable } from './cable'
import { postgresAvailable, startTestPostgres } from './postgres'
import { startTestRedis, type TestRedis } from './redis'
import { until, World } from './world'

const DAY_MS = 24 * 3_600_000
const PRODUCT = { title: 'Thing', price: { amount_minor: 1250, currency: 'EUR' } }

let server: Postgres | undefined
let volatile: TestRedis
let cable: Cable
let redis: Redis
beforeAll(async () => {
  if (postgresAvailable) server = await startTestPostgres()
  volatile = await startTestRedis()
  cable = await Cable.to(volatile.server.url)
  redis = new Redis(volatile.server.url)
})
afterAll(async () => {
  redis?.disconnect()
  await cable?.remove()
  await volatile?.remove()
  await server?.stop()
})

describe("a user's history", () => {
  let world: World
  beforeAll(async () => {
    const environment = { REDIS_VOLATILE_URL: cable.url }
    world = await World.start({ ledger: 'pglite', database_url: server?.url, environment })
    const products = ['thing', ...Array.from({ length: 120 }, (_, i) => `item-${i}`)].map((id) => ({ id, ...PRODUCT }))
    await world.admin('POST', '/admin/products', { products })
  })
  afterAll(() => world?.stop())

  const historyOf = async (user: string): Promise<History> => {
    const { status, body } = await world.call('GET', '/users/me/history', { bearer: world.session(user) })
    expect(status).toBe(200)
    return body
  }
  const visit = (user: string, item: unknown) =>
    world.call('POST', '/users/me/visits', { bearer: world.session(user), body: { item } })
  const untilSeen = (user: string, item: string) =>
    until(`${user} has seen ${item}`, async () => (await historyOf(user)).visits[0]?.item === item)

  test('is their own, newest first, and holds what they looked at and bought', async () => {
    expect(await historyOf('ann')).toEqual({ visits: [], purchases: [] })
    expect((await visit('ann', 'item-1')).status).toBe(202)
    await untilSeen('ann', 'item-1')
    await visit('ann', 'item-2')
    await untilSeen('ann', 'item-2')
    await visit('ann', 'item-1')
    await untilSeen('ann', 'item-1')
    expect((await historyOf('ann')).visits.map(({ item }) => item)).toEqual(['item-1', 'item-2'])
    const sale = await world.openSale('spring')
    const { body } = await world.reserve(sale, 'ann', 'key-of-ann-12345')
    await until('the purchase is in it', async () => (await historyOf('ann')).purchases.length === 1)
    const [purchase] = (await historyOf('ann')).purchases
    expect(purchase).toMatchObject({ sale: 'spring', item: 'thing', quantity: 1, status: 'confirmed' })
    await world.ledger.cancel('spring', body)
    await until('its end too', async () => (await historyOf('ann')).purchases[0]?.status === 'cancelled')
    expect(await historyOf('bob')).toEqual({ visits: [], purchases: [] })
  })

  test('is bounded, and its visits can be forgotten', async () => {
    for (let i = 0; i < 119; i++) await visit('cleo', `item-${i}`)
    // visits of the same millisecond are in the order of their items
    await sleep(5)
    await visit('cleo', 'item-119')
    await visit('cleo', 'no-such-item')
    await untilSeen('cleo', 'item-119')
    expect((await historyOf('cleo')).visits).toHaveLength(100)
    const bearer = world.session('cleo')
    expect((await world.call('DELETE', '/users/me/history', { bearer })).status).toBe(204)
    await until('it is forgotten', async () => (await historyOf('cleo')).visits.length === 0)
  })

  test('is kept for up to a month, an empty one for a minute, under no name', async () => {
    await historyOf('ann')
    await historyOf('dora')
    const [, of_ann] = keysOf('ann')
    const [, of_dora] = keysOf('dora')
    await until('both are kept', async () => (await redis.exists(of_ann, of_dora)) === 2)
    expect(await redis.pttl(of_ann)).toBeGreaterThan(26 * DAY_MS)
    expect(await redis.pttl(of_ann)).toBeLessThanOrEqual(30 * DAY_MS)
    expect(await redis.pttl(of_dora)).toBeLessThanOrEqual(EMPTY_KEPT_MS)
    expect((await redis.keys('*')).join(' ')).not.toMatch(/ann|dora/)
  })

  test('needs a session, and an item that could be one', async () => {
    expect((await world.call('GET', '/users/me/history')).status).toBe(401)
    expect((await world.call('POST', '/users/me/visits', { body: { item: 'thing' } })).status).toBe(401)
    expect((await visit('ann', 'No such')).body.detail).toContain('item:')
    expect((await visit('ann', 7)).status).toBe(400)
  })

  test('comes from the ledger while Redis is away, and is right when it is back', async () => {
    await historyOf('ann')
    cable.cut()
    await until('the ledger answers', async () => (await historyOf('ann')).visits.length > 0)
    await visit('ann', 'item-7')
    await untilSeen('ann', 'item-7')
    cable.mend()
    // what Redis has kept since before the cut is old: it must be gone before it is believed again
    for (let i = 0; i < 40; i++) {
      expect((await historyOf('ann')).visits[0]?.item).toBe('item-7')
      await sleep(50)
    }
    await until('Redis keeps it again', async () => (await redis.exists(keysOf('ann')[1])) === 1)
  })

  test('costs one look at the ledger, however often it is asked for at once', async () => {
    const reads = async () => {
      const { values } = await world.backend.metrics.histories.get()
      return values.find(({ labels }) => labels.outcome === 'read')?.value ?? 0
    }
    const before = await reads()
    const answers = await Promise.all(Array.from({ length: 50 }, () => historyOf('eve')))
    expect(new Set(answers.map((each) => JSON.stringify(each))).size).toBe(1)
    expect((await reads()) - before).toBe(1)
  })
})

describe('the cache of histories', () => {
  const log = pino({ level: 'silent' })
  const of = (read: (user: string) => Promise<History>, loads_max = 10) =>
    new HistoryCache({ redis, read, kept_ms: 60_000, loads_max, log, metrics: createMetrics() })
  const seen = (item: string): History => ({ visits: [{ item, at: '2030-01-01T00:00:00.000Z' }], purchases: [] })

  test('stores nothing that was read before a change', async () => {
    let item = 'old'
    let go = () => {}
    const asked: string[] = []
    const held = new Promise<void>((resolve) => {
      go = resolve
    })
    const cache = of(async (user) => {
      asked.push(user)
      const read = item
      if (read === 'old') await held
      return seen(read)
    })
    cache.start()
    const first = cache.get('fay')
    await until('it is being read', () => asked.length === 1)
    item = 'new'
    cache.changed(['fay'])
    await until('the lock is gone', async () => (await redis.exists(keysOf('fay')[0])) === 0)
    go()
    expect(await first).toEqual(seen('old'))
    expect(await redis.exists(keysOf('fay')[1])).toBe(0)
    expect(await cache.get('fay')).toEqual(seen('new'))
    expect(await cache.get('fay')).toEqual(seen('new'))
    expect(asked.length).toBe(2)
    await cache.stop()
  })

  test('has one reader for a key, over several processes', async () => {
    let reads = 0
    const read = async () => {
      reads += 1
      await sleep(50)
      return seen('x')
    }
    const caches = Array.from({ length: 4 }, () => of(read))
    await Promise.all(Array.from({ length: 200 }, (_, i) => caches[i % 4]?.get('gus')))
    expect(reads).toBe(1)
  })

  test('reads for a few at a time, and tells the others so', async () => {
    const refused: { code?: string }[] = []
    let go = () => {}
    const held = new Promise<void>((resolve) => {
      go = resolve
    })
    const cache = of(async () => held.then(() => seen('x')), 3)
    const asked = Array.from({ length: 10 }, (_, i) => cache.get(`many-${i}`))
    for (const each of asked) each.catch((error) => refused.push(error))
    await until('the others are told', () => refused.length >= 7)
    go()
    expect((await Promise.allSettled(asked)).filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    expect(refused.map(({ code }) => code)).toEqual(Array(7).fill('busy'))
  })

  test('voids everything when too many changes could not be told', async () => {
    const cache = of(async () => seen('x'))
    await cache.get('hal')
    expect(await redis.exists(keysOf('hal')[1])).toBe(1)
    let reads = 0
    const other = of(async () => {
      reads += 1
      return seen('y')
    })
    cache.changed(Array.from({ length: 10_001 }, (_, i) => `crowd-${i}`))
    cache.start()
    await until('the generation is another', async () => (await redis.get('rg1:history:generation')) !== null)
    expect(await other.get('hal')).toEqual(seen('y'))
    expect(reads).toBe(1)
    await cache.stop()
  })
})
