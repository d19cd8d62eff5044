// The roles apart: one backend takes requests, another settles and sweeps, over one PostgreSQL and one Redis.
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Postgres } from '../../scripts/postgres'
import { Backend } from '../src/backend'
import { openLedger } from '../src/ledger/open'
import type { Ledger } from '../src/ledger/port'
import { postgresAvailable, startTestPostgres } from './postgres'
import { until, World } from './world'

let postgres: Postgres
let world: World
let ledger: Ledger
let other: Backend

beforeAll(async () => {
  if (!postgresAvailable) return
  postgres = await startTestPostgres()
  const database_url = await postgres.createDatabase('roles')
  world = await World.start({ database_url, roles: 'api' })
  ledger = await openLedger({ database_url, data_dir: world.config.data_dir })
  // the sandbox's webhooks go through the gate where this process takes no requests: here straight to the other one
  const config = {
    ...world.config,
    roles: ['settler' as const, 'sweeper' as const],
    public_url: world.backend.url,
    instance: 'other',
  }
  other = new Backend(config, ledger, pino({ level: 'silent' }))
  await other.start()
})

afterAll(async () => {
  if (!postgresAvailable) return
  await other.stop()
  await ledger.close()
  await world.stop()
  await postgres.stop()
})

test.skipIf(!postgresAvailable)('a sale opened here is settled there; each sees what the other has done', async () => {
  const sale = await world.openSale('apart', { total: 2, hold_s: 2, payment_extension_s: 0.1 })
  const [ann, bob] = await world.reserveMany(sale, [
    { user: 'ann', key: 'k' },
    { user: 'bob', key: 'k' },
  ])
  if (ann === undefined || bob === undefined) throw new Error('nothing reserved')
  for (const { body } of [ann, bob]) await world.untilStatus(sale, body, 'confirmed')
  const started = await world.call('POST', `/reservations/${ann.id}/payment`, { bearer: world.session('ann') })
  const page = new URL(started.body.redirect).pathname
  expect((await world.call('POST', page, { body: { outcome: 'late_success' } })).status).toBe(200)
  const back = await world.call('DELETE', `/reservations/${bob.id}`, { bearer: world.session('bob') })
  expect(back.body.status).toBe('cancelled')
  await world.untilStatus(sale, ann.body, 'expired')
  await world.untilStatus(sale, ann.body, 'paid')
  expect(await world.balanced(sale)).toMatchObject({ paid: 1, in_redis: 1 })
})

test.skipIf(!postgresAvailable)('the watcher there rebuilds, and the gates that follow here are told', async () => {
  const { epoch } = await world.sale('apart')
  await world.redis.flushall()
  const bearer = world.keyring.signing('internal').key.toString('base64url')
  await until('gates are told of the new epoch', async () => {
    const { body } = await world.call('GET', '/internal/sales?after=-1&wait_ms=0', { bearer })
    const followed = body.sales.find((each: { id: string }) => each.id === 'apart')
    return followed.epoch > epoch && !followed.rebuilding
  })
  expect(await world.balanced(await world.sale('apart'))).toMatchObject({ paid: 1, in_redis: 1 })
  expect((await fetch(`${other.url}/admin/sales`)).status).toBe(404)
  expect((await fetch(`${other.url}/healthz`)).status).toBe(200)
})
