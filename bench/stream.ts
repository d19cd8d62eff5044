// The stream of purchases: distinct shoppers, distinct keys, the headers a phone's browser sends.
//
// One stream is made for each round of slices and every peer gets the same bytes; the next round has new
// shoppers, so that nothing a server remembers of a session or a key ever helps it.
import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { BODY_LENGTH } from '../contract/reservation-id'
import { HKDF_BYTES, HKDF_SALT } from '../contract/secrets'
import { unsignedSessionToken } from '../contract/session-token'
import type { Sale } from './sale'

const SESSION_MS = 12 * 3_600_000
const SID_BYTES = 12

/** Mints session tokens as the backend does (contract/session-token.ts). */
export function sessionMint(secret: string): (user: string) => string {
  const first = secret.split(',', 1)[0] ?? ''
  const colon = first.indexOf(':')
  const key_id = first.slice(0, colon)
  const subkey = Buffer.from(hkdfSync('sha256', first.slice(colon + 1), HKDF_SALT, 'session', HKDF_BYTES))
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

export interface PurchaseParts {
  path: string
  headers: Record<string, string>
  body: string
}

/** What a phone's browser sends from the sale page. */
export function purchaseHeaders(sale: Sale, session: string, key: string): PurchaseParts {
  const body = JSON.stringify({ sku: sale.sku, quantity: 1 })
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
  return { path: `/sales/${sale.id}/reservations`, headers, body }
}

export function purchaseRequest(sale: Sale, session: string, key: string): string {
  const { path, headers, body } = purchaseHeaders(sale, session, key)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}

/** Writes `count` purchases for the load generator. Users are named after the round, so that no two streams share one. */
export function writePurchases(file: string, sale: Sale, secret: string, round: number, count: number): void {
  const mint = sessionMint(secret)
  const requests: Buffer[] = []
  for (let i = 0; i < count; i++) {
    requests.push(Buffer.from(purchaseRequest(sale, mint(`shopper-${round}-${i}`), idempotencyKey())))
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
