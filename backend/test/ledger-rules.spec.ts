// The rules of settlement, endings, payment and rebuild, one by one, on the ledger in memory and on PGlite; that all agree is in ledger-agreement.spec.ts.
// long because it is a list: one rule, one test.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { migrate } from '../src/db/migrate'
import { PgliteDb } from '../src/db/pglite'
import { MemoryLedger } from '../src/ledger/memory'
import type { Intent, Ledger, NewSale, PaymentEvent } from '../src/ledger/port'
import { SqlLedger } from '../src/ledger/sql'
import { EMPTY } from './ledger-empty'
import { brokenInvariants } from './ledger-invariants'

const HOLD_MS = 600
const PRICE = { amount_minor: 250, currency: 'EUR' }

let now = 0
let ledger: Ledger
let pglite: PgliteDb
const folder = mkdtempSync(join(tmpdir(), 'rushgate-rules-'))
let bodies = 0

const SALE: NewSale = {
  id: 'sale',
  title: 'Sale',
  opens_ms: 1_000,
  closes_ms: 100_000,
  skus: [
    { sku: 'red', title: 'Red', price: PRICE, total: 5, user_max: 2 },
    { sku: 'free', title: 'Free', price: PRICE, total: -1, user_max: 0 },
  ],
  hold_ms: HOLD_MS,
  payment_extension_ms: 300,
  sale_user_max: 0,
  hold_attempts_max: 0,
  left_shown: 'exact',
  gate: {},
}

async function load(): Promise<number> {
  await ledger.beginRebuild('sale', 'me', 1_000)
  await ledger.recountUnits('sale', 'me')
  return (await ledger.finishRebuild('sale', 'me', 'replid')).epoch
}

function intent(units: number[], change: Partial<Intent> = {}): Intent {
  const named = units.map((unit) => ({ unit, generation: 1 }))
  return {
    ...{ sale: 'sale', shard: 0, epoch: 1, reserved_ms: now, body: `body-${++bodies}`, sku: 'red', price_version: 1 },
    ...{ quantity: units.length, kind: 'purchase' as const, units: named, user: `user-${bodies}`, spends: '' },
    ...change,
  }
}

async function settled(wanted: Intent) {
  await ledger.settle([wanted])
  return ledger.order('sale', wanted.body)
}

async function paid(body: string, change: Partial<PaymentEvent> = {}) {
  const session = `session of ${body}`
  const order = await ledger.order('sale', body)
  const money = { amount_minor: 250 * (order?.quantity ?? 0), currency: 'EUR' }
  if ((await ledger.paymentSession('sale', body)) === undefined) {
    await ledger.recordPaymentSession({ provider: 'p', session, sale: 'sale', body, redirect: '', ...money })
  }
  return () =>
    ledger.applyPayment({ provider: 'p', event: `of ${body}`, session, kind: 'succeeded', ...money, ...change })
}

beforeAll(async () => {
  pglite = await PgliteDb.open(join(folder, 'pglite'))
  await migrate(pglite)
})

afterAll(async () => {
  await pglite.close()
  rmSync(folder, { recursive: true, force: true })
})

async function emptyLedger(kind: string): Promise<Ledger> {
  if (kind === 'memory') return new MemoryLedger({ clock: () => now })
  await pglite.script(EMPTY)
  return new SqlLedger({ db: pglite, clock: () => now })
}

