// From a reservation in Redis to an order in the ledger and back: confirmed, void, cancelled, expired, sold again.
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { intentsKey, SETTLER_GROUP } from '../../contract/keys'
import { createMetrics } from '../src/metrics'
import { createRedisClient } from '../src/redis/client'
import { until, World } from './world'

for (const kind of ['memory', 'pglite'] as const) {
  describe(`with the ${kind} ledger`, () => {
    let world: World

    beforeAll(async () => {
      world = await World.start({ ledger: kind })
    })

    afterAll(() => world.stop())

    test('a reservation becomes a confirmed order, is polled, and its entry is trimmed', async () => {
      const sale = await world.openSale('plain')
      const reserved = await world.reserve(sale, 'ann', 'key-1', 2)
      expect(reserved.code).toBe('held')
      await world.untilStatus(sale, reserved.body, 'confirmed')
      const order = await world.ledger.order(sale.id, reserved.body)
      expect(order).toMatchObject({ status: 'confirmed', user: 'ann', quantity: 2, units: [1, 2] })
      const poll = await world.call('GET', `/reservations/${reserved.id}`, { bearer: world.session('ann') })
      expect(poll.body).toMatchObject({
        reservation: reserved.id,
        status: 'confirmed',
        sku: 'thing',
        quantity: 2,
        units: [1, 2],
        order: order?.order,
        pay: `/reservations/${reserved.id}/payment`,
      })
      expect(poll.body.pay_by).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      expect(await world.balanced(sale)).toMatchObject({ granted: 10, free: 8, confirmed: 2, in_redis: 8, in_queue: 0 })
      await until('the stream is trimmed', async () => (await world.redis.xlen(intentsKey(sale.id, 0))) === 0)
    })

    test('the same key is the same order; an entry delivered again changes nothing', async () => {
      const sale = await world.openSale('replays')
      const first = await world.reserve(sale, 'ann', 'key-1')
      await world.untilStatus(sale, first.body, 'confirmed')
      const again = await world.reserve(sale, 'ann', 'key-1')
      expect(again).toMatchObject({ body: first.body, code: 'replay' })
      expect(again.rest).toContain('|confirmed|')
      expect((await world.reserve(sale, 'ann', 'key-1', 2)).code).toBe('key_reused')
      // the settler is given all that is left of the stream once more
      const more = await world.reserveMany(sale, [
        { user: 'bob', key: 'k' },
        { user: 'cyd', key: 'k' },
        { user: 'bob', key: 'k' },
      ])
      expect(more.map(({ code }) => code)).toEqual(['held', 'held', 'replay'])
      await world.redis.xgroup('SETID', intentsKey(sale.id, 0), SETTLER_GROUP, '0')
      for (const { body } of more) await world.untilStatus(sale, body, 'confirmed')
      await world.redis.xgroup('SETID', intentsKey(sale.id, 0), SETTLER_GROUP, '0')
      await sleep(200)
      expect(await world.balanced(sale)).toMatchObject({ confirmed: 3, in_redis: 7 })
      expect((await world.ledger.orders(sale.id, '', 100)).length).toBe(3)
    })

    test('cancelled after settlement: units come back to Redis once and are sold again under a new generation', async () => {
      const sale = await world.openSale('cancels', { total: 1, user_max: 1 })
      const first = await world.reserve(sale, 'ann', 'key-1')
      await world.untilStatus(sale, first.body, 'confirmed')
      const session = world.session('ann')
      const cancelled = await world.call('DELETE', `/reservations/${first.id}`, { bearer: session })
      expect(cancelled).toMatchObject({ status: 200, body: { status: 'cancelled', order: expect.any(String) } })
      await world.untilStatus(sale, first.body, 'cancelled')
      expect(await world.balanced(sale)).toMatchObject({ returning: 0, confirmed: 0, in_redis: 1 })
      await until('the return is struck off', async () => (await world.ledger.pendingReturns(1)).length === 0)
      const again = await world.call('DELETE', `/reservations/${first.id}`, { bearer: session })
      expect(again).toMatchObject({ status: 200, body: { status: 'cancelled' } })
      // the limit of one is free again too
      const second = await world.reserve(sale, 'ann', 'key-2')
      expect(second.code).toBe('held')
      await world.untilStatus(sale, second.body, 'confirmed')
      expect((await world.ledger.order(sale.id, second.body))?.units).toEqual([1])
      expect(await world.balanced(sale)).toMatchObject({ confirmed: 1, in_redis: 0 })
    })

    test('holds that run out: expired, counted against the buyer, sold to others until all are confirmed', async () => {
      const sale = await world.openSale('expires', { total: 2, hold_s: 0.4, hold_attempts_max: 1 })
      const first = await world.reserve(sale, 'ann', 'key-1', 2)
      await world.untilStatus(sale, first.body, 'expired')
      expect(await world.balanced(sale)).toMatchObject({ in_redis: 2, confirmed: 0 })
      expect((await world.reserve(sale, 'ann', 'key-2')).code).toBe('limit_reached')
      // the next hold is seen while it lasts, however slow this machine is
      await world.ledger.changeSale(sale.id, { hold_ms: 600_000 })
      const second = await world.reserve(sale, 'bob', 'key-1', 2)
      expect(second.code).toBe('held')
      await world.untilStatus(sale, second.body, 'confirmed')
      const late = await world.call('POST', `/reservations/${first.id}/payment`, { bearer: world.session('ann') })
      expect(late).toMatchObject({ status: 409, body: { code: 'conflict', reservation_status: 'expired' } })
    })
  })
}

