// Redis emptied, put back, restarted, or left in the middle: the watcher rebuilds, and nothing is lost, doubled or promised falsely.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { intentsKey, metaKey, reservationsKey } from '../../contract/keys'
import type { Sale } from '../src/ledger/port'
import type { RebuildStep } from '../src/sales/rebuild'
import { type Reserved, until, World } from './world'

let world: World

beforeAll(async () => {
  world = await World.start({ fsync: 'always' })
})

afterAll(() => world.stop())

async function confirmed(sale: Sale, user: string, quantity = 1): Promise<Reserved> {
  const reserved = await world.reserve(sale, user, 'key', quantity)
  await world.untilStatus(sale, reserved.body, 'confirmed')
  return reserved
}

/** Resolves when the sale is loaded under an epoch above `epoch`. */
async function untilRebuilt(id: string, epoch: number): Promise<Sale> {
  await until(`sale ${id} is rebuilt`, async () => {
    const sale = await world.sale(id)
    const in_redis = await world.redis.hget(metaKey(id, 0), 'epoch')
    return sale.epoch > epoch && !sale.rebuilding && in_redis === String(sale.epoch)
  })
  return world.sale(id)
}

test('FLUSHALL: every order keeps its units, replay records and limits come back, what was lost is honestly void', async () => {
  const sale = await world.openSale('flushed', { user_max: 2 })
  const ann = await confirmed(sale, 'ann', 2)
  await world.redis.flushall()
  const after = await untilRebuilt(sale.id, sale.epoch)
  expect(await world.balanced(after)).toMatchObject({ granted: 10, confirmed: 2, in_redis: 8 })
  expect(await world.reserve(after, 'ann', 'key', 2)).toMatchObject({ code: 'replay' })
  expect(await world.reserve(after, 'ann', 'another')).toMatchObject({ code: 'limit_reached', rest: ann.body })
  const bob = await confirmed(after, 'bob', 2)
  expect((await world.ledger.order(sale.id, bob.body))?.units).not.toEqual(
    (await world.ledger.order(sale.id, ann.body))?.units,
  )
})

test('a pass and a proof are spent once, by the reservation that repeats may ask for again, and stay spent after FLUSHALL', async () => {
  const sale = await world.openSale('spent', { user_max: 5 })
  const ask = async (of: Sale, user: string, key: string, spends: string) => {
    const [reserved] = await world.reserveMany(of, [{ user, key, spends }])
    return reserved as Reserved
  }
  const ann = await ask(sale, 'ann', 'key', 'ppass1,wproof1')
  expect(ann.code).toBe('held')
  expect((await ask(sale, 'ann', 'key', 'ppass1,wproof1')).code).toBe('replay')
  expect((await ask(sale, 'ann', 'other', 'ppass1,wproof2')).code).toBe('pass_required')
  expect((await ask(sale, 'ann', 'other', 'ppass2,wproof1')).code).toBe('proof_required')
  // two of one batch: the first has it, and what was refused is not spent
  const batch = await world.reserveMany(sale, [
    { user: 'bob', key: 'a', spends: 'ppass3' },
    { user: 'cy', key: 'b' },
    { user: 'bob', key: 'c', spends: 'ppass3' },
    { user: 'bob', key: 'd', quantity: 9, spends: 'ppass4' },
  ])
  expect(batch.map(({ code }) => code)).toEqual(['held', 'held', 'pass_required', 'limit_reached'])
  expect((await ask(sale, 'bob', 'e', 'ppass4')).code).toBe('held')
  await world.untilStatus(sale, ann.body, 'confirmed')
  await world.redis.flushall()
  const after = await untilRebuilt(sale.id, sale.epoch)
  expect((await ask(after, 'ann', 'key', 'ppass1,wproof1')).code).toBe('replay')
  expect((await ask(after, 'ann', 'other', 'ppass1')).code).toBe('pass_required')
  expect((await ask(after, 'ann', 'other', 'wproof1')).code).toBe('proof_required')
})

test('a pass of a reservation that was given back before it was settled stays spent after a rebuild', async () => {
  world.config.roles = ['api', 'sweeper']
  await world.backend.stop()
  await world.restart()
  const sale = await world.openSale('spent-early', { user_max: 5 })
  const [given_back] = await world.reserveMany(sale, [{ user: 'ann', key: 'key', spends: 'ppass1,wproof1' }])
  const bearer = world.session('ann')
  expect((await world.call('DELETE', `/reservations/${given_back?.id}`, { bearer })).status).toBe(200)
  expect((await world.admin('POST', `/admin/sales/${sale.id}/rebuild`)).status).toBeLessThan(300)
  const after = await untilRebuilt(sale.id, sale.epoch)
  for (const [spends, code] of [
    ['ppass1', 'pass_required'],
    ['wproof1', 'proof_required'],
  ] as const) {
    expect(await world.reserveMany(after, [{ user: 'ann', key: 'other', spends }])).toMatchObject([{ code }])
  }
  await world.backend.stop()
  world.config.roles = ['api', 'settler', 'sweeper']
  await world.restart()
})

