// A shopper who has reserved more often than a cart shows.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Sale } from '../src/ledger/port'
import { CART_MAX } from '../src/reservations/reservations'
import { until, World } from './world'

const USER = 'collector'

let world: World

beforeAll(async () => {
  world = await World.start({ roles: 'api,sweeper' })
})

afterAll(() => world.stop())

/** The ids. */
async function buy(sale: Sale, from: number, to: number): Promise<string[]> {
  const wanted = Array.from({ length: to - from }, (_, n) => ({ user: USER, key: `key-${from + n}` }))
  return (await world.reserveMany(sale, wanted)).map(({ id }) => id).sort()
}

async function cart(): Promise<{ ids: string[]; statuses: string[] }> {
  const answer = await world.call('GET', '/sales/full-cart/reservations', { bearer: world.session(USER) })
  const told = answer.body.reservations as { reservation: string; status: string }[]
  return {
    ids: told.map(({ reservation }) => reservation).sort(),
    statuses: [...new Set(told.map((one) => one.status))],
  }
}

test('a cart shows so many and no more, the newest, while they wait for the ledger and when it has them', async () => {
  const sale = await world.openSale('full-cart', { total: 300, user_max: 300 })
  await buy(sale, 0, 50)
  // by Redis' clock, which counts milliseconds
  await sleep(5)
  const newest = await buy(sale, 50, 50 + CART_MAX)
  expect(await cart()).toEqual({ ids: newest, statuses: ['held'] })
  await world.backend.stop()
  world.config.roles = ['api', 'settler', 'sweeper']
  await world.restart()
  await until('all are settled', async () => (await cart()).statuses.join() === 'confirmed')
  expect((await cart()).ids).toEqual(newest)
})