describe('while the settler is away', () => {
  let world: World

  beforeAll(async () => {
    world = await World.start({ roles: 'api,sweeper' })
  })

  afterAll(() => world.stop())

  test('cancelled before settlement: a tombstone that the intent meets later, giving its units back', async () => {
    const sale = await world.openSale('early')
    const reserved = await world.reserve(sale, 'ann', 'key-1', 2)
    const session = world.session('ann')
    const cart = await world.call('GET', `/sales/${sale.id}/reservations`, { bearer: session })
    expect(cart.body.reservations).toMatchObject([{ reservation: reserved.id, status: 'held', units: [1, 2] }])
    const pay = await world.call('POST', `/reservations/${reserved.id}/payment`, { bearer: session })
    expect(pay).toMatchObject({ status: 503, body: { code: 'busy' } })
    const cancelled = await world.call('DELETE', `/reservations/${reserved.id}`, { bearer: session })
    expect(cancelled).toMatchObject({ status: 200, body: { status: 'cancelled' } })
    expect((await world.admin('GET', `/admin/sales/${sale.id}/ledger`)).body.skus[0]).toMatchObject({ in_redis: 8 })
    await world.backend.stop()
    world.config.roles = ['api', 'settler', 'sweeper']
    await world.restart()
    await world.untilStatus(sale, reserved.body, 'cancelled')
    await until('its units are back', async () => (await world.balanced(sale)).in_redis === 10)
    expect(await world.redis.hget(`rg1:{${sale.id}.0}:buyers`, 'thing:ann')).toMatch(/^0 0/)
  })
})

