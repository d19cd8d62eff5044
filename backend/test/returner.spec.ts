// Two sweepers over one ledger and one Redis: each return is applied once, also by the one that read its list before the other was done.
// And what fails for good at the payment provider, or waits for a rebuild, keeps nobody waiting.
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buyersKey, freeKey, metaKey, returnedKey } from '../../contract/keys'
import type { Db } from '../src/db/db'
import { Returner } from '../src/holds/returner'
import { Sweeper } from '../src/holds/sweeper'
import type { Ledger, Order } from '../src/ledger/port'
import { SqlLedger } from '../src/ledger/sql'
import { createMetrics } from '../src/metrics'
import type { PaymentProvider } from '../src/payment/provider'
import { Scripts } from '../src/redis/scripts'
import { Shards } from '../src/redis/shards'
import type { SalesFollower } from '../src/sales/follower'
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

    if (kind === 'pglite') {
      test('twenty payments and refunds that fail hold up nobody behind them', async () => {
        let ahead_ms = 0
        const ledger = new SqlLedger({ db: world.ledger.db as Db, clock: () => Date.now() + ahead_ms })
        const money = { amount_minor: 1250, currency: 'EUR' }
        const named = ({ sale, body }: Order) => ({ provider: 'p', session: `${sale}.${body}` })

        /** Confirmed orders with an open payment, in the order in which they come due. */
        async function paying(id: string, count: number): Promise<Order[]> {
          // what ends stays with the ledger: nobody gives it back here
          const sale = await world.openSale(id, { total: count + 1 })
          const users = Array.from({ length: count }, (_, i) => ({ user: `user-${i}`, key: 'key' }))
          const bodies = (await world.reserveMany(sale, users)).map(({ body }) => body)
          await until('all are confirmed', async () => (await ledger.orders(id, '', count)).length === count)
          for (const body of bodies) {
            const session = `${id}.${body}`
            await ledger.recordPaymentSession({ provider: 'p', session, sale: id, body, redirect: '', ...money })
          }
          const orders = await ledger.orders(id, '', count)
          return orders.sort((a, b) => a.pay_by_ms - b.pay_by_ms || (a.body < b.body ? -1 : 1))
        }
        const pay = (order: Order, amount_minor: number) =>
          ledger.applyPayment({
            ...named(order),
            ...money,
            amount_minor,
            event: named(order).session,
            kind: 'succeeded',
          })

        const unpaid = await paying('unpaid', 21)
        for (const order of unpaid) expect(await pay(order, 1)).toBe('mismatch')
        const refunds = await ledger.pendingRefunds(100)
        const late = [...(await paying('a-late', 20)), ...(await paying('b-late', 1))]
        ahead_ms = 3_600_000
        await ledger.expireDue(
          100,
          late.map((order) => named(order).session),
        )
        for (const order of late) expect(await pay(order, 1250)).toBe('late')
        // whoever rebuilds it does not come to an end
        await ledger.beginRebuild('a-late', 'somebody', 1e9)

        const well = { session: named(unpaid.at(-1) as Order).session, refund: refunds.at(-1)?.id }
        const refunded: string[] = []
        const provider = {
          name: 'p',
          close: async (session: string) => {
            if (well.session !== session) throw new Error('no such session')
            return { outcome: 'closed' as const }
          },
          refund: async ({ id }: { id: string }) => {
            if (well.refund !== id) throw new Error('no such payment')
            refunded.push(id)
          },
        } as unknown as PaymentProvider
        const [log, metrics, redis] = [pino({ level: 'silent' }), createMetrics(), world.redis]
        const shards = new Shards(redis, new Scripts(), 0)
        const sales = { sale: (id: string) => ledger.sale(id) } as unknown as SalesFollower
        const parts = { ledger, redis, shards, sales, provider, metrics, log, instance: 'x', onChanged: () => {} }
        const sweeper = new Sweeper(parts)
        sweeper.start()
        try {
          await until('the last refund is made', () => refunded.includes(well.refund ?? ''))
          const statusOf = async ({ sale, body }: Order) => (await ledger.order(sale, body))?.status
          await until('the last hold has ended', async () => (await statusOf(unpaid.at(-1) as Order)) === 'expired')
          await until(
            'the last late payment has its unit',
            async () => (await statusOf(late.at(-1) as Order)) === 'paid',
          )
          expect(refunded).toEqual([well.refund])
          expect(await statusOf(unpaid[0] as Order)).toBe('confirmed')
          expect(await statusOf(late[0] as Order)).toBe('expired')
        } finally {
          await sweeper.stop()
        }
      })
    }
  })
}
