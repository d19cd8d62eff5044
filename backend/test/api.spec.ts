// The HTTP API: what it accepts, what it refuses and how it says so. Bad input of any kind is never a 500.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { metaKey, sessionsKey } from '../../contract/keys'
import { ADMIN_TOKEN, saleBody, until, World } from './world'

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const RUNS = 400

let world: World

beforeAll(async () => {
  world = await World.start()
})

afterAll(() => world.stop())

function follow(query: string, bearer = world.keyring.signing('internal').key.toString('base64url')) {
  return world.call('GET', `/internal/sales${query}`, { bearer })
}

describe('sales', () => {
  test('created, changed, prewarmed, opened, paused, resumed, ended', async () => {
    const opens_at = new Date(Date.now() + 3_600_000).toISOString()
    const made = await world.admin('POST', '/admin/sales', saleBody('life', { opens_at }))
    expect(made).toMatchObject({ status: 201, body: { id: 'life', state: 'draft', phase: 'upcoming', epoch: 0 } })
    expect((await world.admin('POST', '/admin/sales', saleBody('life'))).body.code).toBe('conflict')
    expect((await world.admin('POST', '/admin/sales/life/pause')).status).toBe(409)
    expect((await world.admin('POST', '/admin/sales/life/rebuild')).status).toBe(409)
    const warm = await world.admin('POST', '/admin/sales/life/prewarm')
    expect(warm).toMatchObject({ status: 200, body: { state: 'ready', phase: 'upcoming', epoch: 1 } })
    expect((await world.reserve(await world.sale('life'), 'ann', 'k')).code).toBe('not_open')
    expect((await world.admin('POST', '/admin/sales/life/prewarm')).body.epoch).toBe(1)
    const changed = await world.admin('PATCH', '/admin/sales/life', {
      title: 'Another title',
      sale_user_max: 1,
      skus: [{ sku: 'thing', price: { amount_minor: 999, currency: 'EUR' } }],
    })
    expect(changed.body).toMatchObject({
      title: 'Another title',
      skus: [{ price: { amount_minor: 999 }, price_version: 2 }],
    })
    expect((await world.admin('POST', '/admin/sales/life/open')).body).toMatchObject({ phase: 'open', epoch: 1 })
    const sale = await world.sale('life')
    const reserved = await world.reserve(sale, 'ann', 'k')
    await world.untilStatus(sale, reserved.body, 'confirmed')
    expect((await world.ledger.order('life', reserved.body))?.price.amount_minor).toBe(999)
    expect((await world.reserve(sale, 'ann', 'k2')).code).toBe('limit_reached')
    expect((await world.admin('POST', '/admin/sales/life/pause')).body.phase).toBe('paused')
    expect((await world.reserve(sale, 'bob', 'k')).code).toBe('paused')
    expect((await world.admin('POST', '/admin/sales/life/open')).status).toBe(409)
    expect((await world.admin('POST', '/admin/sales/life/resume')).body.phase).toBe('open')
    expect((await world.admin('POST', '/admin/sales/life/end')).body.phase).toBe('ended')
    expect((await world.reserve(sale, 'bob', 'k')).code).toBe('ended')
    expect((await world.admin('POST', '/admin/sales/life/resume')).status).toBe(409)
    const orders = await world.admin('GET', '/admin/sales/life/orders?limit=1')
    expect(orders.body).toMatchObject({ orders: [{ body: reserved.body, status: 'confirmed' }], next: reserved.body })
    expect((await world.admin('GET', `/admin/sales/life/orders?after=${reserved.body}`)).body).toEqual({ orders: [] })
    const list = await world.call('GET', '/sales')
    expect(list.body.sales.find((each: { id: string }) => each.id === 'life')).toMatchObject({ phase: 'ended' })
  })

  test('what is wrong is named by field, rule and value', async () => {
    const cases: [Record<string, unknown>, string][] = [
      [{ ...saleBody('bad'), colour: 'red' }, 'colour: not a field that is known here'],
      [saleBody('Bad Id'), 'id: must be 1 to 64 of a-z 0-9 _ -, got "Bad Id"'],
      [saleBody('bad', { opens_at: 'tomorrow' }), 'opens_at: must be an RFC 3339 time'],
      [saleBody('bad', { closes_at: '2019-01-01T00:00:00Z' }), 'closes_at: must be after opens_at'],
      [saleBody('bad', { total: 0 }), 'skus.0.total: must be −1 (unlimited) or at least 1, got 0'],
      [saleBody('bad', { total: 1.5 }), 'skus.0.total'],
      [saleBody('bad', { user_max: -1 }), 'skus.0.user_max'],
      [saleBody('bad', { title: 'a\u0000b' }), 'title: must be text without control characters'],
      [saleBody('bad', { title: '\ud800' }), 'title: must be text without control characters'],
      [saleBody('bad', { skus: [] }), 'skus'],
      [
        saleBody('bad', { gate: { plugins: { a: { b: { c: { d: { e: { f: { g: { h: {} } } } } } } } } } }),
        'gate.plugins: must be JSON at most 8',
      ],
      [saleBody('bad', { gate: { signatur: true } }), 'gate'],
      [saleBody('bad', { gate: { level_min: 10 } }), 'gate.level_min'],
      [
        saleBody('bad', { gate: { waiting_room: { admit_per_s: 0, checkout_max: 1 } } }),
        'gate.waiting_room.admit_per_s',
      ],
    ]
    for (const [body, detail] of cases) {
      const answer = await world.admin('POST', '/admin/sales', body)
      expect(answer).toMatchObject({ status: 400, body: { code: 'bad_request' } })
      expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
      expect(answer.body.detail).toContain(detail)
    }
    expect((await world.admin('GET', '/admin/sales/bad')).status).toBe(404)
    const twice = saleBody('bad')
    twice['skus'] = [...(twice['skus'] as unknown[]), ...(twice['skus'] as unknown[])]
    expect((await world.admin('POST', '/admin/sales', twice)).body.detail).toContain('the same SKU twice')
  })

  test('gates follow: at once for what is new, after the wait for what is not, woken by a change', async () => {
    const first = await follow('?after=-1&wait_ms=0')
    expect(first.status).toBe(200)
    const { version } = first.body
    const started = performance.now()
    expect((await follow(`?after=${version}&wait_ms=300`)).body.version).toBe(version)
    expect(performance.now() - started).toBeGreaterThan(250)
    const waiting = follow(`?after=${version}&wait_ms=20000`)
    await sleep(50)
    await world.admin('POST', '/admin/sales', saleBody('followed'))
    const woken = await waiting
    expect(woken.body.version).toBeGreaterThan(version)
    const followed = woken.body.sales.find((sale: { id: string }) => sale.id === 'followed')
    expect(followed).toMatchObject({ state: 'draft', rebuilding: false, epoch: 0, shards: 1, left_shown: 'exact' })
    expect(Object.keys(followed)).not.toContain('hold_ms')
    expect((await follow('?after=x')).status).toBe(400)
    expect((await follow('?wait_ms=30001')).status).toBe(400)
    expect((await follow('', 'wrong')).status).toBe(401)
    expect((await follow('', ADMIN_TOKEN)).status).toBe(401)
  })
})