describe('settling', () => {
  let world: World

  beforeAll(async () => {
    world = await World.start()
  })

  afterAll(() => world.stop())

  test('what another settler was given and never finished is taken over from its consumer', async () => {
    const sale = await world.openSale('abandoned')
    const key = intentsKey(sale.id, 0)
    await world.backend.stop()
    const reserved = await world.reserve(sale, 'ann', 'key-1')
    await world.redis.xreadgroup('GROUP', SETTLER_GROUP, 'test', 'COUNT', 10, 'STREAMS', key, '>')
    await world.restart()
    await world.untilStatus(sale, reserved.body, 'confirmed')
    await until('nothing is pending', async () => (await world.redis.xpending(key, SETTLER_GROUP))[0] === 0)
  })

  test('an intent that the ledger cannot settle is set aside alone: void, its units given back', async () => {
    const sale = await world.openSale('poison')
    const settle = world.ledger.settle.bind(world.ledger)
    world.ledger.settle = async (intents) => {
      if (intents.some(({ user }) => user === 'poison')) throw new Error('this one breaks the ledger')
      return settle(intents)
    }
    const wanted = ['u1', 'u2', 'u3', 'poison', 'u4', 'u5'].map((user) => ({ user, key: 'k' }))
    const reserved = await world.reserveMany(sale, wanted)
    for (const [i, { body }] of reserved.entries()) {
      await world.untilStatus(sale, body, wanted[i]?.user === 'poison' ? 'void' : 'confirmed')
    }
    world.ledger.settle = settle
    expect(await world.balanced(sale)).toMatchObject({ confirmed: 5, in_redis: 5 })
    expect(await world.ledger.deadIntents(10)).toMatchObject([
      { reason: 'this one breaks the ledger', intent: { user: 'poison' } },
    ])
  })

  test('an entry of nonsense stops nobody', async () => {
    const sale = await world.openSale('nonsense')
    const key = intentsKey(sale.id, 0)
    await world.redis.xadd(key, '*', 'e', '1', 't', '5', 'n', '1', 'i', 'nonsense')
    await world.redis.xadd(key, '*', 'what', 'ever')
    const reserved = await world.reserve(sale, 'ann', 'key-1')
    await world.untilStatus(sale, reserved.body, 'confirmed')
    await until('all are acknowledged', async () => (await world.redis.xpending(key, SETTLER_GROUP))[0] === 0)
  })

  test('a limit that Redis has forgotten is still the ledger’s: the intent is void and gives its units back', async () => {
    const sale = await world.openSale('limits', { user_max: 1 })
    const first = await world.reserve(sale, 'ann', 'key-1')
    await world.untilStatus(sale, first.body, 'confirmed')
    await world.redis.del(`rg1:{${sale.id}.0}:buyers`)
    const second = await world.reserve(sale, 'ann', 'key-2')
    expect(second.code).toBe('held')
    await world.untilStatus(sale, second.body, 'void')
    await until('its unit is back', async () => (await world.balanced(sale)).in_redis === 9)
    expect((await world.ledger.order(sale.id, second.body))?.reason).toBe('limit_reached')
  })

  test('unlimited SKUs: units are minted at settlement', async () => {
    const sale = await world.openSale('unlimited', { total: -1, user_max: 5 })
    const reserved = await world.reserve(sale, 'ann', 'key-1', 3)
    expect(reserved.code).toBe('held')
    await world.untilStatus(sale, reserved.body, 'confirmed')
    expect((await world.ledger.order(sale.id, reserved.body))?.units.length).toBe(3)
    await world.balanced(sale)
  })

  test('a sale made while the settler waits is read at once', async () => {
    await world.openSale('waiting')
    await sleep(100)
    const sale = await world.openSale('fresh')
    const started = performance.now()
    const reserved = await world.reserve(sale, 'ann', 'key-1')
    await world.untilStatus(sale, reserved.body, 'confirmed')
    expect(performance.now() - started).toBeLessThan(900)
  })

  test('the blocking read ends when its connection is dead, and settling goes on', async () => {
    const sale = await world.openSale('revived')
    const killer = createRedisClient({
      url: world.config.redis_url,
      name: 'killer',
      log: pino({ level: 'silent' }),
      metrics: createMetrics(),
    })
    await until('connected', () => killer.status === 'ready')
    await killer.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    killer.disconnect()
    await until('the test is connected again', () => world.redis.status === 'ready')
    const reserved = await world.reserve(sale, 'ann', 'key-1')
    await world.untilStatus(sale, reserved.body, 'confirmed')
  })
})

