// The gate's own listener for TLS: HTTP/2 with bodies, cookies that only TLS gets, resumption, and a certificate that is kept.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TlsFiles, trialCertificate } from '../../scripts/nginx'
import { type Shop, startShop } from './shop'
import { expectResumption, Http2Client } from './tls'

let dir: string
let files: TlsFiles
let shop: Shop
let client: Http2Client

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-tls-'))
  files = trialCertificate(join(dir, 'tls'))
  shop = await startShop({ tls: files })
  await shop.open('tls', { total: 100, user_max: 50 })
  client = new Http2Client(shop.stack.urls.shop, files.certificate)
})

afterAll(async () => {
  client?.close()
  await shop?.close()
  rmSync(dir, { recursive: true, force: true })
})

const JSON_BODY = { 'content-type': 'application/json' }

test('a whole purchase over one HTTP/2 connection, signed in with a cookie that only TLS gets', async () => {
  const login = await client.call('POST', '/sessions', JSON_BODY, JSON.stringify({ user: 'ann', secret: 'demo' }))
  expect([login.status, client.protocols()]).toEqual([201, ['h2', 'TLSv1.3']])
  const set = String(login.headers['set-cookie'])
  expect(set).toMatch(/^__Host-rush_session=/)
  for (const attribute of ['Secure', 'HttpOnly', 'Path=/', 'SameSite=Lax']) expect(set).toContain(attribute)

  const signed_in = { ...client.fromOurPage, cookie: `a=b; ${set.substring(0, set.indexOf(';'))}` }
  const buy = (key: string, headers: Record<string, string>, body: string) =>
    client.call('POST', '/sales/tls/reservations', { ...headers, ...JSON_BODY, 'idempotency-key': key }, body)
  // without Content-Length: in HTTP/2 a body ends with its stream
  const held = await buy('first', signed_in, '{"sku":"shoe","quantity":1}')
  expect([held.status, held.text]).toEqual([202, expect.stringContaining('"held"')])
  const with_length = { ...signed_in, 'content-length': '27' }
  const again = await buy('first', with_length, '{"sku":"shoe","quantity":1}')
  const id = (JSON.parse(held.text) as { reservation: string }).reservation
  expect([again.status, again.text]).toEqual([202, expect.stringContaining(`"${id}"`)])
  const many = Array.from({ length: 20 }, (_, i) => buy(`key-${i}`, signed_in, '{"sku":"shoe","quantity":1}'))
  expect((await Promise.all(many)).map((answer) => answer.status)).toEqual(many.map(() => 202))

  const status = async () => (await client.call('GET', `/reservations/${id}`, signed_in)).text
  await expect.poll(status).toContain('"confirmed"')
  const paying = await client.call('POST', `/reservations/${id}/payment`, { ...signed_in, 'idempotency-key': 'pay' })
  expect([paying.status, paying.text]).toEqual([200, expect.stringContaining(`"${shop.stack.urls.shop}/`)])
  // what a host beside ours could have set
  const planted = { ...signed_in, cookie: signed_in.cookie.replace('__Host-', '') }
  expect((await buy('planted', planted, '{"sku":"shoe","quantity":1}')).status).toBe(401)
  const elsewhere = { ...signed_in, origin: 'https://elsewhere.example' }
  expect((await buy('other', elsewhere, '{"sku":"shoe","quantity":1}')).status).toBe(403)
})

test('limits and errors over HTTP/2 are problem documents', async () => {
  const [{ session } = { session: '' }] = await shop.sessions(1, 'large')
  const headers = { ...JSON_BODY, authorization: `Bearer ${session}`, 'idempotency-key': 'k' }
  const large = await client.call('POST', '/sales/tls/reservations', headers, 'x'.repeat(20_000))
  expect([large.status, large.text]).toEqual([413, expect.stringContaining('client_max_body_size')])
  const wrong = await client.call('POST', '/sales/tls/reservations', headers, 'not json')
  expect([wrong.status, wrong.text]).toEqual([400, expect.stringContaining('"bad_request"')])
  const page = await client.call('GET', '/')
  expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
})

test('plain HTTP at the listener for TLS is told so', async () => {
  const answer = await fetch(`${shop.stack.urls.shop.replace('https:', 'http:')}/`)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'application/problem+json'])
})

test('TLS 1.3 and 1.2 take a session up again', () => expectResumption(shop.stack.urls.shop, files.certificate, dir))

test('a certificate that is there is kept', () => {
  const before = readFileSync(files.certificate, 'utf8')
  expect(trialCertificate(join(dir, 'tls'))).toEqual(files)
  expect(readFileSync(files.certificate, 'utf8')).toBe(before)
})
