// Signed purchases against the real gate: what is right passes, is repeated without harm, and nothing else comes through.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, type DemoSession, type Shop, startShop } from './shop'
import { signatureOf } from './signing'

const PATH = '/sales/signed/reservations'
const BODY = '{"sku":"shoe","quantity":1}'

interface Shopper extends DemoSession {
  signing_key: string
}

async function openSigned(shop: Shop): Promise<Shopper[]> {
  await shop.open('signed', { total: 50, user_max: 5 }, { gate: { signature: true } })
  return (await shop.sessions(3, 'signer')) as Shopper[]
}

function send(shop: Shop, shopper: Shopper, key: string, signature: string | undefined, body = BODY): Promise<Answer> {
  const headers: Record<string, string> = {
    authorization: `Bearer ${shopper.session}`,
    'content-type': 'application/json',
    'idempotency-key': key,
  }
  if (signature !== undefined) headers['x-rush-signature'] = signature
  return shop.call('POST', PATH, headers, body)
}

function sign(shopper: Shopper, key: string, time_ms = Date.now(), path = PATH, body = BODY): string {
  return signatureOf(shopper.signing_key, { method: 'POST', path, time_ms, key, body })
}

function problemOf(answer: Answer): string {
  return `${answer.status} ${answer.body.code}`
}

describe('a sale that asks for signatures', () => {
  let shop: Shop
  let ada: Shopper
  let eve: Shopper

  beforeAll(async () => {
    shop = await startShop()
    ;[ada, eve] = (await openSigned(shop)) as [Shopper, Shopper]
  })
  afterAll(() => shop.close())

  it('says so in its state', async () => {
    expect((await shop.get('/sales/signed/state')).body.asks).toEqual(['signature'])
  })

  it('sells to who signs; a replay and a retry get the same reservation', async () => {
    const signature = sign(ada, 'k1')
    const first = await send(shop, ada, 'k1', signature)
    expect(first.status).toBe(202)
    const replay = await send(shop, ada, 'k1', signature)
    expect(replay.status).toBe(202)
    expect(replay.body.reservation).toBe(first.body.reservation)
    const retry = await send(shop, ada, 'k1', sign(ada, 'k1'))
    expect(retry.body.reservation).toBe(first.body.reservation)
  })

  it('takes the key that a login gives', async () => {
    const login = await shop.call(
      'POST',
      '/sessions',
      { 'content-type': 'application/json' },
      '{"user":"bea","secret":"demo"}',
    )
    const bea = { user: 'bea', ...login.body } as unknown as Shopper
    expect((await send(shop, bea, 'b1', sign(bea, 'b1'))).status).toBe(202)
  })

  it('refuses everything else', async () => {
    const right = sign(eve, 'k2')
    const wrong: [string, string | undefined, string?][] = [
      ['k2', undefined],
      ['k2', ''],
      ['k2', 'v1'],
      ['k2', right.slice(0, -1)],
      ['k2', `${right}A`],
      ['k2', right.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'))],
      ['k2', sign(ada, 'k2')],
      ['k3', right],
      ['k2', right, '{"sku":"shoe","quantity":2}'],
      ['k2', sign(eve, 'k2', Date.now(), '/sales/other/reservations')],
      ['k2', sign(eve, 'k2', Date.now() - 125_000)],
      ['k2', sign(eve, 'k2', Date.now() + 125_000)],
    ]
    for (const [key, signature, body] of wrong) {
      const answer = await send(shop, eve, key, signature, body)
      expect(`${signature} ${problemOf(answer)}`).toBe(`${signature} 403 signature_required`)
    }
    expect((await send(shop, eve, 'k2', sign(eve, 'k2', Date.now() - 110_000))).status).toBe(202)
    const series = (event: string) => `rushgate_plugin_events_total{plugin="signature",event="${event}"}`
    await expect.poll(() => shop.metric(series('forged')), { timeout: 5000 }).toBe(5)
    expect(await shop.metric(series('expired'))).toBe(2)
    expect((await shop.metric(series('missing'))) + (await shop.metric(series('malformed')))).toBe(5)
    expect(shop.stack.error_log()).not.toMatch(/\[error\]/)
  })
})

describe('the same in dry run', () => {
  let dir: string
  let shop: Shop

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'rushgate-signature-'))
    const config = join(dir, 'rushgate.json')
    writeFileSync(config, JSON.stringify({ version: 1, plugins: { signature: { dry_run: true } } }))
    shop = await startShop({ config })
  })
  afterAll(async () => {
    await shop.close()
    rmSync(dir, { recursive: true })
  })

  it('refuses nobody, and counts whom it would have refused', async () => {
    const [ada, eve, kim] = (await openSigned(shop)) as [Shopper, Shopper, Shopper]
    expect((await send(shop, ada, 'k1', sign(ada, 'k1'))).status).toBe(202)
    expect((await send(shop, eve, 'k1', undefined)).status).toBe(202)
    expect((await send(shop, kim, 'k1', sign(eve, 'k1'))).status).toBe(202)
    const series = 'rushgate_would_refuse_total{plugin="signature",code="signature_required"}'
    await expect.poll(() => shop.metric(series), { timeout: 5000 }).toBe(2)
  })
})
