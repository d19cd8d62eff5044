// The level of degradation by hand: what is accepted, how gates hear of it, and that it survives a restart, on each ledger.
import { afterEach, describe, expect, it } from 'vitest'
import { openLedger } from '../src/ledger/open'
import { World } from './world'

let world: World

afterEach(() => world.stop())

function follow(query: string) {
  return world.call('GET', `/internal/sales${query}`, {
    bearer: world.keyring.signing('internal').key.toString('base64url'),
  })
}

describe('PUT /admin/degrade', () => {
  it('is followed with the sales, and what is no level is refused', async () => {
    world = await World.start()
    expect((await world.admin('GET', '/admin/degrade')).body).toMatchObject({ level: 'auto', pinned: false })
    const { version, degrade } = (await follow('?after=-1&wait_ms=0')).body
    expect(degrade).toEqual({ level: 0, pinned: false })
    const waiting = follow(`?after=${version}&wait_ms=20000`)
    const set = await world.admin('PUT', '/admin/degrade', { level: 2 })
    expect(set).toMatchObject({ status: 200, body: { level: 2, pinned: false, name: 'lean', exact_stock: false } })
    expect((await waiting).body).toMatchObject({ degrade: { level: 2, pinned: false } })
    expect((await world.admin('GET', '/admin/degrade')).body).toEqual(set.body)

    await world.admin('PUT', '/admin/degrade', { level: 0, pinned: true })
    expect((await world.admin('GET', '/admin/degrade')).body).toMatchObject({ level: 0, pinned: true, name: 'normal' })
    for (const wrong of [
      {},
      { level: 4 },
      { level: -1 },
      { level: 1.5 },
      { level: '1' },
      { level: null },
      { level: 'auto', pinned: true },
      { level: 1, pinned: 1 },
      { level: 1, until: 'tomorrow' },
    ]) {
      const refused = await world.admin('PUT', '/admin/degrade', wrong)
      expect(refused, JSON.stringify(wrong)).toMatchObject({ status: 400, body: { code: 'bad_request' } })
    }
    expect((await world.call('PUT', '/admin/degrade', { body: { level: 3 } })).status).toBe(401)
    expect((await world.admin('DELETE', '/admin/degrade')).status).toBe(405)
    expect((await world.admin('PUT', '/admin/degrade', { level: 'auto' })).body).toMatchObject({ level: 'auto' })
  })

  it('survives a restart with the database', async () => {
    world = await World.start({ ledger: 'pglite' })
    await world.admin('PUT', '/admin/degrade', { level: 3, pinned: true })
    await world.backend.stop()
    await world.ledger.close()
    const ledger = await openLedger({ data_dir: world.config.data_dir })
    const { degrade, version } = await ledger.sales()
    expect(degrade).toEqual({ level: 3, pinned: true })
    expect(version).toBe(await ledger.salesVersion())
    // so that the world can be stopped as the others are
    Object.assign(world, { ledger })
    await world.restart()
    expect((await world.admin('GET', '/admin/degrade')).body).toMatchObject({ level: 3, pinned: true, name: 'bare' })
  })
})
