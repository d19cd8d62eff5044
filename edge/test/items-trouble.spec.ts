// Pages of items when something is away: the backend, the list of items, or the calm.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  event,
  get,
  knowsItems,
  makeProducts,
  metric,
  product,
  startItemGate,
  stopItemGate,
  turnedAway,
  type Watched,
} from './item-gates'
import { type Shop, sleep, startShop, until } from './shop'

const FRESH_MS = 1500
const ANSWER_MS = 800
const STALE = 'rushgate; hit; detail=stale'
const UNFILTERED = 5

describe('item pages in trouble', () => {
  let shop: Shop
  let gate: Watched

  beforeAll(async () => {
    shop = await startShop({ workers: 2 })
    await makeProducts(shop, 20)
    const settings = { fresh_ms: FRESH_MS, answer_ms_max: ANSWER_MS, wait_ms_max: 2000 }
    gate = await startItemGate(shop, 'gate-items', { ...settings, unfiltered_per_s_max: UNFILTERED })
    await knowsItems(gate)
  })
  afterAll(async () => {
    await stopItemGate(gate)
    await shop?.close()
  })

  const statusOf = async (id: string) => (await get(gate, id)).status
  const cacheStatusOf = async (id: string) => (await get(gate, id)).headers['cache-status']
  const healthy = () => until(async () => (await get(gate, 'item-0')).headers['cache-status'] === 'rushgate; hit')

  for (const mode of ['silent', 'cut'] as const) {
    it(`are shown from memory, marked, while the backend is ${mode === 'silent' ? 'frozen' : 'away'}`, async () => {
      for (const id of ['item-0', 'item-1']) await until(async () => (await statusOf(id)) === 200)
      const nobody = await turnedAway(gate)
      gate.between.mode = mode
      await sleep(FRESH_MS + 300)
      const since = performance.now()
      for (let i = 0; i < 40; i++) {
        const page = await get(gate, `item-${i % 2}`)
        expect([page.status, page.headers['cache-status']]).toEqual([200, STALE])
        expect(Number(page.headers['age'])).toBeGreaterThanOrEqual(1)
      }
      // nobody waited for the backend
      expect((performance.now() - since) / 40).toBeLessThan(ANSWER_MS / 2)
      expect(await statusOf(nobody)).toBe(404)
      const unseen = mode === 'silent' ? 'item-10' : 'item-11'
      const refused = await get(gate, unseen)
      expect(refused.status).toBe(503)
      expect(JSON.parse(refused.body)).toMatchObject({ code: 'unavailable' })
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
      gate.between.mode = 'pass'
      await healthy()
      await until(async () => (await statusOf(unseen)) === 200)
    })
  }

  it('outlive a reload without a backend', async () => {
    const nobody = await turnedAway(gate)
    await healthy()
    await shop.stack.backend.stop()
    await gate.gate.reload()
    for (let i = 0; i < 10; i++) {
      expect(await statusOf('item-0')).toBe(200)
      expect(await statusOf(nobody)).toBe(404)
    }
    await shop.stack.backend.start()
    await healthy()
  })

  it('and learn of what changed while the backend was not heard', async () => {
    await healthy()
    gate.between.mode = 'cut'
    await shop.stack.admin('PUT', '/admin/products/item-0', product('Changed unheard'))
    await shop.stack.admin('PUT', '/admin/products/made-unheard', product('Made unheard'))
    await sleep(500)
    gate.between.mode = 'pass'
    await until(async () => (await get(gate, 'item-0')).body.includes('Changed unheard'))
    await until(async () => (await get(gate, 'made-unheard')).body.includes('Made unheard'))
  })

  it('come from memory alone at level 2, which asks the backend nothing', async () => {
    const nobody = await turnedAway(gate)
    await healthy()
    await shop.stack.admin('PUT', '/admin/degrade', { level: 2, pinned: true })
    await until(async () => (await metric(gate, 'rushgate_degrade_level')) === 2)
    await sleep(FRESH_MS + 500)
    const asked = gate.between.itemsAsked()
    for (let i = 0; i < 10; i++) expect(await cacheStatusOf('item-0')).toBe(STALE)
    const refused = await get(gate, 'item-15')
    expect([refused.status, JSON.parse(refused.body).code]).toEqual([503, 'busy'])
    expect(await statusOf(nobody)).toBe(404)
    expect(gate.between.itemsAsked()).toBe(asked)
    await shop.stack.admin('PUT', '/admin/degrade', { level: 'auto' })
    await until(async () => (await statusOf('item-15')) === 200)
  })

  it('before a node knows which items there are, are asked for within a limit', async () => {
    const blind = await startItemGate(shop, 'gate-items-blind', { unfiltered_per_s_max: UNFILTERED }, 1)
    blind.between.hidden = '/internal/items'
    // it may have heard already: forget it
    await blind.gate.stop()
    await blind.gate.start()
    try {
      const asked = blind.between.itemsAsked()
      const since = performance.now()
      const got = await Promise.all(Array.from({ length: 60 }, (_, i) => get(blind, `who-knows-${i}`)))
      const seconds = Math.ceil((performance.now() - since) / 1000) + 1
      const busy = got.filter(({ status }) => status === 503).length
      expect(got.filter(({ status }) => status === 404).length + busy).toBe(60)
      expect(blind.between.itemsAsked() - asked).toBeGreaterThan(0)
      expect(blind.between.itemsAsked() - asked).toBeLessThanOrEqual(UNFILTERED * seconds)
      expect(busy).toBeGreaterThanOrEqual(60 - UNFILTERED * seconds)
      await until(async () => (await get(blind, 'item-7')).status === 200)
      blind.between.hidden = ''
      await until(async () => {
        expect((await get(blind, `who-knows-${Math.random().toString(36).slice(2)}`)).status).toBeOneOf([404, 503])
        return (await metric(blind, event('filtered'))) > 0
      })
    } finally {
      await stopItemGate(blind)
    }
  })
})