describe('sessions', () => {
  const login = (body: unknown, headers: Record<string, string> = {}) =>
    world.call('POST', '/sessions', { body, headers })

  test('log in, be replaced by a newer login, log out', async () => {
    const sale = await world.openSale('logins')
    const first = await login({ user: 'Zoë', secret: 'demo' })
    expect(first.status).toBe(201)
    expect(first.body).toMatchObject({ session: expect.stringMatching(/^s1\.k1\./), signing_key: expect.any(String) })
    const cookie = first.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/^rush_session=s1\./)
    expect(cookie).toContain('HttpOnly; SameSite=Lax')
    expect(await world.redis.hget(sessionsKey(sale.id, 0), 'Zoë')).toBe(null)
    const second = await login({ user: 'Zoë', secret: 'demo' })
    expect(await world.redis.hget(sessionsKey(sale.id, 0), 'Zoë')).toBe('2')
    const reserved = await world.reserve(sale, 'Zoë', 'k')
    expect(reserved.code).toBe('session_replaced')
    const old = await world.call('DELETE', '/sessions', { bearer: first.body.session })
    expect(old.body.code).toBe('session_replaced')
    expect((await world.call('DELETE', '/sessions', { bearer: second.body.session })).status).toBe(204)
    expect(await world.redis.hget(sessionsKey(sale.id, 0), 'Zoë')).toBe('3')
    // a sale that is loaded later knows it as well
    const later = await world.openSale('logins-later')
    expect(await world.redis.hget(sessionsKey(later.id, 0), 'Zoë')).toBe('3')
  })

  test('a session that was replaced changes nothing, however the id is spelt and even when the sale has ended', async () => {
    const sale = await world.openSale('thieves')
    const stolen = await login({ user: 'vera', secret: 'demo' })
    const reserved = await world.reserve(sale, 'vera', 'k')
    await world.untilStatus(sale, reserved.body, 'confirmed')
    expect((await world.admin('POST', `/admin/sales/${sale.id}/end`)).status).toBe(200)
    // not told to the ended sale in Redis
    const newer = await login({ user: 'vera', secret: 'demo' })
    const bearer = stolen.body.session
    for (const [method, path] of [
      ['DELETE', `/reservations/${reserved.id}`],
      ['POST', `/reservations/${reserved.id}/payment`],
      ['DELETE', '/sessions'],
    ] as const) {
      expect((await world.call(method, path, { bearer })).body.code, path).toBe('session_replaced')
    }
    // its shard is part of the id, and only the user's own is right
    for (const shard of ['1e-7', '0.5', '1', '-0', '00']) {
      const spelt = reserved.id.replace(`.${sale.id}.0.`, `.${sale.id}.${shard}.`)
      expect((await world.call('DELETE', `/reservations/${spelt}`, { bearer })).body.code, spelt).toBe('not_found')
    }
    const kept = await world.call('GET', `/reservations/${reserved.id}`, { bearer: newer.body.session })
    expect(kept.body.status).toBe('confirmed')
  })

  test('the same Idempotency-Key gets the same session for a minute, another body is refused', async () => {
    const key = { 'idempotency-key': 'login-1' }
    const body = { user: 'ida', secret: 'demo' }
    const [a, b] = await Promise.all([login(body, key), login(body, key)])
    expect(b.body).toEqual(a.body)
    expect((await login(body, key)).body).toEqual(a.body)
    expect((await login({ user: 'ida', secret: 'wrong' }, key)).body.code).toBe('key_reused')
    expect((await login({ user: 'other', secret: 'demo' }, key)).status).toBe(201)
    expect((await login(body, { 'idempotency-key': 'with space' })).status).toBe(400)
  })

  test('what is refused', async () => {
    expect((await login({ user: 'ann', secret: 'wrong' })).body.code).toBe('bad_credentials')
    expect((await login({ user: '', secret: 'demo' })).status).toBe(400)
    expect((await login({ user: 'é'.repeat(129), secret: 'demo' })).status).toBe(400)
    expect((await login({ user: 'é'.repeat(128), secret: 'demo' })).status).toBe(201)
    expect((await login({ user: 'a\nb', secret: 'demo' })).status).toBe(400)
    expect((await login({ user: 'ann', secret: 'demo', admin: true })).body.detail).toContain('admin')
    for (const bearer of ['nonsense', `${world.session('ann')}x`, world.session('ann').replace('.k1.', '.k2.')]) {
      expect((await world.call('DELETE', '/sessions', { bearer })).body.code).toBe('no_session')
    }
    expect((await world.call('DELETE', '/sessions')).headers.get('www-authenticate')).toBe('Bearer')
  })

  test('a cookie changes something only from a page of this site', async () => {
    const cookie = `other=1; rush_session=${world.session('kim')}`
    const send = (headers: Record<string, string>) =>
      world.call('DELETE', '/sessions', { headers: { cookie, ...headers } })
    expect((await send({})).body.code).toBe('refused')
    expect((await send({ origin: 'https://evil.example' })).body.code).toBe('refused')
    expect((await send({ origin: 'null' })).body.code).toBe('refused')
    expect((await send({ origin: world.config.public_url })).status).toBe(204)
    expect((await send({ 'sec-fetch-site': 'cross-site' })).body.code).toBe('refused')
  })

  test('20,000 demo sessions at once', async () => {
    const started = performance.now()
    const minted = await world.admin('POST', '/admin/demo-sessions', { count: 20_000, prefix: 'crowd-' })
    expect(minted.status).toBe(201)
    expect(minted.body.sessions.length).toBe(20_000)
    expect(new Set(minted.body.sessions.map((each: { user: string }) => each.user)).size).toBe(20_000)
    expect(performance.now() - started).toBeLessThan(8000)
    const bearer = minted.body.sessions[7].session
    expect((await world.call('GET', '/sales/logins/reservations', { bearer })).body).toEqual({ reservations: [] })
  })
})

