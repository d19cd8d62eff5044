// The outer tier as it runs: a real nginx with njs before two gates. What is forged reaches no gate, a user stays with one gate,
// and goes on at the other when that one is killed; TLS 1.3, HTTP/2 and resumption as real clients see them.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Answer, type DemoSession, type Shop, sleep, until } from '../../edge/test/shop'
import { expectResumption, Http2Client } from '../../edge/test/tls'
import { type Nginx, type TlsFiles, trialCertificate } from '../../scripts/nginx'
import { freePort } from '../../scripts/ports'
import type { AnotherGate } from '../../scripts/stack'
import { type Front, startFront } from './front'

let all: Front
let shop: Shop
/** the same shop, as it is reached through the outer tier */
let front: Shop
let second: AnotherGate
let outer: Nginx
let dir: string
let tls: TlsFiles & { port: number }

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-outer-'))
  tls = { ...trialCertificate(join(dir, 'tls')), port: await freePort() }
  all = await startFront({ outer: { tls } })
  ;({ shop, front, second, outer } = all)
  await all.open('outer', { total: 5000, user_max: 50 })
})

afterAll(async () => {
  await all?.close()
  rmSync(dir, { recursive: true, force: true })
})

/** Requests that ran the chain of a gate, by its own count. */
async function requestsAt(metrics: string): Promise<number> {
  const text = await (await fetch(metrics)).text()
  let sum = 0
  for (const [, value] of text.matchAll(/^rushgate_requests_total\{[^}]*\} (\d+)$/gm)) sum += Number(value)
  return sum
}

/** What both gates count once they have stopped counting: workers flush a few times a second. */
async function counts(): Promise<[number, number]> {
  let last = ''
  for (;;) {
    const both = [await requestsAt(shop.stack.urls.metrics), await requestsAt(second.urls.metrics)] as [number, number]
    if (JSON.stringify(both) === last) return both
    last = JSON.stringify(both)
    await sleep(1200)
  }
}

test('forged tokens never reach a gate', async () => {
  const [good] = (await shop.sessions(1, 'forged')) as [DemoSession]
  const cut = good.session.slice(0, -1)
  const forged = [
    `${cut}${good.session.endsWith('A') ? 'E' : 'A'}`,
    cut,
    good.session.replace(/^s1\.[^.]+/, 's1.other'),
    good.session.replace(/^(s1\.[^.]+)\.[^.]+/, `$1.${Buffer.from('eve').toString('base64url')}`),
    'x',
  ]
  const before = await counts()
  for (const token of forged) {
    for (const path of ['/sales/outer/reservations', '/reservations/x', '/sales/outer/state']) {
      const answer = await front.get(path, token)
      expect([path, answer.status, answer.body.code]).toEqual([path, 401, 'no_session'])
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    }
    expect((await front.buy('outer', token, 'forged')).status).toBe(401)
    const cookie = { cookie: `rush_session=${token}`, 'sec-fetch-site': 'same-origin' }
    expect((await front.call('DELETE', '/reservations/x', cookie)).status).toBe(401)
    const pass = await front.buy('outer', good.session, 'pass', 1, { 'x-rush-pass': token })
    expect([pass.status, pass.body.code]).toEqual([403, 'pass_required'])
  }
  // nor does who has no session, where one is needed
  for (const [method, path] of [['GET', 'challenge'] as const, ['POST', 'tickets'] as const]) {
    const answer = await front.call(method, `/sales/outer/${path}`, {})
    expect([answer.status, answer.body.code]).toEqual([401, 'no_session'])
  }
  expect(await counts()).toEqual(before)
  // the count would have moved
  expect((await front.buy('outer', good.session, 'good')).status).toBe(202)
  expect((await front.call('GET', '/sales/outer/state', { cookie: `rush_session=${cut}` })).status).toBe(200)
  const after = await counts()
  expect(after[0] + after[1]).toBe(before[0] + before[1] + 2)
})

