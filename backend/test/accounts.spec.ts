// Accounts: who may sign in, what it costs, and what happens when more want to than the machine can check.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sessionsKey } from '../../contract/keys'
import { parseSessionToken } from '../../contract/session-token'
import { Passwords } from '../src/sessions/password'
import { World } from './world'

const HASHES_MAX = 3
/** real accounts only */
const ENVIRONMENT = { RUSHGATE_DEMO: '0', RUSHGATE_SANDBOX: '1', RUSHGATE_LOGIN_HASHES_MAX: String(HASHES_MAX) }

for (const ledger of ['memory', 'pglite'] as const) {
  describe(`accounts in the ${ledger} ledger`, () => {
    let world: World
    const login = (user: string, secret: string) => world.call('POST', '/sessions', { body: { user, secret } })
    const levelOf = (session: string) => parseSessionToken(session)?.level

    beforeAll(async () => {
      world = await World.start({ ledger, environment: ENVIRONMENT })
    })
    afterAll(() => world.stop())

    test('are made by the operator, sign in with their own secret only, and bring their level', async () => {
      const made = await world.admin('POST', '/admin/accounts', { user: 'Zoë|1', secret: 'ﬁne weather', level: 3 })
      expect(made).toMatchObject({ status: 201, body: { user: 'Zoë|1', level: 3 } })
      const signed_in = await login('Zoë|1', 'ﬁne weather')
      expect(signed_in.status).toBe(201)
      expect(levelOf(signed_in.body.session)).toBe(3)
      // NFKC: the same secret from a keyboard without ligatures
      expect((await login('Zoë|1', 'fine weather')).status).toBe(201)
      expect((await login('Zoë|1', 'fine weather ')).body.code).toBe('bad_credentials')
      expect((await login('Zoë|2', 'fine weather')).body.code).toBe('bad_credentials')
      expect((await login('Zoë|1', 'demo')).body.code).toBe('bad_credentials')
      expect((await login('somebody', 'demo')).body.code).toBe('bad_credentials')
      const twice = await world.admin('POST', '/admin/accounts', { user: 'Zoë|1', secret: 'another one' })
      expect(twice.body.code).toBe('conflict')
      expect((await login('Zoë|1', 'fine weather')).status).toBe(201)
      const shown = await world.admin('GET', `/admin/accounts/${encodeURIComponent('Zoë|1')}`)
      expect(shown.body).toEqual({ user: 'Zoë|1', level: 3 })
    })

    test('are changed by the operator, which ends their sessions', async () => {
      const sale = await world.openSale(`changes-${ledger}`)
      await world.admin('POST', '/admin/accounts', { user: 'ben', secret: 'first secret' })
      const before = await login('ben', 'first secret')
      expect(levelOf(before.body.session)).toBe(0)
      expect((await world.admin('PATCH', '/admin/accounts/ben', { level: 9 })).body).toEqual({ user: 'ben', level: 9 })
      expect(await world.redis.hget(sessionsKey(sale.id, 0), 'ben')).toBe('2')
      const old = await world.call('DELETE', '/sessions', { bearer: before.body.session })
      expect(old.body.code).toBe('session_replaced')
      expect(levelOf((await login('ben', 'first secret')).body.session)).toBe(9)
      await world.admin('PATCH', '/admin/accounts/ben', { secret: 'second secret' })
      expect((await login('ben', 'first secret')).body.code).toBe('bad_credentials')
      expect(levelOf((await login('ben', 'second secret')).body.session)).toBe(9)
      expect((await world.admin('PATCH', '/admin/accounts/nobody', { level: 1 })).status).toBe(404)
      for (const change of [{}, { level: 10 }, { level: 1.5 }, { secret: 'short' }, { user: 'ben' }]) {
        expect((await world.admin('PATCH', '/admin/accounts/ben', change)).status).toBe(400)
      }
      expect((await world.call('POST', '/admin/accounts', { body: { user: 'x', secret: 'y'.repeat(9) } })).status).toBe(
        401,
      )
    })

    test('more logins at once than the ceiling are busy, at once and by name', async () => {
      await world.admin('POST', '/admin/accounts', { user: 'cy', secret: 'correct one' })
      const answers = await Promise.all(Array.from({ length: 10 }, () => login('cy', 'correct one')))
      // one that came when another had ended is let in, too; how many at once, to one, is below
      expect(answers.filter(({ status }) => status === 201).length).toBeGreaterThanOrEqual(HASHES_MAX)
      const busy = answers.filter(({ status }) => status === 503)
      expect(busy.length).toBeGreaterThan(0)
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 503]))
      expect(busy[0]?.body).toMatchObject({ code: 'busy', detail: expect.stringContaining('LOGIN_HASHES_MAX') })
      expect(Number(busy[0]?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      expect((await login('cy', 'correct one')).status).toBe(201)
    })

    test('a user who does not exist costs what one who does costs', async () => {
      const cost = async (user: string) => {
        const began = process.cpuUsage()
        await login(user, 'wrong secret')
        const { user: user_us, system } = process.cpuUsage(began)
        return user_us + system
      }
      // in turns, and the least of each: what else goes on, here and on the core beside, only adds to it
      let [known, unknown] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
      for (let i = 0; i < 5; i++) {
        known = Math.min(known, await cost('cy'))
        unknown = Math.min(unknown, await cost('who'))
      }
      expect(unknown / known).toBeGreaterThan(0.6)
      expect(unknown / known).toBeLessThan(1.6)
    })
  })
}

test('of ten that come before any has ended, as many are checked as the ceiling says', async () => {
  const passwords = new Passwords(HASHES_MAX)
  const checked = await Promise.allSettled(Array.from({ length: 10 }, () => passwords.verify('x', undefined)))
  expect(checked.filter(({ status }) => status === 'fulfilled').length).toBe(HASHES_MAX)
  for (const each of checked) if (each.status === 'rejected') expect(each.reason.code).toBe('busy')
  expect(await passwords.verify('x', undefined)).toBe(false)
})

test('in the demo everybody signs in with "demo", but an account only with its own secret', async () => {
  const world = await World.start()
  const login = (user: string, secret: string) => world.call('POST', '/sessions', { body: { user, secret } })
  expect((await login('anybody', 'demo')).status).toBe(201)
  await world.admin('POST', '/admin/accounts', { user: 'ann', secret: 'her own secret', level: 2 })
  expect((await login('ann', 'demo')).body.code).toBe('bad_credentials')
  expect((await login('ann', 'her own secret')).status).toBe(201)
  await world.stop()
})
