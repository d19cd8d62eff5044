// Every plugin that refuses, all of them in dry run at once: nobody is refused, and each reports exactly whom it would have.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Challenge } from '../../contract/challenge'
import { type Answer, type Shop, startShop, until } from './shop'
import { signatureOf } from './signing'

const ONE_AN_HOUR = { rate: 1, per_s: 3600, burst: 1 }
const SALE = 'strict'
const PATH = `/sales/${SALE}/reservations`
const BODY = JSON.stringify({ sku: 'shoe', quantity: 1 })
const BROWSER = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  accept: '*/*',
  'accept-language': 'en-GB,en;q=0.5',
  'accept-encoding': 'gzip, deflate, br, zstd',
  'sec-fetch-dest': 'empty',
  'sec-fetch-mode': 'cors',
  'sec-fetch-site': 'same-origin',
}

let dir: string
let shop: Shop

/** What each plugin has against a purchase with nothing but a session, from a denied address. */
const WOULD_REFUSE = {
  'address-list': 'refused',
  'rate-limit': 'rate_limited',
  'bot-score': 'refused',
  session: 'level_required',
  'user-list': 'refused',
  'user-limit': 'rate_limited',
  signature: 'signature_required',
  challenge: 'proof_required',
  'waiting-room': 'pass_required',
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-dry-run-'))
  const config = join(dir, 'rushgate.json')
  const names = Object.keys(WOULD_REFUSE)
  const limit = { name: 'few', routes: ['reserve'], ...ONE_AN_HOUR }
  const settings: Record<string, object> = {
    'rate-limit': { limits: [{ ...limit, by: 'address' }] },
    'user-limit': { limits: [{ ...limit, by: 'user' }] },
  }
  const plugins = Object.fromEntries(names.map((name) => [name, { ...settings[name], dry_run: true }]))
  const clients = { trusted_proxies: ['127.0.0.1/32'], address_from: 'x_forwarded_for' }
  const routes = { reserve: { plugins: [...names, 'reservation'] } }
  writeFileSync(config, JSON.stringify({ version: 1, clients, plugins, routes }))
  shop = await startShop({ config })
  await shop.open(
    SALE,
    // probes are as many as it takes until the lists are there
    { total: 2000, user_max: 500 },
    {
      gate: {
        level_min: 5,
        signature: true,
        proof: true,
        score: { refuse_from: 30 },
        waiting_room: { admit_per_s: 50, checkout_max: 100, draw: false },
      },
    },
  )
})
afterAll(async () => {
  await shop?.close()
  rmSync(dir, { recursive: true, force: true })
})

function headersOf(session: string, address: string, key: string): Record<string, string> {
  const authorization = `Bearer ${session}`
  return { authorization, 'x-forwarded-for': address, 'content-type': 'application/json', 'idempotency-key': key }
}

interface Member {
  session: string
  signing_key: string
}

/** A session of an account with level 5. */
async function member(user: string): Promise<Member> {
  const secret = 'correct horse battery staple'
  await shop.stack.admin('POST', '/admin/accounts', { user, secret, level: 5 })
  const origin = shop.stack.urls.gate
  const headers = { ...BROWSER, origin, 'content-type': 'application/json', 'x-forwarded-for': '198.51.100.1' }
  const answer = await shop.call('POST', '/sessions', headers, JSON.stringify({ user, secret }))
  expect(answer.status).toBe(201)
  return answer.body as unknown as Member
}

function solve({ challenge, salt, maxnumber, ...rest }: Challenge): string {
  for (let number = 0; number <= maxnumber; number++) {
    if (createHash('sha256').update(`${salt}${number}`).digest('hex') !== challenge) continue
    return Buffer.from(JSON.stringify({ ...rest, challenge, salt, number })).toString('base64')
  }
  throw new Error('the challenge has no solution')
}

/** As the page does it, with all that the sale asks for. */
async function buyProperly(user: string, address: string): Promise<Answer> {
  const { session, signing_key } = await member(user)
  const headers = { ...headersOf(session, address, 'first'), ...BROWSER, origin: shop.stack.urls.gate }
  const { body: taken } = await shop.call('POST', `/sales/${SALE}/tickets`, headers, '{}')
  let pass: unknown
  await until(async () => {
    const polled = await shop.call('GET', `/sales/${SALE}/tickets/${taken.ticket}`, headers)
    pass = polled.body.pass
    return typeof pass === 'string'
  }, 30_000)
  const challenge = await shop.call('GET', `/sales/${SALE}/challenge`, headers)
  const proof = solve(challenge.body as unknown as Challenge)
  const signature = signatureOf(signing_key, {
    method: 'POST',
    path: PATH,
    time_ms: Date.now(),
    key: 'first',
    body: BODY,
  })
  const means = { 'x-rush-pass': String(pass), 'x-rush-proof': proof, 'x-rush-signature': signature }
  return shop.call('POST', PATH, { ...headers, ...means }, BODY)
}

it('refuses nobody, and reports exactly whom it would have refused', async () => {
  const address = '203.0.113.9'
  const bad = (await shop.sessions(4, 'nobody')).map(({ session, user }) => ({ session, user }))
  await shop.stack.admin('PUT', `/admin/deny/address/${address}`, {})
  for (const { user } of bad) await shop.stack.admin('PUT', `/admin/deny/user/${user}`, {})
  const count = (plugin: string, code: string) =>
    shop.metric(`rushgate_would_refuse_total{plugin="${plugin}",code="${code}"}`)
  // until the lists are there; with two words, the session speaks before the lists of users
  const [probe, ...others] = bad as [(typeof bad)[0], ...typeof bad]
  let sent = 0
  await until(async () => {
    const answer = await shop.call('POST', PATH, headersOf(probe.session, address, `probe-${sent++}`), BODY)
    expect([answer.status, answer.body.code]).toEqual([202, undefined])
    return (await count('user-list', 'refused')) > 0
  })
  // counters are poured together once a second
  const settled = async (): Promise<Record<string, number>> => {
    await new Promise((resolve) => setTimeout(resolve, 2500))
    const counts: Record<string, number> = {}
    for (const [plugin, code] of Object.entries(WOULD_REFUSE)) counts[plugin] = await count(plugin, code)
    return counts
  }
  const before = await settled()
  for (const { session } of others) {
    for (const key of ['a', 'b']) {
      const answer = await shop.call('POST', PATH, headersOf(session, address, key), BODY)
      expect([answer.status, answer.body.code]).toEqual([202, undefined])
    }
  }
  for (const user of ['ada', 'grace']) {
    const answer = await buyProperly(user, user === 'ada' ? '198.51.100.7' : '198.51.100.8')
    expect([answer.status, answer.body]).toEqual([202, expect.objectContaining({ status: 'held' })])
  }
  const after = await settled()
  const reported = Object.fromEntries(
    Object.keys(after).map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)]),
  )
  expect(reported).toEqual({
    'address-list': 6,
    // the address is over its limit since the probe
    'rate-limit': 6,
    'bot-score': 6,
    session: 6,
    'user-list': 6,
    // of each shopper the first is within the limit
    'user-limit': 3,
    signature: 6,
    challenge: 6,
    'waiting-room': 6,
  })
  // a dry run marks nothing as spent, so all of it is in the ledger
  expect(shop.stack.error_log()).not.toMatch(/\[error\]|\[crit\]/)
})