test('a user stays with one gate, and both gates have users', async () => {
  const users = await shop.sessions(40, 'steady')
  const used = new Set<number>()
  let before = await counts()
  for (const [i, { session }] of users.entries()) {
    // where a user goes is drawn with the gates' ports: eight may all have come to the same gate
    if (i >= 8 && used.size === 2) break
    for (let n = 0; n < 6; n++) expect((await front.get('/sales/outer/reservations', session)).status).toBe(200)
    const after = await counts()
    const grown = [after[0] - before[0], after[1] - before[1]]
    expect([...grown].sort((a, b) => a - b)).toEqual([0, 6])
    used.add(grown.indexOf(6))
    before = after
  }
  expect(used.size).toBe(2)
})

/** Master and workers: the machine is gone. */
function killAtOnce(gate: Nginx): void {
  const workers = gate.workers()
  gate.kill('SIGKILL')
  for (const pid of workers) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // gone with its master already
    }
  }
}

test("nginx's own errors are problem documents", async () => {
  const [{ session }] = (await shop.sessions(1, 'large')) as [DemoSession]
  const headers = { authorization: `Bearer ${session}`, 'idempotency-key': 'k' }
  const answers: Answer[] = [
    await front.call('POST', '/sales/outer/reservations', headers, 'x'.repeat(20_000)),
    await front.call('GET', `/${'x'.repeat(9000)}`, {}),
    await front.call('GET', '/', { 'x-long': 'x'.repeat(9000) }),
  ]
  expect(answers.map((answer) => [answer.status, answer.body.code, answer.body.status])).toEqual([
    [413, 'too_large', 413],
    [414, 'too_large', 414],
    [431, 'too_large', 431],
  ])
})

test('TLS 1.3 and HTTP/2: an answer over one connection, and the next one is resumed', async () => {
  const url = `https://localhost:${tls.port}`
  const client = new Http2Client(url, tls.certificate)
  expect((await client.call('GET', '/sales/outer/state')).status).toBe(200)
  expect(client.protocols()).toEqual(['h2', 'TLSv1.3'])
  // over https a cookie without __Host- is nobody's, forged or not
  const [user] = (await shop.sessions(1, 'planted')) as [DemoSession]
  const ask = (cookie: string) => client.call('GET', '/sales/outer/challenge', { cookie })
  expect((await ask(`rush_session=${user.session}`)).status).toBe(401)
  // the gate has looked at the session, and the sale asks for no proof
  expect((await ask(`__Host-rush_session=${user.session}`)).status).toBe(404)
  client.close()
  await expectResumption(url, tls.certificate, dir)
})

test('a gate is killed under load: its users go on at the other, nobody is refused or sold to twice', async () => {
  const users = await shop.sessions(24, 'load')
  const answers = new Map<string, number>()
  const bought = new Set<unknown>()
  let stopped = false
  let after_kill = 0
  let is_killed = false
  const load = users.map(async ({ session, user }) => {
    for (let i = 0; !stopped && i < 40; i++) {
      const answer = await front.buy('outer', session, `${user}-${i}`)
      const said = answer.status === 202 ? '202' : `${answer.status} ${JSON.stringify(answer.body)}`
      answers.set(said, (answers.get(said) ?? 0) + 1)
      if (answer.status === 202) bought.add(answer.body.reservation)
      if (is_killed) after_kill++
      await sleep(20)
    }
  })
  await sleep(600)
  killAtOnce(second.gate)
  is_killed = true
  await sleep(2500)
  await until(async () => after_kill > users.length * 5)
  stopped = true
  await Promise.all(load)
  expect(after_kill).toBeGreaterThan(users.length * 5)
  expect([...answers.keys()]).toEqual(['202'])
  expect(bought.size).toBe(answers.get('202'))
  await until(async () => {
    const ledger = await shop.stack.admin<{ balanced: boolean; skus: { held: number; confirmed: number }[] }>(
      'GET',
      '/admin/sales/outer/ledger',
    )
    const sold = (ledger.skus[0]?.held ?? 0) + (ledger.skus[0]?.confirmed ?? 0)
    // one of the test above
    return ledger.balanced && sold === bought.size + 1
  })
  // the users of the dead gate, and of none: with no gate at all the answer is a problem document that says so
  killAtOnce(shop.stack.gate)
  const [{ session }] = users as [DemoSession]
  const alone = await front.buy('outer', session, 'alone')
  expect([alone.status, alone.body.code, alone.body.outcome]).toEqual([503, 'unavailable', 'unknown'])
  expect(outer.errorLog()).not.toMatch(/js exception|\[emerg\]|\[alert\]/)
})