describe('a ledger that was put back', () => {
  /** A sale of which these were settled and acknowledged in Redis, which the ledger does not know any more. */
  async function forgotten(world: World, id: string, users: string[]) {
    const sale = await world.openSale(id)
    const key = intentsKey(sale.id, 0)
    const bodies: string[] = []
    for (const user of users) bodies.push((await world.reserve(sale, user, 'k')).body)
    const entries = (await world.redis.xrange(key, '-', '+')).map(([entry]) => entry)
    expect(entries.length).toBe(users.length)
    await world.redis.xgroup('CREATE', key, SETTLER_GROUP, '0')
    await world.redis.xreadgroup('GROUP', SETTLER_GROUP, 'test', 'STREAMS', key, '>')
    await world.redis.xack(key, SETTLER_GROUP, ...entries)
    return { sale, key, bodies, entries }
  }

  /** How often it was told that all comes again. */
  function putBack(world: World): { redelivered: number } {
    const told = { redelivered: 0 }
    const ledger = world.ledger as { restored?: boolean; redelivered?: () => Promise<void> }
    ledger.restored = true
    ledger.redelivered = async () => {
      told.redelivered += 1
      ledger.restored = false
    }
    return told
  }

  test('has every order again that was acknowledged; a stream that is not read now is wound back too', async () => {
    const world = await World.start({ roles: 'api' })
    try {
      const all = []
      for (let i = 0; i < 6; i++) all.push(await forgotten(world, `back-${i}`, ['ann', 'bob', 'cyd']))
      const being_rebuilt = await forgotten(world, 'being-rebuilt', ['ann'])
      await world.ledger.beginRebuild(being_rebuilt.sale.id, 'another', 60_000)
      const told = putBack(world)
      await world.backend.stop()
      world.config.roles = ['api', 'settler']
      await world.restart()
      for (const { sale, bodies } of all) {
        for (const body of bodies) await world.untilStatus(sale, body, 'confirmed')
        expect(await world.ledger.orders(sale.id, '', 10)).toHaveLength(3)
      }
      for (const { key } of all) await until('trimmed', async () => (await world.redis.xlen(key)) === 0)
      expect(told.redelivered).toBe(1)
      // nobody reads it now; whoever does later finds all of it
      const [group] = (await world.redis.xinfo('GROUPS', being_rebuilt.key)) as [string[]]
      expect(group[group.indexOf('last-delivered-id') + 1]).toBe('0-0')
      expect(await world.redis.xlen(being_rebuilt.key)).toBe(1)
    } finally {
      await world.stop()
    }
  })

  test('is not told so while Redis does not wind its groups back; until then nothing is trimmed', async () => {
    const world = await World.start({ roles: 'api' })
    try {
      const { sale, key, bodies } = await forgotten(world, 'later', ['ann', 'bob'])
      const told = putBack(world)
      await world.backend.stop()
      world.config.roles = ['api', 'settler']
      await world.redis.call('ACL', 'SETUSER', 'default', '-xgroup|setid')
      await world.restart()
      // longer than the trimmer waits
      await sleep(2500)
      expect(told.redelivered).toBe(0)
      expect(await world.redis.xlen(key)).toBe(2)
      await world.redis.call('ACL', 'SETUSER', 'default', '+xgroup|setid')
      for (const body of bodies) await world.untilStatus(sale, body, 'confirmed')
      expect(told.redelivered).toBe(1)
    } finally {
      await world.stop()
    }
  })

  test('what lies before an entry still in hand is not trimmed until it came again', async () => {
    const world = await World.start({ roles: 'api' })
    try {
      const { sale, key, bodies } = await forgotten(world, 'in-hand', ['ann', 'bob', 'cyd'])
      // bob's was given to this reader, and never acknowledged
      const entries = (await world.redis.xrange(key, '-', '+')).map(([entry]) => entry)
      await world.redis.xgroup('SETID', key, SETTLER_GROUP, entries[0] as string)
      await world.redis.xreadgroup('GROUP', SETTLER_GROUP, 'test', 'COUNT', 1, 'STREAMS', key, '>')
      await world.redis.xgroup('SETID', key, SETTLER_GROUP, entries[2] as string)
      putBack(world)
      await world.backend.stop()
      world.config.roles = ['api', 'settler']
      const settle = world.ledger.settle.bind(world.ledger)
      let batches = 0
      world.ledger.settle = async (intents) => {
        // bob's comes first; the trimmer looks meanwhile
        if (batches++ === 0) await sleep(2500)
        return settle(intents)
      }
      await world.restart()
      for (const body of bodies) await world.untilStatus(sale, body, 'confirmed')
      expect(await world.ledger.orders(sale.id, '', 10)).toHaveLength(3)
    } finally {
      await world.stop()
    }
  })
})

