// What the backend does for a waiting room: its rows agree in memory and on a database; numbers are lent in time; the rate follows settlement.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { admissionKey, admittedKey, checkoutKey, intentsKey } from '../../contract/keys'
import { MemoryLedger } from '../src/ledger/memory'
import { openLedger } from '../src/ledger/open'
import type { Ledger } from '../src/ledger/port'
import { BLOCK } from '../src/waiting/room'
import { until, World } from './world'

const ROOM = { gate: { waiting_room: { admit_per_s: 100, checkout_max: 5, draw: false } } }

async function rows(ledger: Ledger): Promise<unknown[]> {
  const { rooms } = ledger
  await ledger.createSale({
    id: 'spring',
    title: 'Spring',
    opens_ms: 1,
    closes_ms: 2,
    skus: [{ sku: 'shoe', title: 'Shoe', price: { amount_minor: 1, currency: 'EUR' }, total: 1, user_max: 1 }],
    hold_ms: 1,
    payment_extension_ms: 1,
    sale_user_max: 0,
    hold_attempts_max: 0,
    left_shown: 'exact',
    gate: {},
  })
  const said: unknown[] = [await rooms.find('spring'), await rooms.all()]
  await rooms.note('spring', 5, 3)
  said.push(await rooms.lend('spring', 100), await rooms.lend('spring', 50), await rooms.find('spring'))
  await rooms.note('spring', 70, 30)
  await rooms.note('spring', 0, 31)
  said.push(await rooms.find('spring'), await rooms.renew('spring', 9000, 100), await rooms.renew('spring', 8000, 100))
  said.push(await rooms.all(), await rooms.renew('autumn', 1, 1).catch((error: Error) => error.message))
  return said
}

test('the rows are the same in memory and on a database', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'rushgate-rooms-'))
  const pglite = await openLedger({ data_dir: dir })
  try {
    const in_memory = await rows(new MemoryLedger({ clock: () => 0 }))
    expect(await rows(pglite)).toEqual(in_memory)
    expect(in_memory[6]).toEqual({ sale: 'spring', issued_max: 250, seen_issued: 70, seen_front: 31, since_ms: 9000 })
  } finally {
    await pglite.close()
    rmSync(dir, { recursive: true })
  }
})

describe('the keeper', () => {
  let world: World
  beforeAll(async () => {
    world = await World.start({ ledger: 'memory' })
  })
  afterAll(() => world?.stop())

  const field = (sale: string, name: string) => world.redis.hget(admissionKey(sale), name)

  test('lends numbers before they run out, and never takes one back', async () => {
    const sale = await world.openSale('lending', ROOM)
    expect(await field(sale.id, 'issued_max')).toBe(String(BLOCK))
    await world.redis.hset(admissionKey(sale.id), 'issued', BLOCK - 10)
    await until('another block is lent', async () => (await field(sale.id, 'issued_max')) === String(2 * BLOCK))
    expect((await world.ledger.rooms.find(sale.id))?.issued_max).toBe(2 * BLOCK)
  })

  test('follows a change of the terms', async () => {
    const sale = await world.openSale('changing', ROOM)
    await world.ledger.changeSale(sale.id, { gate: { waiting_room: { ...ROOM.gate.waiting_room, checkout_max: 7 } } })
    await until('the ceiling is told', async () => (await field(sale.id, 'checkout_max')) === '7')
  })

  test('makes a room for a sale that gets one while it is open', async () => {
    const sale = await world.openSale('later')
    expect(await world.redis.exists(admissionKey(sale.id))).toBe(0)
    await world.ledger.changeSale(sale.id, ROOM)
    await until('there is a room', async () => (await field(sale.id, 'issued_max')) === String(BLOCK))
  })

  test('a place in checkout is kept until its reservation is to be paid, and free when it is given back', async () => {
    const sale = await world.openSale('kept', ROOM)
    const pass_id = 'a-pass-of-22-character'
    const ends_ms = Date.now() + 1000
    await world.redis.hset(admittedKey(sale.id), 'ann', `${pass_id} ${ends_ms} 1`)
    await world.redis.zadd(checkoutKey(sale.id), ends_ms, 'ann')
    const [reserved] = await world.reserveMany(sale, [{ user: 'ann', key: 'key', spends: `p${pass_id}` }])
    const body = reserved?.body ?? ''
    await world.untilStatus(sale, body, 'confirmed')
    const pay_by_ms = (await world.ledger.order(sale.id, body))?.pay_by_ms ?? 0
    expect(pay_by_ms).toBeGreaterThan(ends_ms)
    await until('it is kept', async () => Number(await world.redis.zscore(checkoutKey(sale.id), 'ann')) === pay_by_ms)
    await world.ledger.cancel(sale.id, body)
    await until('it is free', async () => (await world.redis.zscore(checkoutKey(sale.id), 'ann')) === null)
  })

  test('lets fewer in while settlement is behind, and nobody when it is far behind', async () => {
    const sale = await world.openSale('behind', ROOM)
    await until('the settler has been here', async () => (await world.redis.exists(intentsKey(sale.id, 0))) === 1)
    world.config.roles = ['api', 'sweeper']
    await world.backend.stop()
    await world.restart()
    const fill = async (entries: number) => {
      const pipeline = world.redis.pipeline()
      for (let i = 0; i < entries; i++) pipeline.xadd(intentsKey(sale.id, 0), '*', 'e', '0')
      await pipeline.exec()
    }
    await fill(800)
    await until('fewer are let in', async () => (await field(sale.id, 'rate_now_per_s')) === '40')
    await fill(300)
    await until('nobody is let in', async () => (await field(sale.id, 'rate_now_per_s')) === '0')
  })
})