describe('bad requests', () => {
  test('wrong methods, types, sizes and encodings', async () => {
    const refused = async (method: string, path: string, options: Parameters<World['call']>[2] = {}) => {
      const { status, body } = await world.call(method, path, { bearer: ADMIN_TOKEN, ...options })
      return `${status} ${body.code}`
    }
    expect(await refused('PUT', '/admin/sales')).toBe('405 method_not_allowed')
    expect((await world.call('PUT', '/admin/sales')).headers.get('allow')).toBe('GET, HEAD, POST')
    expect(await refused('GET', '/nowhere')).toBe('404 not_found')
    expect(await refused('GET', '/admin/sales/%ff')).toBe('400 bad_request')
    expect(await refused('GET', '/reservations/%E0%A4%A')).toBe('400 bad_request')
    expect(await refused('GET', '/admin/sales/a%00b')).toBe('404 not_found')
    expect(await refused('POST', '/admin/sales', { body: '{', headers: {} })).toBe('400 bad_request')
    expect(await refused('POST', '/admin/sales', { body: new Uint8Array([0x7b, 0xff, 0x7d]) })).toBe('400 bad_request')
    const headers = { 'content-type': 'text/plain' }
    expect(await refused('POST', '/admin/sales', { body: '{}', headers })).toBe('415 unsupported_media_type')
    expect(await refused('POST', '/admin/sales')).toBe('415 unsupported_media_type')
    const latin = { 'content-type': 'application/json; charset=latin1' }
    expect(await refused('POST', '/admin/sales', { body: '{}', headers: latin })).toBe('415 unsupported_media_type')
    const zipped = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    expect(await refused('POST', '/admin/sales', { body: '{}', headers: zipped })).toBe('415 unsupported_media_type')
    expect(await refused('POST', '/admin/sales', { body: ' '.repeat(300_000) })).toBe('413 too_large')
    expect(await refused('GET', '/admin/sales', { bearer: 'wrong' })).toBe('401 bad_credentials')
    expect(await refused('GET', '/admin/sales/logins/orders?limit=0')).toBe('400 bad_request')
    expect(await refused('GET', '/admin/sales/logins/orders?limit=1&limit=2')).toBe('400 bad_request')
    expect(await refused('GET', `/admin/sales/logins/orders?after=${encodeURIComponent("' OR 1=1")}`)).toBe(
      '400 bad_request',
    )
  })

  test('what Node’s parser refuses is a problem document too', async () => {
    const { port } = new URL(world.backend.url)
    const raw = (text: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(Number(port), '127.0.0.1', () => socket.write(text))
        let said = ''
        socket.on('data', (data) => {
          said += data
        })
        socket.on('close', () => resolve(said))
        socket.on('error', reject)
      })
    expect(await raw('nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 [\s\S]*"code":"bad_request"/)
    const header = `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(50_000)}\r\n\r\n`
    expect(await raw(header)).toMatch(/^HTTP\/1.1 431 [\s\S]*"code":"too_large"/)
  })

  test(`generated bodies and ids are never a 500 (seed ${SEED})`, async () => {
    const sale = await world.openSale('fuzzed')
    const before = await world.balanced(sale)
    const anything = fc.anything({ withNullPrototype: false, maxDepth: 4 })
    const body = fc.oneof(
      fc.json({ maxDepth: 5 }),
      fc.string({ unit: 'binary' }),
      fc.record({ user: anything, secret: anything }, { requiredKeys: [] }).map((value) => safeJson(value)),
      fc.record({ outcome: anything }).map((value) => safeJson(value)),
      fc
        .record({
          field: fc.constantFrom(...Object.keys(saleBody('x')), 'sale_user_max', 'gate', 'hold_s'),
          value: anything,
        })
        .map(({ field, value }) => safeJson({ ...saleBody('fuzz'), [field]: value })),
      fc
        .record({ count: fc.oneof(fc.integer({ max: 50 }), fc.string()), prefix: anything })
        .map((value) => safeJson(value)),
    )
    const id = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('fuzzed', 'r1.fuzzed.0.x.y', '..', '%'),
    )
    const route = fc.constantFrom(
      ['POST', '/sessions'],
      ['POST', '/admin/sales'],
      ['PATCH', '/admin/sales/fuzzed'],
      ['POST', '/admin/demo-sessions'],
      ['POST', '/webhooks/sandbox'],
      ['POST', '/sandbox/pay/:id'],
      ['GET', '/reservations/:id'],
      ['DELETE', '/reservations/:id'],
      ['POST', '/reservations/:id/payment'],
      ['GET', '/sales/:id/reservations'],
      ['GET', '/admin/sales/:id/ledger'],
      ['POST', '/admin/sales/:id/prewarm'],
      ['GET', '/internal/sales?wait_ms=0&after=:id'],
    )
    const as_admin = fc.boolean()
    await fc.assert(
      fc.asyncProperty(route, body, id, as_admin, async ([method = '', path = ''], text, name, admin) => {
        const answer = await world.call(method, path.replace(':id', safeUri(name)), {
          bearer: admin ? ADMIN_TOKEN : world.session('fuzzer'),
          body: method === 'GET' ? undefined : text,
          headers: { 'content-type': 'application/json' },
        })
        expect(answer.status).toBeLessThan(500)
        if (answer.status >= 400) expect(answer.body.code).toMatch(/^[a-z_]+$/)
      }),
      { seed: SEED, numRuns: RUNS, endOnFailure: true },
    )
    expect((await world.call('GET', '/healthz')).status).toBe(200)
    const after = await world.admin('GET', '/admin/sales/fuzzed/ledger')
    expect(after.body).toMatchObject({ balanced: true, skus: [{ in_redis: expect.any(Number) }] })
    expect(after.body.skus[0].in_redis).toBeGreaterThanOrEqual(before.in_redis)
  })
})