describe('of two batches in flight one finds the database away', () => {
  let world: World

  beforeAll(async () => {
    world = await World.start({ ledger: 'pglite' })
  })

  afterAll(() => world.stop())

  for (const [when, is_written] of [
    ['before it is written', false],
    ['after it is written', true],
  ] as const) {
    test(`${when}: the other is settled, and what has no answer comes again and changes nothing twice`, async () => {
      const sale = await world.openSale(is_written ? 'written' : 'unwritten', { total: 2600, user_max: 2 })
      await world.backend.stop()
      // 2,500 intents, more than one batch has; each shopper has one in each
      for (let entry = 0; entry < 50; entry++) {
        const wanted = Array.from({ length: 50 }, (_, i) => ({ user: `u${(entry % 25) * 50 + i}`, key: `k${entry}` }))
        const reserved = await world.reserveMany(sale, wanted)
        expect(new Set(reserved.map(({ code }) => code))).toEqual(new Set(['held']))
      }
      const settle = world.ledger.settle.bind(world.ledger)
      const sizes: number[] = []
      let tellOtherBegan = () => {}
      const other_began = new Promise<void>((resolve) => {
        tellOtherBegan = resolve
      })
      world.ledger.settle = async (intents) => {
        sizes.push(intents.length)
        if (sizes.length === 2) {
          tellOtherBegan()
          // long enough that whoever does not wait for it reads its entries again
          await sleep(1500)
        }
        if (sizes.length > 1) return settle(intents)
        if (is_written) await settle(intents)
        await other_began
        throw Object.assign(new Error('the connection is gone'), { code: 'ECONNRESET' })
      }
      await world.restart()
      await until('nothing is pending', async () => {
        const [pending] = await world.redis.xpending(intentsKey(sale.id, 0), SETTLER_GROUP)
        return sizes.length > 2 && pending === 0
      })
      world.ledger.settle = settle
      // the one that failed, the other, and the first again
      expect(sizes).toEqual([1250, 1250, 1250])
      expect(await world.balanced(sale)).toMatchObject({ granted: 2600, confirmed: 2500, in_redis: 100, in_queue: 0 })
      expect((await world.ledger.orders(sale.id, '', 3000)).length).toBe(2500)
    })
  }
})

test('a stream at its ceiling: purchases are told busy, replays go on, and it opens when the ledger has caught up', async () => {
  const world = await World.start({ roles: 'api', environment: { RUSHGATE_BACKLOG_MAX: '2' } })
  try {
    const sale = await world.openSale('full')
    for (const user of ['ann', 'bob']) expect((await world.reserve(sale, user, 'k')).code).toBe('held')
    expect((await world.reserve(sale, 'cyd', 'k')).code).toBe('busy')
    expect((await world.reserve(sale, 'ann', 'k')).code).toBe('replay')
    await world.backend.stop()
    world.config.roles = ['api', 'settler']
    await world.restart()
    await until('there is room again', async () => (await world.reserve(sale, 'cyd', 'k')).code === 'held')
    expect(await world.balanced(sale)).toMatchObject({ confirmed: 3, in_redis: 7 })
  } finally {
    await world.stop()
  }
})