test('a reservation that went with Redis is said to be void, and stays void when its intent turns up after all', async () => {
  world.config.roles = ['api', 'sweeper']
  await world.backend.stop()
  await world.restart()
  const sale = await world.openSale('lost')
  const reserved = await world.reserve(sale, 'ann', 'key', 2)
  const entries = await world.redis.xrangeBuffer(intentsKey(sale.id, 0), '-', '+')
  await world.redis.flushall()
  const after = await untilRebuilt(sale.id, sale.epoch)
  const poll = () => world.call('GET', `/reservations/${reserved.id}`, { bearer: world.session('ann') })
  expect(await poll()).toMatchObject({ status: 200, body: { status: 'void' } })
  expect((await world.call('GET', `/reservations/${reserved.id}`, { bearer: world.session('bob') })).status).toBe(404)
  // the entry appears again, as from a primary that came back
  for (const [, fields] of entries as [Buffer, Buffer[]][]) {
    await world.redis.xadd(intentsKey(sale.id, 0), '*', ...fields)
  }
  await world.backend.stop()
  world.config.roles = ['api', 'settler', 'sweeper']
  await world.restart()
  await until('the entry is trimmed', async () => (await world.redis.xlen(intentsKey(sale.id, 0))) === 0)
  expect(await poll()).toMatchObject({ body: { status: 'void' } })
  expect(await world.balanced(after)).toMatchObject({ in_redis: 10, confirmed: 0 })
})

test('Redis put back to an earlier append-only file: units sold since then are not sold again', async () => {
  const sale = await world.openSale('rolled-back', { total: 4 })
  await confirmed(sale, 'ann')
  const { server, dir } = world.redis_server
  const copy = join(dir, 'copy')
  cpSync(join(dir, 'redis', 'appendonlydir'), copy, { recursive: true })
  const bob = await confirmed(sale, 'bob')
  const cyd = await confirmed(sale, 'cyd')
  server.kill('SIGKILL')
  await server.wait()
  rmSync(join(dir, 'redis', 'appendonlydir'), { recursive: true })
  cpSync(copy, join(dir, 'redis', 'appendonlydir'), { recursive: true })
  await server.start()
  const after = await untilRebuilt(sale.id, sale.epoch)
  expect(await world.balanced(after)).toMatchObject({ confirmed: 3, in_redis: 1 })
  expect(await world.published(after, bob.body)).toBe('confirmed')
  expect(await world.published(after, cyd.body)).toBe('confirmed')
  expect(await world.reserve(after, 'dan', 'key')).toMatchObject({ code: 'held' })
  expect(await world.reserve(after, 'eve', 'key')).toMatchObject({ code: 'all_held' })
})

test('a plain restart of Redis: surviving intents keep their units', async () => {
  const sale = await world.openSale('restarted', { total: 3 })
  await world.backend.stop()
  const reserved = await world.reserveMany(sale, [
    { user: 'ann', key: 'k' },
    { user: 'bob', key: 'k' },
  ])
  const { server } = world.redis_server
  server.kill('SIGKILL')
  await server.wait()
  await server.start()
  await world.restart()
  const after = await untilRebuilt(sale.id, sale.epoch)
  for (const [i, { body }] of reserved.entries()) {
    await world.untilStatus(after, body, 'confirmed')
    expect((await world.ledger.order(sale.id, body))?.units).toEqual([i + 1])
  }
  expect(await world.balanced(after)).toMatchObject({ confirmed: 2, in_redis: 1 })
})

describe('a rebuild killed before any of its steps', () => {
  const steps: RebuildStep[] = ['close', 'settle', 'recount', 'load', 'open', 'finish']

  afterEach(() => sleep(10))

  for (const step of steps) {
    test(`before "${step}": taken up again by the next start`, async () => {
      const sale = await world.openSale(`killed-${step}`, { total: 5 })
      const ann = await confirmed(sale, 'ann')
      await world.backend.stop()
      const bob = await world.reserve(sale, 'bob', 'key', 2)
      let killed = false
      await world.restart({
        beforeRebuildStep: (at) => {
          if (at !== step) return
          killed = true
          throw new Error('killed')
        },
      })
      const asked = world.admin('POST', `/admin/sales/${sale.id}/rebuild`)
      await until('it was killed', () => killed)
      await asked
      await world.backend.stop()
      expect((await world.sale(sale.id)).rebuilding).toBe(true)
      await world.restart()
      const after = await untilRebuilt(sale.id, sale.epoch)
      await world.untilStatus(after, ann.body, 'confirmed')
      await world.untilStatus(after, bob.body, 'confirmed')
      expect(await world.balanced(after)).toMatchObject({ confirmed: 3, in_redis: 2 })
    })
  }
})

