// A rebuilder that was frozen for longer than its lease, while another one has rebuilt and opened the sale: it changes nothing.
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { metaKey } from '../../contract/keys'
import { Backend } from '../src/backend'
import { loadDraw } from '../src/draw/load-draw'
import type { Sale } from '../src/ledger/port'
import { LeftEpoch } from '../src/redis/closed-shard'
import { Scripts } from '../src/redis/scripts'
import { replicationId, Shards } from '../src/redis/shards'
import { loadShard } from '../src/sales/load-shard'
import { loadRoom } from '../src/waiting/room'
import { until, World } from './world'

let world: World

beforeAll(async () => {
  world = await World.start()
})

afterAll(() => world.stop())

/** Everything that the sale has in Redis, but the stream, which settlement trims. */
async function kept(sale: Sale): Promise<Record<string, unknown>> {
  const keys = (await world.redis.keys(`rg1:{${sale.id}.*`)).filter((key) => !key.endsWith(':intents')).sort()
  const of_keys: Record<string, unknown> = {}
  for (const key of keys) of_keys[key] = await contents(key)
  return of_keys
}

async function contents(key: string): Promise<unknown> {
  const type = await world.redis.type(key)
  if (type === 'hash') return Object.entries(await world.redis.hgetall(key)).sort()
  if (type === 'list') return world.redis.lrange(key, 0, -1)
  return (await world.redis.dumpBuffer(key))?.toString('hex')
}

test('frozen before its load while another backend takes over and sells: no order becomes void, no unit is free twice', async () => {
  const sale = await world.openSale('taken-over')
  const ann = await world.reserve(sale, 'ann', 'key')
  await world.untilStatus(sale, ann.body, 'confirmed')
  await world.backend.stop()
  let frozen = false
  let wake = (): void => undefined
  const asleep = new Promise<void>((resolve) => {
    wake = resolve
  })
  let loading = false
  await world.restart({
    beforeRebuildStep: (step) => {
      loading ||= step === 'load'
    },
  })
  // with its image in hand
  const read = world.ledger.shardImage.bind(world.ledger)
  vi.spyOn(world.ledger, 'shardImage').mockImplementation(async (...of) => {
    const image = await read(...of)
    if (loading && !frozen) {
      frozen = true
      await asleep
    }
    return image
  })
  const asked = world.admin('POST', `/admin/sales/${sale.id}/rebuild`)
  await until('it is frozen', () => frozen)
  // of the same name, so that the lease need not run out
  const other = new Backend(world.config, world.ledger, pino({ level: world.config.log_level }))
  await other.start()
  try {
    await until('the other one has opened the sale', async () => {
      const { rebuilding, epoch } = await world.sale(sale.id)
      return !rebuilding && epoch >= sale.epoch + 2
    })
    const after = await world.sale(sale.id)
    const bob = await world.reserve(after, 'bob', 'key', 2)
    await world.untilStatus(after, bob.body, 'confirmed')
    const before = await kept(after)
    wake()
    expect((await asked).status).toBeGreaterThanOrEqual(500)
    expect(await kept(after)).toEqual(before)
    expect((await world.sale(sale.id)).epoch).toBe(after.epoch)
    expect(await world.reserve(after, 'bob', 'key', 2)).toMatchObject({ code: 'replay' })
    expect(await world.balanced(after)).toMatchObject({ confirmed: 3, in_redis: 7 })
  } finally {
    wake()
    await asked.catch(() => undefined)
    await other.stop()
    vi.restoreAllMocks()
  }
})

test('every part of a load refuses another epoch, closed or open, and an open shard of its own', async () => {
  const opens_at = new Date(Date.now() + 3_600_000).toISOString()
  const gate = { waiting_room: { admit_per_s: 10, checkout_max: 10, draw: true } }
  const sale = await world.openSale('refused', { opens_at, gate })
  await world.backend.stop()
  const { redis, ledger } = world
  const shards = new Shards(redis, new Scripts(), 0)
  const image = await ledger.shardImage(sale.id, 0)
  // of a Redis that is not known: the room is made anew
  const elsewhere = { ...sale, redis_replid: '' }
  const { replid } = await replicationId(redis)
  const room = await ledger.rooms.find(sale.id)
  const parts = (epoch: number) => {
    const closed = () => shards.closed(sale.id, 0, epoch)
    return [
      () => loadShard(redis, closed(), sale, image),
      () => loadRoom(world, closed(), elsewhere, [], replid),
      () => loadDraw(redis, closed(), ledger),
    ]
  }
  const refused = async (epoch: number) => {
    const before = await kept(sale)
    for (const part of parts(epoch)) await expect(part()).rejects.toThrow(LeftEpoch)
    expect(await kept(sale)).toEqual(before)
    expect(await ledger.rooms.find(sale.id)).toEqual(room)
  }
  expect(Object.keys(await kept(sale))).toEqual(expect.arrayContaining([metaKey(sale.id, 0)]))
  await refused(sale.epoch)
  await refused(sale.epoch - 1)
  await refused(sale.epoch + 1)
  await shards.close(sale.id, 0, sale.epoch + 1)
  await refused(sale.epoch)
  for (const part of parts(sale.epoch + 1)) await part()
  expect(await redis.llen(`rg1:{${sale.id}.0}:free:thing`)).toBe(10)
  expect((await ledger.rooms.find(sale.id))?.since_ms).toBeGreaterThan(0)
})
