// Whatever is thrown at the gate: never a 500, never a Lua error in the log, never a unit moved.
import { createHmac, hkdfSync } from 'node:crypto'
import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, type Shop, sleep, startShop, until } from './shop'

const BODIES = 10_000
const TOTAL = 50

let shop: Shop
let session: string

/** A token with any claims, signed as the site would sign it. */
function forged(user: string, expires_ms: number, key_id?: string): string {
  const [id, secret] = shop.stack.secret.split(':') as [string, string]
  const key = Buffer.from(hkdfSync('sha256', secret, 'rushgate', 'session', 32))
  const unsigned = `s1.${key_id ?? id}.${user}.1.0.${expires_ms}.c2lk`
  return `${unsigned}.${createHmac('sha256', key).update(unsigned).digest('base64url')}`
}

function problemOf(answer: Answer): string {
  return `${answer.status} ${answer.body.code}`
}

/** The gate's answer to bytes that no HTTP client would send. */
function raw(bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(shop.stack.urls.gate)
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(Number(port), hostname, () => socket.write(bytes))
    socket.setTimeout(15_000, () => socket.destroy(new Error('no answer')))
    socket.on('data', (data) => {
      text += data.toString('latin1')
    })
    socket.on('error', (error) => (text === '' ? reject(error) : resolve(text)))
    socket.on('close', () => resolve(text))
  })
}

beforeAll(async () => {
  shop = await startShop({ workers: 2 })
  await shop.open('demo', { total: TOTAL, user_max: 2 })
  session = (await shop.sessions(1, 'bad'))[0]?.session ?? ''
})

afterAll(async () => {
  await shop.close()
})

describe('methods and paths', () => {
  it('are refused with what would be right', async () => {
    const cases: [string, string, string][] = [
      ['PUT', '/sales/demo/reservations', '405 method_not_allowed'],
      ['POST', '/sales/demo/state', '405 method_not_allowed'],
      ['GET', '/sessions', '405 method_not_allowed'],
      ['POST', '/', '405 method_not_allowed'],
      ['POST', '/livez', '405 method_not_allowed'],
      ['DELETE', '/healthz', '405 method_not_allowed'],
      ['DELETE', '/sales/demo', '405 method_not_allowed'],
      ['PATCH', '/reservations/r1.demo.0.x.y', '405 method_not_allowed'],
      ['GET', '/nothing', '404 not_found'],
      ['GET', '/admin/sales', '404 not_found'],
      ['POST', '/internal/sales', '404 not_found'],
      ['GET', '/internal/sales?after=-1', '404 not_found'],
      ['GET', '/metrics', '404 not_found'],
      ['GET', '/sales/UPPER/state', '404 not_found'],
      ['GET', '/sales/%2e%2e%2fadmin/state', '404 not_found'],
      ['GET', '/sales/unknown/state', '404 not_found'],
      ['GET', '/assets/../rushgate.lua', '404 not_found'],
      ['GET', '/reservations/%00', '400 bad_request'],
    ]
    for (const [method, path, wanted] of cases) {
      const answer = await shop.call(method, path, {})
      expect(`${method} ${path} ${problemOf(answer)}`).toBe(`${method} ${path} ${wanted}`)
      expect(answer.headers.get('content-type')).toContain('application/problem+json')
      if (answer.status === 405) expect(answer.headers.get('allow')).not.toBeNull()
    }
  })
})

describe('tokens', () => {
  it('that are forged, expired, cut off, of another key or of nobody are refused', async () => {
    const later = Date.now() + 60_000
    const user = Buffer.from('eve').toString('base64url')
    const good = forged(user, later)
    expect((await shop.buy('demo', good, 'token-check', 0)).status).toBe(400)
    const bad = [
      'x',
      '',
      's1......',
      good.slice(0, -1),
      `${good}x`,
      good.replace('s1.', 's2.'),
      forged(user, Date.now() - 1000),
      forged(user, later, 'nokey'),
      forged('', later),
      forged('!!!', later),
      forged(Buffer.from([0xff, 0xfe]).toString('base64url'), later),
      forged(Buffer.alloc(257, 97).toString('base64url'), later),
      good.replace(user, Buffer.from('ada').toString('base64url')),
      `${'s'.repeat(4000)}`,
    ]
    for (const token of bad) {
      const answer = await shop.buy('demo', token, 'k-bad-token')
      expect(`${token.slice(0, 40)} ${problemOf(answer)}`).toBe(`${token.slice(0, 40)} 401 no_session`)
    }
  })
})