test('a rebuild that another process holds is waited for, and taken over when its lease runs out', async () => {
  const sale = await world.openSale('leased')
  await world.ledger.beginRebuild(sale.id, 'somebody-else', 600)
  const asked = await world.admin('POST', `/admin/sales/${sale.id}/rebuild`)
  expect(asked).toMatchObject({ status: 503, body: { code: 'rebuilding' } })
  expect(asked.headers.get('retry-after')).toBe('1')
  const after = await untilRebuilt(sale.id, sale.epoch)
  expect(await world.balanced(after)).toMatchObject({ in_redis: 10 })
})

test('while a sale is being rebuilt nothing is declared void and nothing is given back', async () => {
  const sale = await world.openSale('frozen')
  const ann = await confirmed(sale, 'ann')
  await world.ledger.beginRebuild(sale.id, 'somebody-else', 1500)
  const bearer = world.session('ann')
  const back = await world.call('DELETE', `/reservations/${ann.id}`, { bearer })
  expect(back).toMatchObject({ status: 503, body: { code: 'rebuilding' } })
  const { id } = await world.reserve(sale, 'ann', 'never-sent')
  await world.redis.hdel(reservationsKey(sale.id, 0), id.split('.')[3] as string)
  expect(await world.call('GET', `/reservations/${id}`, { bearer })).toMatchObject({ body: { code: 'rebuilding' } })
  await untilRebuilt(sale.id, sale.epoch)
})

test('the watcher tells Redis what an admin call could not', async () => {
  const sale = await world.openSale('told-later')
  await world.ledger.setSaleState(sale.id, 'paused')
  await until('Redis is paused', async () => (await world.redis.hget(metaKey(sale.id, 0), 'state')) === 'paused')
  expect((await world.reserve(sale, 'ann', 'key')).code).toBe('paused')
})

test('more units: added by a change of the sale, sold at once', async () => {
  const sale = await world.openSale('grown', { total: 1 })
  await confirmed(sale, 'ann')
  const changed = await world.admin('PATCH', `/admin/sales/${sale.id}`, { skus: [{ sku: 'thing', total: 3 }] })
  expect(changed.status).toBe(200)
  const after = await world.sale(sale.id)
  expect(await world.balanced(after)).toMatchObject({ granted: 3, confirmed: 1, in_redis: 2 })
  await confirmed(after, 'bob', 2)
})

test('Redis may never evict: the backend says so and is not healthy', async () => {
  await world.redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
  const health = await world.call('GET', '/healthz')
  expect(health).toMatchObject({ status: 503, body: { code: 'unavailable' } })
  expect(health.body.detail).toContain('noeviction')
  await world.backend.stop()
  await expect(world.restart()).rejects.toThrow('noeviction')
  await world.backend.stop()
  await world.redis.config('SET', 'maxmemory-policy', 'noeviction')
  await world.restart()
  expect((await world.call('GET', '/healthz')).status).toBe(200)
})

test('Redis away: 503 and not 500, and everything comes back by itself', async () => {
  const sale = await world.openSale('away')
  const { server } = world.redis_server
  const reserved = await world.reserve(sale, 'ann', 'key')
  await world.untilStatus(sale, reserved.body, 'confirmed')
  server.kill('SIGKILL')
  await server.wait()
  expect((await world.call('GET', '/healthz')).status).toBe(503)
  const never = await world.call('GET', `/reservations/${reserved.id}`, { bearer: world.session('ann') })
  expect(never).toMatchObject({ status: 200, body: { status: 'confirmed' } })
  expect((await world.admin('GET', `/admin/sales/${sale.id}/ledger`)).body.code).toBe('unavailable')
  expect((await world.admin('POST', `/admin/sales/${sale.id}/rebuild`)).body.code).toBe('unavailable')
  expect((await world.admin('POST', `/admin/sales/${sale.id}/pause`)).status).toBe(200)
  await server.start()
  const after = await untilRebuilt(sale.id, sale.epoch)
  expect(await world.redis.hget(metaKey(after.id, 0), 'state')).toBe('paused')
  await world.admin('POST', `/admin/sales/${sale.id}/resume`)
  expect((await world.reserve(after, 'bob', 'key')).code).toBe('held')
})
