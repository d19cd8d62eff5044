// Pins of hot items: what the operator may write, what is kept, what gates are told of it; and what gates have told, read back.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FollowedPins, PINS_MAX } from '../../contract/followed-pins'
import { readLiveItems } from '../src/pins/live'
import { World } from './world'

async function follow(world: World, after: number, wait_ms = 10_000): Promise<FollowedPins> {
  const bearer = world.keyring.signing('internal').key.toString('base64url')
  const reply = await world.call('GET', `/internal/pins?after=${after}&wait_ms=${wait_ms}`, { bearer })
  if (reply.status === 503) return sleep(50).then(() => follow(world, after, wait_ms))
  expect(reply.status).toBe(200)
  return reply.body
}

for (const ledger of ['memory', 'pglite'] as const) {
  describe(`pins in the ${ledger} ledger`, () => {
    let world: World
    beforeAll(async () => {
      world = await World.start({ ledger })
    })
    afterAll(() => world.stop())

    test('are kept, changed and removed, and gates hear of each at once', async () => {
      const first = await follow(world, -1, 0)
      expect(first.pins).toEqual([])
      const waiting = follow(world, first.version)
      const made = await world.admin('PUT', '/admin/hot-items/shoe/pin', { pin: 'hot', reason: 'advertised' })
      expect([made.status, made.body.item, made.body.pin, made.body.reason]).toEqual([201, 'shoe', 'hot', 'advertised'])
      const second = await waiting
      expect(second.version).toBeGreaterThan(first.version)
      expect(second.pins).toEqual([{ item: 'shoe', pin: 'hot' }])
      expect((await world.admin('PUT', '/admin/hot-items/shoe/pin', { pin: 'released' })).status).toBe(200)
      const third = await follow(world, second.version)
      expect(third.pins).toEqual([{ item: 'shoe', pin: 'released' }])
      expect((await world.admin('DELETE', '/admin/hot-items/shoe/pin')).status).toBe(204)
      expect((await follow(world, third.version)).pins).toEqual([])
      expect((await world.admin('DELETE', '/admin/hot-items/shoe/pin')).status).toBe(404)
    })

    test('refuse what they cannot keep, naming the field', async () => {
      const wrong: [item: string, body: unknown, field: string][] = [
        ['Shoe', { pin: 'hot' }, 'id'],
        ['x'.repeat(65), { pin: 'hot' }, 'id'],
        ['shoe', { pin: 'warm' }, 'pin'],
        ['shoe', {}, 'pin'],
        ['shoe', { pin: 'hot', reason: 'a\u0000b' }, 'reason'],
        ['shoe', { pin: 'hot', until: 'tomorrow' }, 'until'],
      ]
      for (const [item, body, field] of wrong) {
        const reply = await world.admin('PUT', `/admin/hot-items/${item}/pin`, body)
        expect([reply.status, reply.body.detail.split(':')[0]], item).toEqual([400, field])
      }
      for (const [method, path] of [
        ['PUT', '/admin/hot-items/shoe/pin'],
        ['DELETE', '/admin/hot-items/shoe/pin'],
        ['GET', '/admin/hot-items/live'],
        ['GET', '/internal/pins'],
      ] as const) {
        expect((await world.call(method, path)).status, path).toBe(401)
      }
    })

    test('are bounded', async () => {
      const row = (item: string) => ({ item, pin: 'hot' as const, reason: '', made_ms: 1 })
      for (let i = 0; i < PINS_MAX; i++) expect(await world.ledger.pins.put(row(`i${i}`))).toBe('made')
      await expect(world.ledger.pins.put(row('late'))).rejects.toThrow(`${PINS_MAX} items are pinned`)
      expect(await world.ledger.pins.put(row('i0'))).toBe('changed')
      expect((await world.ledger.pins.read()).pins.length).toBe(PINS_MAX)
      const live = await world.admin('GET', '/admin/hot-items/live')
      expect(live.body.items.length).toBe(PINS_MAX)
      expect(live.body.items[0]).toEqual({ item: 'i0', hot: true, rate: 0, pin: 'hot', gates: [] })
    })
  })
}

describe('what gates have told', () => {
  const said: Record<string, string> = {
    'b:2': '99900 shoe,10.5,99000;hat,7.0,0;',
    'a:1': '99800 shoe,2.0,98000;',
    'c:3': '90000 shoe,1000.0,1;',
    'd:4': 'nonsense',
    'e:5': '99990 ',
  }
  const redis = { hgetall: async () => said, time: async () => [100, 0] }

  test('is added up by item, without gates that are silent', async () => {
    const live = await readLiveItems(redis)
    expect(live.gates).toEqual(['a:1', 'b:2', 'e:5'])
    expect(live.items.map(({ item, rate, hot_since }) => [item, rate, hot_since])).toEqual([
      ['shoe', 12.5, new Date(98000).toISOString()],
      ['hat', 7, undefined],
    ])
    expect(live.items[0]?.gates.map(({ gate, rate }) => [gate, rate])).toEqual([
      ['a:1', 2],
      ['b:2', 10.5],
    ])
  })
})