test('operators see the backend’s counts', async () => {
  const { status, body } = await world.call('GET', '/metrics')
  expect(status).toBe(200)
  for (const name of [
    'settled_total',
    'rebuilds_total',
    'settlement_backlog_entries',
    'http_seconds',
    'outbox_pending',
  ]) {
    expect(body).toContain(`rushgate_${name}`)
  }
  expect(body).toMatch(/rushgate_redis_connected\{connection="commands"\} 1/)
})

test('stopping answers the long polls that wait, and ends', async () => {
  const { version } = (await follow('?after=-1&wait_ms=0')).body
  const waiting = follow(`?after=${version + 100}&wait_ms=20000`)
  // behind answers to later requests it waits, however slow this machine is: an idle connection would be closed
  for (let i = 0; i < 3; i++) await world.call('GET', '/healthz')
  await sleep(50)
  const started = performance.now()
  await world.backend.stop()
  expect((await waiting).status).toBe(200)
  expect(performance.now() - started).toBeLessThan(3000)
  await world.restart()
  await until('it is ready again', async () => (await world.call('GET', '/healthz')).status === 200)
  expect(await world.redis.hget(metaKey('fuzzed', 0), 'state')).toBe('open')
})

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each)) ?? ''
  } catch {
    return '{}'
  }
}

function safeUri(text: string): string {
  try {
    return encodeURIComponent(text)
  } catch {
    return '%'
  }
}
