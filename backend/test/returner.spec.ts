// Two sweepers over one ledger and one Redis: each return is applied once, also by the one that read its list before the other was done.
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buyersKey, freeKey, metaKey, returnedKey } from '../../contract/keys'
import { Returner } from '../src/holds/returner'
import type { Ledger } from '../src/ledger/port'
import { createMetrics } from '../src/metrics'
import { Scripts } from '../src/redis/scripts'
import { Shards } from '../src/redis/shards'
import { until, World } from './world'

/** The ledger as a sweeper sees it whose call to Redis is held up: the list is read at once and handed out when told. */
function delayed(ledger: Ledger) {
  let go = () => {}
  const told = new Promise<void>((resolve) => {
    go = resolve
  })
  let reads = 0
  const view = new Proxy(ledger, {
    get: (target, name) => {
      const value = Reflect.get(target, name)
      if (name !== 'pendingReturns') return typeof value === 'function' ? value.bind(target) : value
      return async (limit: number) => {
        const returns = await ledger.pendingReturns(limit)
        reads++
        await told
        return returns
      }
    },
  })
  return { view, go: () => go(), reads: () => reads }
}

for (const kind of ['memory', 'pglite'] as const) {
  describe(`with the ${kind} ledger`, () => {
    let world: World

    beforeAll(async () => {
      // no sweeper of its own: the test's two are the only ones
      world = await World.start({ ledger: kind, roles: 'api,settler' })
    })

    afterAll(() => world.stop())

    function returner(ledger: Ledger) {
      const [log, metrics] = [pino({ level: 'silent' }), createMetrics()]
      const shards = new Shards(world.redis, new Scripts(), 0)
      const outcomes = async () =>
        Object.fromEntries((await metrics.returns.get()).values.map(({ labels, value }) => [labels['outcome'], value]))
      return { returner: new Returner({ ledger, shards, metrics, log }), outcomes }
    }

    test('the free list has each unit once, and the counts fall once', async () => {
      const sale = await world.openSale('twice', { user_max: 10 })
      const [back, kept] = await world.reserveMany(sale, [
        { user: 'ann', key: 'back', quantity: 2 },
        { user: 'ann', key: 'kept', quantity: 3 },
      ])
      for (const each of [back, kept]) await world.untilStatus(sale, each?.body ?? '', 'confirmed')
      await world.call('DELETE', `/reservations/${back?.id}`, { bearer: world.session('ann') })
      const pending = await world.ledger.pendingReturns(10)
      expect(pending.length).toBe(1)

      const late = delayed(world.ledger)
      const [a, b] = [returner(world.ledger), returner(late.view)]
      b.returner.start()
      try {
        await until('the late one has read its list', () => late.reads() > 0)
        a.returner.start()
        await until('the other has applied it', async () => (await world.ledger.pendingReturns(10)).length === 0)
        // only when its step is over has it forgotten whatever it forgets
        await a.returner.stop()
        expect(await a.outcomes()).toEqual({ applied: 1 })
        late.go()
        await until('the late one has had its answer', async () => Object.keys(await b.outcomes()).length > 0)
      } finally {
        late.go()
        await Promise.all([a.returner.stop(), b.returner.stop()])
      }

      expect(await b.outcomes()).toEqual({ seen: 1 })
      const free = await world.redis.lrange(freeKey(sale.id, 0, 'thing'), 0, -1)
      expect(free.map((unit) => Number(unit.split(':')[0])).sort((x, y) => x - y)).toEqual([1, 2, 6, 7, 8, 9, 10])
      expect(await world.redis.hget(metaKey(sale.id, 0), 'unpaid:thing')).toBe('3')
      expect(await world.redis.hget(buyersKey(sale.id, 0), 'thing:ann')).toBe(`3 0 ${kept?.body}`)
      expect(await world.balanced(sale)).toMatchObject({ granted: 10, returning: 0, confirmed: 3, in_redis: 7 })

      // what is remembered goes with its epoch
      expect(await world.redis.smembers(returnedKey(sale.id, 0))).toEqual([pending[0]?.id])
      expect((await world.admin('POST', `/admin/sales/${sale.id}/rebuild`)).status).toBeLessThan(300)
      await until('the sale is rebuilt', async () => (await world.sale(sale.id)).epoch > sale.epoch)
      await until('nothing is remembered', async () => (await world.redis.exists(returnedKey(sale.id, 0))) === 0)
    })
  })
}