describe.each(['memory', 'pglite'])('on %s', (kind) => {
  beforeEach(async () => {
    now = 2_000
    bodies = 0
    ledger = await emptyLedger(kind)
    await ledger.createSale(SALE)
    await load()
    return async () => expect(await brokenInvariants(ledger)).toEqual([])
  })

  describe('an intent', () => {
    it('becomes an order with its units, its price and a time to pay by', async () => {
      const order = await settled(intent([1, 2]))
      expect(order).toMatchObject({ order: 'sale-0-1', status: 'confirmed', units: [1, 2], price: PRICE, version: 1 })
      expect(order?.pay_by_ms).toBe(now + HOLD_MS)
    })

    it('delivered again changes nothing', async () => {
      const twice = intent([1])
      await ledger.settle([twice, twice])
      await ledger.settle([twice])
      expect(await ledger.pendingStatuses(10)).toHaveLength(1)
      expect(await ledger.pendingReturns(10)).toEqual([])
    })

    it('is found to be known, or to have lost its unit, behind any number that were new', async () => {
      const known = [intent([1]), intent([2])]
      await ledger.settle(known)
      const fresh = intent([3])
      expect(await ledger.settle([fresh, ...known])).toMatchObject({
        settled: 3,
        announced: [{ order: { units: [3] } }],
      })
      expect(await settled(intent([4]))).toMatchObject({ order: 'sale-0-4', status: 'confirmed' })
      // the last batch was new again: now units that are taken, and a tombstone
      expect(await settled(intent([4]))).toMatchObject({ status: 'void', reason: 'unit_moved_on' })
      const ended = intent([5])
      await ledger.tombstone({ sale: 'sale', shard: 0, body: ended.body, user: ended.user }, 'cancelled')
      await ledger.settle([intent([], { sku: 'free', quantity: 1 })])
      expect(await settled(ended)).toMatchObject({ status: 'cancelled', units: [] })
      expect(await ledger.orders('sale', '', 10)).toHaveLength(7)
    })

    it('whose units are not all its own is void, and gives back those that are', async () => {
      await settled(intent([1]))
      const second = intent([1, 2])
      expect(await settled(second)).toMatchObject({ status: 'void', reason: 'unit_moved_on', units: [], order: '' })
      expect(await ledger.pendingReturns(10)).toMatchObject([
        { body: second.body, quantity: 2, units: [{ unit: 2, generation: 2 }], epoch: 1, expired: false },
      ])
      // what it gave back is no longer the older grant's
      expect(await settled(intent([2]))).toMatchObject({ status: 'void' })
    })

    it('over the limit of the buyer is void, its units given back', async () => {
      const user = 'ann'
      await settled(intent([1, 2], { user }))
      expect(await settled(intent([3], { user }))).toMatchObject({ status: 'void', reason: 'limit_reached' })
      expect(await ledger.pendingReturns(10)).toMatchObject([{ quantity: 1, units: [{ unit: 3, generation: 2 }] }])
      expect(await settled(intent([4, 5], { user: 'bob' }))).toMatchObject({ status: 'confirmed' })
    })

    it('is held to the limit over all SKUs, too', async () => {
      await ledger.createSale({ ...SALE, id: 'other', sale_user_max: 2 })
      await ledger.beginRebuild('other', 'me', 1_000)
      await ledger.recountUnits('other', 'me')
      await ledger.finishRebuild('other', 'me', 'replid')
      const of_other = { sale: 'other', user: 'ann' }
      await ledger.settle([
        intent([1, 2], of_other),
        intent([], { ...of_other, sku: 'free', quantity: 1, body: 'third' }),
      ])
      expect(await ledger.order('other', 'third')).toMatchObject({ status: 'void', reason: 'limit_reached' })
    })

    it('is judged as of its own time: by the widest window there ever was', async () => {
      expect(await settled(intent([1], { reserved_ms: 999 }))).toMatchObject({ status: 'void', reason: 'not_open' })
      expect(await settled(intent([2], { reserved_ms: 100_000 }))).toMatchObject({ status: 'void', reason: 'ended' })
      await ledger.changeSale('sale', { closes_ms: 1_500 })
      expect(await settled(intent([3], { reserved_ms: 1_800 }))).toMatchObject({ status: 'confirmed' })
    })

    it('is priced and limited by its own price version', async () => {
      const price = { amount_minor: 300, currency: 'EUR' }
      await ledger.changeSale('sale', { skus: [{ sku: 'red', price, user_max: 1 }] })
      expect(await settled(intent([1, 2]))).toMatchObject({ status: 'confirmed', price: PRICE })
      expect(await settled(intent([3], { price_version: 2 }))).toMatchObject({ status: 'confirmed', price })
      expect(await settled(intent([4], { price_version: 3 }))).toMatchObject({ reason: 'unknown_price_version' })
    })

    it('of an older epoch is void, and returns nothing: its units belong to the newer one', async () => {
      await load()
      expect(await settled(intent([1]))).toMatchObject({ status: 'void', reason: 'older_epoch' })
      expect(await ledger.pendingReturns(10)).toEqual([])
    })

    describe('that meets an order already met by another intent of its body', () => {
      // held in epoch 1, which the rebuild did not see; the shopper repeats the key and holds another unit in epoch 2
      const twins = (more: Partial<Intent> = {}) => {
        const first = intent([1])
        const units = [{ unit: 2, generation: 2 }]
        return {
          first,
          second: intent([], { body: first.body, user: first.user, epoch: 2, quantity: 1, units, ...more }),
        }
      }
      const returned = (body: string) => [
        { body, sku: 'red', quantity: 1, epoch: 2, units: [{ unit: 2, generation: 3 }], expired: false },
      ]

      it('gives its units back once, in a batch of its own and in the same', async () => {
        for (const together of [false, true]) {
          ledger = await emptyLedger(kind)
          await ledger.createSale(SALE)
          await load()
          const { first, second } = twins()
          await load()
          // the last batch was new throughout, so that this one is taken to be new, too
          await ledger.settle([intent([], { epoch: 2, quantity: 1, units: [{ unit: 5, generation: 2 }] })])
          await ledger.settle(together ? [first, second, second] : [first])
          await ledger.settle([intent([], { epoch: 2, quantity: 1, units: [{ unit: 4, generation: 2 }] })])
          expect(await ledger.settle([second])).toMatchObject({ settled: 1, announced: [] })
          expect(await ledger.order('sale', first.body)).toMatchObject({
            status: 'void',
            reason: 'older_epoch',
            version: 1,
          })
          expect(await ledger.pendingReturns(10)).toMatchObject(returned(first.body))
          expect(await ledger.terms('sale')).toMatchObject([{ granted: 5, returning: 1, confirmed: 2 }, {}])

          await ledger.settle([second, first])
          await ledger.bury(second, 'seven failures')
          const returns = await ledger.pendingReturns(10)
          expect(returns).toHaveLength(1)
          await ledger.returnsApplied(returns.map(({ id }) => id))
          await ledger.settle([second, first, second])
          expect(await ledger.pendingReturns(10)).toEqual([])
          expect((await ledger.shardImage('sale', 0)).free).toMatchObject([
            { units: [{ unit: 1 }, { unit: 2, generation: 3 }, { unit: 3 }] },
          ])
        }
      })

      it('gives them back when it is buried, and when the order began as a tombstone', async () => {
        const { first, second } = twins()
        await ledger.tombstone({ sale: 'sale', shard: 0, body: first.body, user: first.user }, 'cancelled')
        await load()
        await ledger.settle([first])
        expect(await ledger.pendingReturns(10)).toEqual([])
        await ledger.bury(second, 'seven failures')
        expect(await ledger.pendingReturns(10)).toMatchObject(returned(first.body))
      })

      const freeTwins = () => {
        const { first, second } = twins({ sku: 'free', units: [], reserved_ms: now + 1 })
        return { first: { ...first, sku: 'free', units: [] }, second }
      }

      it('of an unlimited SKU gives its counts back once, told from the first by its time', async () => {
        for (const together of [false, true]) {
          for (const tombstone of [false, true]) {
            ledger = await emptyLedger(kind)
            await ledger.createSale(SALE)
            await load()
            const { first, second } = freeTwins()
            const { body, user } = first
            if (tombstone) await ledger.tombstone({ sale: 'sale', shard: 0, body, user }, 'cancelled')
            await load()
            await ledger.settle([intent([], { epoch: 2, sku: 'free', quantity: 1 })])
            await ledger.settle(together ? [first, first, second, second] : [first, first])
            const { version = 0 } = (await ledger.order('sale', body)) ?? {}
            await ledger.settle([second, first, second])
            await ledger.bury(second, 'seven failures')
            expect(await ledger.pendingReturns(10)).toMatchObject([
              { body, sku: 'free', quantity: 1, epoch: 2, units: [] },
            ])
            const status = tombstone ? 'cancelled' : 'void'
            expect(await ledger.order('sale', body)).toMatchObject({ status, version, reserved_ms: second.reserved_ms })
          }
        }
      })

      it('of an unlimited SKU gives nothing back when it came first and is an order', async () => {
        const { first, second } = freeTwins()
        await load()
        await ledger.settle([second, first])
        const later = { ...second, reserved_ms: now + 2 }
        await ledger.settle([first, second, later])
        expect(await ledger.pendingReturns(10)).toEqual([])
        expect(await ledger.order('sale', first.body)).toMatchObject({ status: 'confirmed', reserved_ms: now + 1 })
      })

      it('gives nothing back in a rebuild, or for another epoch', async () => {
        const { first, second } = twins()
        const free = freeTwins()
        await load()
        await ledger.settle([first, free.first])
        await ledger.beginRebuild('sale', 'me', 1_000)
        expect(await ledger.settle([second])).toMatchObject({ deferred: [second] })
        await ledger.settleSurvivors('sale', 'me', [second, free.second])
        await ledger.recountUnits('sale', 'me')
        await ledger.finishRebuild('sale', 'me', 'replid')
        await ledger.settle([second, free.second])
        expect(await ledger.pendingReturns(10)).toEqual([])
      })
    })

    it('waits while its sale is rebuilt', async () => {
      await ledger.beginRebuild('sale', 'me', 1_000)
      const waiting = intent([1])
      expect(await ledger.settle([waiting])).toMatchObject({ settled: 0, deferred: [waiting] })
    })

    it('of an unlimited SKU mints its units', async () => {
      const free = { sku: 'free', units: [] }
      expect(await settled(intent([0, 0], free))).toMatchObject({ status: 'confirmed', units: [1, 2] })
      expect(await settled(intent([0], free))).toMatchObject({ status: 'confirmed', units: [3] })
      expect(await ledger.terms('sale')).toMatchObject([{}, { sku: 'free', total: -1, granted: 3, confirmed: 3 }])
    })

    it('that nobody can settle is void with its units returned, and kept', async () => {
      const bad = intent([1, 2])
      await ledger.bury(bad, 'failed seven times')
      expect(await ledger.order('sale', bad.body)).toMatchObject({ status: 'void', reason: 'failed seven times' })
      expect(await ledger.pendingReturns(10)).toMatchObject([{ body: bad.body, units: [{ unit: 1 }, { unit: 2 }] }])
      expect(await ledger.deadIntents(10)).toMatchObject([{ intent: bad, reason: 'failed seven times' }])
    })

    it('that no column can hold is refused, and kept without an order', async () => {
      for (const change of [{ user: 'a\0b' }, { quantity: 2 ** 31 }, { price_version: 0.5 }, { sku: '\ud800' }]) {
        const odd = intent([1], change)
        await expect(ledger.settle([odd])).rejects.toMatchObject({ code: 'bad_request' })
        await ledger.bury(odd, 'refused')
        expect(await ledger.order('sale', odd.body)).toBeUndefined()
      }
      expect(await ledger.deadIntents(10)).toHaveLength(4)
    })

    it('with units on their way back that Redis has sold already is an order', async () => {
      const cancelled = intent([1])
      await settled(cancelled)
      await ledger.cancel('sale', cancelled.body)
      const next = intent([], { quantity: 1, units: [{ unit: 1, generation: 2 }] })
      expect(await settled(next)).toMatchObject({ status: 'confirmed', units: [1] })
      // struck off only now: the unit stays with its order
      await ledger.returnsApplied((await ledger.pendingReturns(10)).map(({ id }) => id))
      expect(await ledger.terms('sale')).toMatchObject([{ granted: 5, returning: 0, confirmed: 1 }, {}])
    })
  })

  describe('a return', () => {
    it('struck off late does not touch a unit that was sold and is on its way back again', async () => {
      const first = intent([1])
      await settled(first)
      await ledger.cancel('sale', first.body)
      const [older] = await ledger.pendingReturns(1)
      const second = intent([], { quantity: 1, units: [{ unit: 1, generation: 2 }] })
      await settled(second)
      await ledger.cancel('sale', second.body)
      await ledger.returnsApplied([older?.id ?? ''])
      expect(await ledger.terms('sale')).toMatchObject([{ returning: 1 }, {}])
      expect(await ledger.pendingReturns(10)).toMatchObject([
        { body: second.body, units: [{ unit: 1, generation: 3 }] },
      ])
    })
  })

  describe('a tombstone', () => {
    it('outlives its intent, which gives its units back once', async () => {
      const late = intent([1, 2], { spends: 'pass,proof' })
      const stone = { sale: 'sale', shard: 0, body: late.body, user: late.user }
      expect(await ledger.tombstone(stone, 'cancelled')).toMatchObject({ status: 'cancelled', order: '', version: 1 })
      await ledger.settle([late, late])
      await ledger.settle([late])
      expect(await ledger.order('sale', late.body)).toMatchObject({
        status: 'cancelled',
        quantity: 2,
        units: [],
        version: 2,
        spends: 'pass,proof',
      })
      expect(await ledger.pendingReturns(10)).toMatchObject([{ quantity: 2, units: [{ unit: 1 }, { unit: 2 }] }])
    })

    it('never covers an order, and is not written while the sale is rebuilt', async () => {
      const known = intent([1])
      await settled(known)
      const stone = { sale: 'sale', shard: 0, body: known.body, user: known.user }
      expect(await ledger.tombstone(stone, 'void')).toMatchObject({ status: 'confirmed' })
      await ledger.beginRebuild('sale', 'me', 1_000)
      expect(await ledger.tombstone({ ...stone, body: 'other' }, 'void')).toBeUndefined()
      expect(await ledger.order('sale', 'other')).toBeUndefined()
    })
  })

  describe('a hold', () => {
    it('that runs out frees its units under a new generation and counts against the buyer', async () => {
      const held = intent([1, 2])
      await settled(held)
      now += HOLD_MS - 1
      expect(await ledger.expireDue(10, [])).toEqual([])
      now += 1
      expect(await ledger.expireDue(10, [])).toMatchObject([{ body: held.body, status: 'expired', version: 2 }])
      const generation = 2
      const units = [
        { unit: 1, generation },
        { unit: 2, generation },
      ]
      const [pending] = await ledger.pendingReturns(10)
      expect(pending).toMatchObject({ body: held.body, quantity: 2, expired: true, units })
      expect(await ledger.terms('sale')).toMatchObject([{ granted: 5, returning: 2, confirmed: 0 }, {}])
      await ledger.returnsApplied([pending?.id ?? ''])
      expect(await ledger.terms('sale')).toMatchObject([{ granted: 5, returning: 0 }, {}])
      const { buyers } = await ledger.shardImage('sale', 0)
      expect(buyers).toEqual([{ sku: 'red', user: held.user, units: 0, expired_holds: 1, bodies: [] }])
    })

    it('given back when more than half of its time is over counts as if it had run out', async () => {
      const user = 'somebody'
      const attempts = async () => (await ledger.shardImage('sale', 0)).buyers.map(({ expired_holds }) => expired_holds)
      // the last one's payment has been started, which makes its time longer
      for (const [unit, waited_ms, counts] of [
        [1, HOLD_MS / 2, false],
        [2, HOLD_MS / 2 + 1, true],
        [3, HOLD_MS / 2 + 1, false],
      ] as const) {
        const held = intent([unit], { user })
        await settled(held)
        if (unit === 3) await paid(held.body)
        now += waited_ms
        expect(await ledger.cancel('sale', held.body)).toMatchObject({ status: 'cancelled' })
        expect((await ledger.pendingReturns(10)).at(-1)).toMatchObject({ body: held.body, expired: counts })
        expect(await attempts()).toEqual(unit === 1 ? [] : [1])
      }
    })

    it('is extended once by a payment, and then waits for its session to be closed', async () => {
      const held = intent([1])
      await settled(held)
      await paid(held.body)
      const { pay_by_ms } = (await ledger.order('sale', held.body)) ?? {}
      expect(pay_by_ms).toBe(now + HOLD_MS + 300)
      const failed = await paid(held.body, { kind: 'failed' })
      expect(await failed()).toBe('failed')
      const again = {
        provider: 'p',
        session: 'second',
        sale: 'sale',
        body: held.body,
        amount_minor: 250,
        currency: 'EUR',
      }
      expect(await ledger.recordPaymentSession({ ...again, redirect: '' })).toMatchObject({ status: 'open' })
      expect((await ledger.order('sale', held.body))?.pay_by_ms).toBe(pay_by_ms)

      now = pay_by_ms as number
      expect(await ledger.expireDue(10, [])).toEqual([])
      expect(await ledger.dueWithOpenSession(10)).toMatchObject([{ session: 'second' }])
      expect(await ledger.expireDue(10, ['second'])).toMatchObject([{ status: 'expired' }])
      expect(await ledger.paymentSession('sale', held.body)).toMatchObject({ status: 'closed' })
    })

    it('whose payment is open leaves the limit to others', async () => {
      const [paying, other] = [intent([1]), intent([2])]
      await ledger.settle([paying])
      await paid(paying.body)
      now += 300
      await ledger.settle([other])
      now += 10 * HOLD_MS
      expect(await ledger.expireDue(1, [])).toMatchObject([{ body: other.body }])
      expect(await ledger.dueWithOpenSession(1)).toMatchObject([{ body: paying.body }])
    })

    it('is neither ended nor cancelled while its sale is rebuilt', async () => {
      const held = intent([1])
      await settled(held)
      now += HOLD_MS
      await ledger.beginRebuild('sale', 'me', 1_000)
      expect(await ledger.expireDue(10, [])).toEqual([])
      expect(await ledger.cancel('sale', held.body)).toMatchObject({ status: 'confirmed' })
    })

    it('that is paid is neither cancelled nor ended', async () => {
      const held = intent([1])
      await settled(held)
      expect(await (await paid(held.body))()).toBe('paid')
      now += 10 * HOLD_MS
      expect(await ledger.expireDue(10, [])).toEqual([])
      expect(await ledger.cancel('sale', held.body)).toMatchObject({ status: 'paid' })
      expect(await ledger.terms('sale')).toMatchObject([{ confirmed: 0, paid: 1 }, {}])
    })
  })

  describe('money', () => {
    it('of a wrong amount or currency changes nothing and goes back', async () => {
      const held = intent([1])
      await settled(held)
      expect(await (await paid(held.body, { amount_minor: 249 }))()).toBe('mismatch')
      expect(await (await paid(held.body, { currency: 'USD', event: 'second' }))()).toBe('mismatch')
      expect(await ledger.order('sale', held.body)).toMatchObject({ status: 'confirmed' })
      expect(await ledger.pendingRefunds(10)).toMatchObject([{ amount_minor: 249 }, { currency: 'USD' }])
    })

    it('counts once, however often it is announced', async () => {
      const held = intent([1])
      await settled(held)
      expect(await (await paid(held.body))()).toBe('paid')
      expect(await (await paid(held.body))()).toBe('seen_before')
      expect(await (await paid(held.body, { event: 'another' }))()).toBe('paid')
      expect(await ledger.pendingRefunds(10)).toEqual([])
      expect(await (await paid(held.body, { event: 'x', session: 'nobody' }))()).toBe('unknown_session')
    })

    it('for a cancelled order goes back at once', async () => {
      const held = intent([1])
      await settled(held)
      const late = await paid(held.body)
      await ledger.cancel('sale', held.body)
      expect(await late()).toBe('late')
      expect(await ledger.lateSuccesses(10)).toEqual([])
      expect(await ledger.pendingRefunds(10)).toMatchObject([{ amount_minor: 250 }])
      expect(await ledger.order('sale', held.body)).toMatchObject({ status: 'cancelled' })
    })

    it('that is late gets another unit, and counts it for the buyer', async () => {
      const held = await lateOrder()
      const take = intent([], { ...held, kind: 'late', quantity: 1, units: [{ unit: 4, generation: 1 }] })
      await ledger.settle([take, take])
      expect(await ledger.order('sale', held.body)).toMatchObject({ status: 'paid', units: [4], order: 'sale-0-1' })
      expect((await ledger.shardImage('sale', 0)).buyers).toMatchObject([{ units: 1, expired_holds: 1 }])
      expect(await ledger.lateSuccesses(10)).toEqual([])
    })

    it('that is late and finds no unit goes back; a unit taken meanwhile, too', async () => {
      const held = await lateOrder()
      expect(await ledger.refundLate('sale', held.body)).toMatchObject({ status: 'refunded' })
      expect(await ledger.refundLate('sale', held.body)).toMatchObject({ status: 'refunded', version: 4 })
      expect(await ledger.pendingRefunds(10)).toHaveLength(1)
      await ledger.settle([intent([4], { ...held, kind: 'late' })])
      expect(await ledger.order('sale', held.body)).toMatchObject({ status: 'refunded' })
      // the take script has counted it as the buyer's
      expect(await ledger.pendingReturns(10)).toMatchObject([{ expired: true }, { quantity: 1, units: [{ unit: 4 }] }])
    })

    it('that is late gives back what was taken for it once, however often its intent is delivered', async () => {
      const held = await lateOrder()
      const take = intent([4], { ...held, kind: 'late' })
      await ledger.settle([take])
      await ledger.settle([take, take])
      expect(await ledger.pendingReturns(10)).toMatchObject([{ expired: true }])
    })

    it('that is late and was given a unit that has moved on goes back, because the script takes once an epoch', async () => {
      const held = await lateOrder()
      await settled(intent([4]))
      const take = intent([4], { ...held, kind: 'late' })
      await ledger.settle([take, take])
      expect(await ledger.order('sale', held.body)).toMatchObject({ status: 'refunded' })
      expect(await ledger.pendingRefunds(10)).toMatchObject([{ amount_minor: 250 }])
      expect(await ledger.pendingReturns(10)).toMatchObject([
        { expired: true },
        { body: held.body, quantity: 1, units: [] },
      ])
    })

    it('that is late for an unlimited SKU gets a new unit, right behind a batch that was new throughout', async () => {
      const unlimited = { sku: 'free', quantity: 1 }
      const held = await lateOrder(intent([], unlimited))
      await settled(intent([2]))
      expect(await settled(intent([], { ...held, ...unlimited, kind: 'late' }))).toMatchObject({
        status: 'paid',
        units: [2],
      })
      expect(await ledger.lateSuccesses(10)).toEqual([])
    })

    it('that cannot be served now waits a second, then two, up to 64, and nobody waits behind it', async () => {
      const first = await lateOrder()
      const second = intent([2])
      await settled(second)
      const late = await paid(second.body)
      now += 10 * HOLD_MS
      await ledger.expireDue(10, [`session of ${second.body}`])
      expect(await late()).toBe('late')
      const listed = async () => (await ledger.lateSuccesses(10)).map(({ body }) => body)
      await waitsLonger(first.body, second.body, listed, () => ledger.putOffPayment('sale', first.body))
      await ledger.refundLate('sale', first.body)
      await ledger.refundLate('sale', second.body)

      const refunds = async () => ledger.pendingRefunds(10)
      const [refund] = (await refunds()).filter(({ session }) => session === `session of ${first.body}`)
      const bodies = async () => (await refunds()).map(({ session }) => session.slice('session of '.length))
      await waitsLonger(first.body, second.body, bodies, () => ledger.putOffRefund(refund?.id ?? ''))
      await ledger.refundDone(refund?.id ?? '')
      expect(await bodies()).toEqual([second.body])
    })

    it('not paid in a session that cannot be closed waits alike, until the session is paid or closed', async () => {
      const [first, second] = [intent([1]), intent([2])]
      for (const each of [first, second]) {
        await settled(each)
        await paid(each.body)
      }
      now += 10 * HOLD_MS
      const listed = async () => (await ledger.dueWithOpenSession(10)).map(({ body }) => body)
      await waitsLonger(first.body, second.body, listed, () => ledger.putOffPayment('sale', first.body))
      await ledger.putOffPayment('sale', first.body)
      await ledger.expireDue(10, [`session of ${first.body}`])
      expect(await (await paid(first.body))()).toBe('late')
      // what it waits for now has not failed yet
      expect(await ledger.lateSuccesses(1)).toMatchObject([{ body: first.body }])
    })

    async function waitsLonger(
      first: string,
      second: string,
      listed: () => Promise<string[]>,
      putOff: () => Promise<void>,
    ): Promise<void> {
      for (const wait_s of [1, 2, 4, 8, 16, 32, 64, 64]) {
        expect((await listed()).sort()).toEqual([first, second])
        await putOff()
        now += wait_s * 1000 - 1
        expect(await listed()).toEqual([second])
        now += 1
      }
    }

    async function lateOrder(held = intent([1])) {
      await settled(held)
      const late = await paid(held.body)
      now += 10 * HOLD_MS
      await ledger.expireDue(10, [`session of ${held.body}`])
      expect(await late()).toBe('late')
      expect(await ledger.lateSuccesses(10)).toMatchObject([{ body: held.body }])
      return { body: held.body, user: held.user }
    }
  })

  describe('a rebuild', () => {
    it('belongs to its owner until the lease has passed, and raises the epoch', async () => {
      expect(await ledger.beginRebuild('sale', 'one', 50)).toEqual({ epoch: 2 })
      expect(await ledger.beginRebuild('sale', 'two', 50)).toBeUndefined()
      await expect(ledger.recountUnits('sale', 'two')).rejects.toMatchObject({ code: 'conflict' })
      now += 49
      await ledger.recountUnits('sale', 'one')
      now += 49
      expect(await ledger.beginRebuild('sale', 'two', 50)).toBeUndefined()
      now += 1
      expect(await ledger.beginRebuild('sale', 'two', 50)).toEqual({ epoch: 3 })
      await expect(ledger.finishRebuild('sale', 'one', 'r')).rejects.toMatchObject({ code: 'conflict' })
      await expect(ledger.finishRebuild('sale', 'two', 'r')).rejects.toThrow('units are not counted again for epoch 3')
      await ledger.recountUnits('sale', 'two')
      expect(await ledger.finishRebuild('sale', 'two', 'r')).toMatchObject({ rebuilding: false, epoch: 3 })
    })

    // the one in memory has no statements that take time
    if (kind !== 'memory') {
      it('has its whole lease for the load, however long the recount took', async () => {
        let look_ms = 0
        ledger = new SqlLedger({ db: pglite, clock: () => (now += look_ms) })
        await ledger.beginRebuild('sale', 'one', 50)
        const begun_ms = now
        // begun after 30 ms, ended after 60
        look_ms = 30
        await ledger.recountUnits('sale', 'one')
        look_ms = 0
        now = begun_ms + 100
        expect(await ledger.beginRebuild('sale', 'two', 50)).toBeUndefined()
      })
    }

    it('lends every free unit anew, drops what was on its way back, and leaves what is sold', async () => {
      const [sold, ended] = [intent([1]), intent([2])]
      await ledger.settle([sold, ended])
      await ledger.cancel('sale', ended.body)
      await load()
      expect(await ledger.pendingReturns(10)).toEqual([])
      const { free, orders, unpaid, buyers } = await ledger.shardImage('sale', 0)
      expect(free).toEqual([
        { sku: 'red', units: [2, 3, 4, 5].map((unit) => ({ unit, generation: unit === 2 ? 3 : 2 })) },
      ])
      expect(orders.map(({ status }) => status)).toEqual(['confirmed', 'cancelled'])
      expect(unpaid).toContainEqual({ sku: 'red', units: 1 })
      expect(buyers).toMatchObject([{ user: sold.user, units: 1, bodies: [sold.body] }])
    })

    it('keeps survivors their units, and gives another where theirs has moved on', async () => {
      await settled(intent([1, 2]))
      await ledger.beginRebuild('sale', 'me', 1_000)
      const moved_on = intent([2], { user: 'ann' })
      const exact = intent([3], { user: 'bob' })
      expect(await ledger.settleSurvivors('sale', 'me', [moved_on, exact])).toEqual({ settled: 2 })
      // not 3, which the second still had, although the first came first
      expect(await ledger.order('sale', moved_on.body)).toMatchObject({ status: 'confirmed', units: [4] })
      expect(await ledger.order('sale', exact.body)).toMatchObject({ status: 'confirmed', units: [3] })
      const [last, none] = [intent([1]), intent([1])]
      await ledger.settleSurvivors('sale', 'me', [last, none, exact])
      expect(await ledger.order('sale', last.body)).toMatchObject({ status: 'confirmed', units: [5] })
      expect(await ledger.order('sale', none.body)).toMatchObject({ status: 'void', reason: 'unit_moved_on' })
      expect(await ledger.pendingReturns(10)).toEqual([])
    })

    it('is how a sale opens: a draft becomes ready', async () => {
      await ledger.createSale({ ...SALE, id: 'draft' })
      await expect(ledger.setSaleState('draft', 'ready')).rejects.toMatchObject({ code: 'conflict' })
      await ledger.beginRebuild('draft', 'me', 1_000)
      await ledger.recountUnits('draft', 'me')
      expect(await ledger.finishRebuild('draft', 'me', 'r')).toMatchObject({
        state: 'ready',
        epoch: 1,
        redis_replid: 'r',
      })
    })
  })

  describe('what a shopper has', () => {
    it('is told up to so many: what is to be paid for, what is paid, the newest of the rest', async () => {
      const of_ann = [1, 2, 10, 20].map((ms, i) => intent([i + 1], { user: 'ann', reserved_ms: now + ms }))
      const [bought, held, ...returned] = of_ann as [Intent, Intent, Intent, Intent]
      await settled(held)
      for (const each of returned) {
        await settled(each)
        await ledger.cancel('sale', each.body)
      }
      await settled(bought)
      await (await paid(bought.body))()
      const told = async (limit: number) => (await ledger.ordersOfUser('sale', 'ann', limit)).map(({ body }) => body)
      expect(await told(10)).toEqual(of_ann.map(({ body }) => body))
      expect(await told(3)).toEqual([bought.body, held.body, returned[1].body])
      expect(await told(2)).toEqual([bought.body, held.body])
      expect(await told(1)).toEqual([held.body])
    })
  })

  describe('a session', () => {
    it('replaces the one before; only replaced ones are in the image of a shard', async () => {
      expect(await ledger.replaceSessions(['ann', 'bob'])).toEqual([
        { user: 'ann', generation: 1 },
        { user: 'bob', generation: 1 },
      ])
      expect(await ledger.replaceSessions(['ann'])).toEqual([{ user: 'ann', generation: 2 }])
      expect((await ledger.shardImage('sale', 0)).sessions).toEqual([{ user: 'ann', generation: 2 }])
    })

    it('refuses a user whose name no database can keep', async () => {
      await expect(ledger.replaceSessions(['a\0b'])).rejects.toMatchObject({ code: 'bad_request' })
      await expect(ledger.replaceSessions(['a\ud800b'])).rejects.toMatchObject({ code: 'bad_request' })
    })
  })
})
