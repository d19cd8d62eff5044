// The stream of purchases: distinct shoppers, distinct keys, the headers a phone's browser sends.
//
// One stream is made for each round of slices and every peer gets the same bytes; the next round has new
// shoppers, so that nothing a server remembers of a session or a key ever helps it.
import { createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { PASS_ID_LENGTH, unsignedPass } from '../contract/pass'
import { SIGNATURE_HEADER, signRequest } from '../contract/request-signature'
import { BODY_LENGTH } from '../contract/reservation-id'
import { HKDF_BYTES, HKDF_SALT, type SubkeyPurpose } from '../contract/secrets'
import { parseSessionToken, unsignedSessionToken } from '../contract/session-token'
import type { Sale } from './sale'

const SESSION_MS = 12 * 3_600_000
const PASS_MS = 3_600_000
const SID_BYTES = 12

/** The key that signs for this purpose: derived from the first secret. */
function signingKey(secret: string, purpose: SubkeyPurpose): { key_id: string; subkey: Buffer } {
  const first = secret.split(',', 1)[0] ?? ''
  const colon = first.indexOf(':')
  const subkey = Buffer.from(hkdfSync('sha256', first.slice(colon + 1), HKDF_SALT, purpose, HKDF_BYTES))
  return { key_id: first.slice(0, colon), subkey }
}

/** Mints session tokens as the backend does (contract/session-token.ts). */
export function sessionMint(secret: string): (user: string) => string {
  const { key_id, subkey } = signingKey(secret, 'session')
  const expires_ms = Date.now() + SESSION_MS
  return (user) => {
    const sid = randomBytes(SID_BYTES).toString('base64url')
    const signed = unsignedSessionToken(key_id, Buffer.from(user).toString('base64url'), 1, 0, expires_ms, sid)
    return `${signed}.${createHmac('sha256', subkey).update(signed).digest('base64url')}`
  }
}

/** Any 22 base64url characters, so that a peer may use the key as the body of its reservation id. */
export function idempotencyKey(): string {
  return randomBytes(17).toString('base64url').slice(0, BODY_LENGTH)
}

interface PurchaseParts {
  path: string
  headers: Record<string, string>
  body: string
}

/** What a guarded sale asks of a purchase. */
interface Guard {
  signature: string
  pass: string
}

/** Signs purchases as the page does, with the key handed out at login, and makes passes as the waiting room does. */
export function guardMint(secret: string, sale: Sale): (session: string, key: string) => Guard {
  const signing = signingKey(secret, 'request-signing')
  const passing = signingKey(secret, 'pass')
  const body = purchaseBody(sale)
  const path = purchasePath(sale)
  const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url')
  return (session, key) => {
    const parts = parseSessionToken(session)
    if (parts === undefined) throw new Error(`not a session token: ${session}`)
    const session_key = createHmac('sha256', signing.subkey).update(parts.sid).digest()
    const hmac = (text: string) => createHmac('sha256', session_key).update(text).digest('base64url')
    const signature = signRequest(sha256, hmac, { method: 'POST', path, time_ms: Date.now(), key, body })
    const pass_id = randomBytes(17).toString('base64url').slice(0, PASS_ID_LENGTH)
    const unsigned = unsignedPass(passing.key_id, sale.id, parts.user, pass_id, Date.now() + PASS_MS)
    const mac = createHmac('sha256', passing.subkey).update(unsigned).digest('base64url')
    return { signature, pass: `${unsigned}.${mac}` }
  }
}

function purchasePath(sale: Sale): string {
  return `/sales/${sale.id}/reservations`
}

function purchaseBody(sale: Sale): string {
  return JSON.stringify({ sku: sale.sku, quantity: 1 })
}

/** What a phone's browser sends from the sale page. */
export function purchaseHeaders(sale: Sale, session: string, key: string, guard?: Guard): PurchaseParts {
  const body = purchaseBody(sale)
  const headers = {
    Host: 'sale.example',
    Connection: 'keep-alive',
    'Content-Length': String(Buffer.byteLength(body)),
    'sec-ch-ua-platform': '"Android"',
    Authorization: `Bearer ${session}`,
    'User-Agent':
      'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36',
    'sec-ch-ua': '"Chromium";v="131", "Not_A Brand";v="24"',
    'Content-Type': 'application/json',
    'sec-ch-ua-mobile': '?1',
    'Idempotency-Key': key,
    ...(guard && { [SIGNATURE_HEADER]: guard.signature, 'X-Rush-Pass': guard.pass }),
    Accept: 'application/json',
    'X-Requested-With': 'example.sale.app',
    Origin: 'http://sale.example',
    'Sec-Fetch-Site': 'same-origin',
    'Sec-Fetch-Mode': 'cors',
    'Sec-Fetch-Dest': 'empty',
    Referer: `http://sale.example/sales/${sale.id}`,
    'Accept-Encoding': 'gzip, deflate, br, zstd',
    'Accept-Language': 'en-GB,en;q=0.9,de;q=0.8',
  }
  return { path: purchasePath(sale), headers, body }
}

export function purchaseRequest(sale: Sale, session: string, key: string, guard?: Guard): string {
  const { path, headers, body } = purchaseHeaders(sale, session, key, guard)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}

/** Writes `count` purchases for the load generator. Users are named after the round, so that no two streams share one. */
export function writePurchases(file: string, sale: Sale, secret: string, round: number, count: number): void {
  const mint = sessionMint(secret)
  const makeGuard = sale.guarded ? guardMint(secret, sale) : undefined
  const requests: Buffer[] = []
  for (let i = 0; i < count; i++) {
    const session = mint(`shopper-${round}-${i}`)
    const key = idempotencyKey()
    requests.push(Buffer.from(purchaseRequest(sale, session, key, makeGuard?.(session, key))))
  }
  writeRecords(file, requests)
}

/** The generator's input: records of <u32 little endian length> <bytes>. */
export function writeRecords(file: string, records: Buffer[]): void {
  const parts: Buffer[] = []
  for (const record of records) {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(record.length)
    parts.push(length, record)
  }
  writeFileSync(file, Buffer.concat(parts))
}