describe('purchases', () => {
  it('with wrong fields name the field', async () => {
    const headers = {
      authorization: `Bearer ${session}`,
      'content-type': 'application/json',
      'idempotency-key': 'k-fields',
    }
    const cases: [string, string][] = [
      ['', 'body'],
      ['{', 'body'],
      ['null', 'body'],
      ['[]', 'sku'],
      ['"x"', 'body'],
      ['{}', 'sku'],
      ['{"sku":5,"quantity":1}', 'sku'],
      ['{"sku":"../x","quantity":1}', 'sku'],
      ['{"sku":"shoe"}', 'quantity'],
      ['{"sku":"shoe","quantity":-1}', 'quantity'],
      ['{"sku":"shoe","quantity":0}', 'quantity'],
      ['{"sku":"shoe","quantity":1.5}', 'quantity'],
      ['{"sku":"shoe","quantity":1e400}', 'quantity'],
      ['{"sku":"shoe","quantity":99999999999999999999}', 'quantity'],
      ['{"sku":"shoe","quantity":"1"}', 'quantity'],
      ['{"sku":"shoe","quantity":null}', 'quantity'],
      ['{"sku":"shoe","quantity":NaN}', 'quantity'],
      ['{"sku":"shoe","quantity":0x1}', 'quantity'],
      [`${'['.repeat(2000)}${']'.repeat(2000)}`, 'body'],
    ]
    for (const [body, field] of cases) {
      const answer = await shop.call('POST', '/sales/demo/reservations', headers, body)
      expect(`${body.slice(0, 50)} ${problemOf(answer)}`).toBe(`${body.slice(0, 50)} 400 bad_request`)
      const detail = String(answer.body.detail)
      // what is no JSON at all is the body's fault
      expect(`${body.slice(0, 50)}: ${detail}`).toMatch(new RegExp(`: (${field}|body): `))
    }
    const bytes = await shop.call('POST', '/sales/demo/reservations', headers, Buffer.from([0x7b, 0xff, 0x7d]))
    expect(bytes.body.detail).toBe('body: must be UTF-8')
  })

  it('with wrong headers name the header or the limit', async () => {
    const body = '{"sku":"shoe","quantity":1}'
    const base = { authorization: `Bearer ${session}`, 'content-type': 'application/json', 'idempotency-key': 'k' }
    const ask = (headers: Record<string, string>, text = body) =>
      shop.call('POST', '/sales/demo/reservations', headers, text)
    expect(problemOf(await ask({ ...base, 'content-type': 'text/plain' }))).toBe('415 unsupported_media_type')
    expect(problemOf(await ask({ ...base, 'idempotency-key': 'a b' }))).toBe('400 bad_request')
    expect(problemOf(await ask({ ...base, 'idempotency-key': 'k'.repeat(129) }))).toBe('400 bad_request')
    const { authorization, 'content-type': type } = base
    expect(problemOf(await ask({ authorization, 'content-type': type }))).toBe('400 bad_request')
    expect(problemOf(await ask({ ...base, 'x-long': 'x'.repeat(9000) }))).toBe('431 too_large')
    // what is forwarded is not refused behind the gate for what was let through here
    const large = Object.fromEntries([1, 2, 3, 4].map((i) => [`x-large-${i}`, 'x'.repeat(8000)]))
    expect((await shop.call('GET', '/sales', large)).status).toBe(200)
    expect(problemOf(await ask(base, `{"sku":"shoe","quantity":1,"x":"${'x'.repeat(20_000)}"}`))).toBe('413 too_large')
    expect(problemOf(await shop.get(`/sales/demo/state?${'x'.repeat(9000)}`))).toBe('414 too_large')
    expect(problemOf(await shop.buy('unknown', session, 'k'))).toBe('404 not_found')
    const no_sku = await shop.call('POST', '/sales/demo/reservations', base, '{"sku":"boot","quantity":1}')
    expect(problemOf(no_sku)).toBe('404 not_found')
  })

  it('that are not HTTP get a problem document or a closed door', async () => {
    expect(await raw('GET / HTTP/9.9\r\n\r\n')).toMatch(/^HTTP\/1\.1 (400|505) |^$|^<html>/)
    expect(await raw('nonsense\r\n\r\n')).toMatch(/400 /)
    expect(await raw('GET /sales/demo/state HTTP/1.1\r\nConnection: close\r\n\r\n')).toContain('"code":"bad_request"')
    const two_lengths =
      'POST /sales/demo/reservations HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd'
    expect(await raw(two_lengths)).toMatch(/^HTTP\/1\.1 400 /)
    const encoded = 'GET /sales/%zz/state HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    expect(await raw(encoded)).toMatch(/^HTTP\/1\.1 400 /)
    const null_byte = Buffer.from('GET /sales/demo\0/state HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 'latin1')
    expect(await raw(null_byte)).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('that are refused before their body is read leave the connection in order', async () => {
    await shop.stack.admin('POST', '/admin/sales', {
      id: 'shut',
      title: 'Shut',
      opens_at: new Date(Date.now() + 3_600_000).toISOString(),
      closes_at: new Date(Date.now() + 7_200_000).toISOString(),
      skus: [{ sku: 'shoe', title: 'Shoe', price: { amount_minor: 1, currency: 'EUR' }, total: 1, user_max: 1 }],
    })
    await until(async () => problemOf(await shop.buy('shut', session, 'k')) === '425 not_open')
    // a body that would be a request of its own
    const body = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
    const head = `POST /sales/shut/reservations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${session}\r\nContent-Length: ${body.length}\r\n\r\n`
    const { hostname, port } = new URL(shop.stack.urls.gate)
    const socket = connect(Number(port), hostname)
    let text = ''
    const statuses = () => (text.match(/HTTP\/1\.1 \d+/g) ?? []).map((line) => line.slice(9)).join(' ')
    socket.on('data', (data) => {
      text += data.toString('latin1')
    })
    socket.write(head + body + head + body)
    await until(async () => statuses() === '425 425')
    socket.write(head)
    await until(async () => statuses() === '425 425 425')
    socket.write(body)
    await sleep(100)
    socket.write('GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await until(async () => socket.readyState === 'closed')
    expect(statuses()).toBe('425 425 425 200')
  })

  it(`with ${BODIES} generated bodies move nothing`, async () => {
    const field = fc.oneof(
      fc.constantFrom('shoe', 'boot', '', 'SHOE', '../shoe', 'shoe\u0000', '__proto__'),
      fc.double(),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
      fc.string(),
    )
    const bad_quantity = fc.oneof(
      fc.constantFrom(0, -1, 0.5, 101, 1e21, -0.0),
      fc.string(),
      fc.constant(null),
      fc.boolean(),
    )
    const wrong = fc.oneof(
      fc.record({ sku: field, quantity: bad_quantity }).map((value) => JSON.stringify(value)),
      fc.record({ quantity: field }).map((value) => JSON.stringify(value)),
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc.uint8Array({ maxLength: 200 }),
    )
    const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
    console.log(`seed ${seed} (repeat with SEED=${seed})`)
    const bodies = fc.sample(wrong, { numRuns: BODIES, seed })
    const headers = { authorization: `Bearer ${session}`, 'content-type': 'application/json' }
    const statuses = new Map<number, number>()
    let next = 0
    const thrower = async () => {
      while (next < bodies.length) {
        const index = next++
        const body = bodies[index] as string | Uint8Array
        const answer = await shop.call(
          'POST',
          '/sales/demo/reservations',
          { ...headers, 'idempotency-key': `generated-${index}` },
          body,
        )
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
        if (answer.status !== 400 && answer.status !== 404) {
          throw new Error(`body ${index} of seed ${seed} got ${answer.status}: ${Buffer.from(body).toString('base64')}`)
        }
      }
    }
    await Promise.all(Array.from({ length: 24 }, thrower))
    expect((statuses.get(400) ?? 0) + (statuses.get(404) ?? 0)).toBe(BODIES)
  })
})

describe('what the backend serves through the gate', () => {
  it('refuses bad input as well', async () => {
    const json = { 'content-type': 'application/json' }
    const cases: [string, string, Record<string, string>, string | undefined, number[]][] = [
      ['POST', '/sessions', json, '{"user":5}', [400]],
      ['POST', '/sessions', json, '{', [400]],
      ['POST', '/sessions', { 'content-type': 'text/plain' }, 'x', [400, 415]],
      ['POST', '/sessions', json, '{"user":"a","secret":"wrong"}', [401]],
      ['POST', '/sessions', json, `{"user":"${'u'.repeat(300)}","secret":"demo"}`, [400]],
      ['DELETE', '/sessions', {}, undefined, [401]],
      ['GET', '/sales/demo/reservations', {}, undefined, [401]],
      ['DELETE', '/reservations/r1.demo.0.x.y', {}, undefined, [401]],
      ['POST', '/reservations/r1.demo.0.aaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb/payment', {}, undefined, [401]],
      ['POST', '/webhooks/sandbox', json, '{}', [400, 401, 403]],
      ['POST', '/webhooks/nobody', json, '{}', [404]],
      ['GET', '/sandbox/pay/unknown', {}, undefined, [404]],
      ['POST', '/sandbox/pay/unknown', json, '{"outcome":"success"}', [404]],
    ]
    for (const [method, path, headers, body, wanted] of cases) {
      const answer = await shop.call(method, path, headers, body)
      expect([`${method} ${path}`, wanted.includes(answer.status) ? 'refused' : answer.status]).toEqual([
        `${method} ${path}`,
        'refused',
      ])
    }
    const own = { authorization: `Bearer ${session}` }
    for (const path of ['/reservations/nonsense', '/reservations/r1.demo.0.aaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb']) {
      expect((await shop.call('GET', path, own)).status).toBe(404)
      expect((await shop.call('DELETE', path, own)).status).toBe(404)
      expect((await shop.call('POST', `${path}/payment`, own)).status).toBe(404)
    }
  })
})

describe('a user who asks too often', () => {
  it('for a cart, to pay or to give back is told so, and nobody else is', async () => {
    const [often, other] = await shop.sessions(2, 'often')
    const as = (one: typeof often) => ({ authorization: `Bearer ${one?.session}` })
    const own = '/reservations/r1.demo.0.aaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb'
    const cart: [string, string] = ['GET', '/sales/demo/reservations']
    const asked: [string, string][] = [cart, ['POST', `${own}/payment`], ['DELETE', own]]
    const answers: (Answer & { which: number })[] = []
    const refused = () => answers.filter(({ status }) => status === 429)
    await until(async () => {
      const asking = Array.from({ length: 240 }, async (_, n) => {
        const which = n % asked.length
        answers.push({ which, ...(await shop.call(...(asked[which] as [string, string]), as(often))) })
      })
      await Promise.all(asking)
      return new Set(refused().map(({ which }) => which)).size === asked.length
    })
    expect(answers.length - refused().length).toBeGreaterThanOrEqual(100)
    for (const { body, headers } of refused()) {
      expect(body.code).toBe('rate_limited')
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      expect(headers.get('ratelimit-policy')).toBe('"reservations";q=20;w=1')
    }
    expect((await shop.call(...cart, as(other))).status).toBe(200)
    await until(async () => (await shop.call(...cart, as(often))).status === 200)
  })
})

describe('after all of it', () => {
  it('no unit has moved and no Lua error is in the log', async () => {
    const ledger = await shop.stack.admin<{ skus: Record<string, number>[]; balanced: boolean }>(
      'GET',
      '/admin/sales/demo/ledger',
    )
    expect(ledger.balanced).toBe(true)
    expect(ledger.skus[0]).toMatchObject({ granted: TOTAL, free: TOTAL, held: 0, confirmed: 0, paid: 0 })
    expect(await shop.metric('rushgate_faults_total')).toBe(0)
    const bad = shop.stack
      .error_log()
      .split('\n')
      // nginx itself writes down each body over its ceiling; one was sent on purpose
      .filter((line) => /\[(error|crit|alert|emerg)\]/.test(line) && !line.includes('too large body'))
    expect(bad).toEqual([])
  })
})
