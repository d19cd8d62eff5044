// The known answers, computed by Node's own cryptography.
import { createHash, createHmac, hkdfSync, webcrypto } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { expect, it } from 'vitest'
import { parsePass } from './pass'
import { HKDF_BYTES, HKDF_SALT } from './secrets'
import { parseSessionToken } from './session-token'
import {
  CRC32_ADA,
  ID_KEY,
  ID_MACS,
  PASS,
  RESERVATION_IDS,
  SECRET,
  SESSION_SUBKEY,
  SESSION_TOKEN,
  SIGNATURES,
  TICKET,
} from './test-vectors'
import { parseTicket } from './ticket'

it('reservation macs', () => {
  for (const vector of ID_MACS) {
    expect(createHmac('sha256', ID_KEY).update(vector.message).digest('base64url')).toBe(vector.mac)
  }
  for (const vector of RESERVATION_IDS) expect(Buffer.byteLength(vector.user)).toBe(vector.user_bytes)
})

it('session subkey and token', () => {
  const subkey = Buffer.from(hkdfSync('sha256', SECRET, HKDF_SALT, 'session', HKDF_BYTES))
  expect(subkey.toString('base64url')).toBe(SESSION_SUBKEY)
  const parts = parseSessionToken(SESSION_TOKEN)
  expect(
    createHmac('sha256', subkey)
      .update(parts?.signed ?? '')
      .digest('base64url'),
  ).toBe(parts?.mac)
  expect(Buffer.from(parts?.user ?? '', 'base64url').toString()).toBe('zoë')
})

it('ticket and pass, each under a subkey of its own', () => {
  const mac = (purpose: string, signed: string): string =>
    createHmac('sha256', Buffer.from(hkdfSync('sha256', SECRET, HKDF_SALT, purpose, HKDF_BYTES)))
      .update(signed)
      .digest('base64url')
  const ticket = parseTicket(TICKET)
  const pass = parsePass(PASS)
  expect(mac('ticket', ticket?.signed ?? '')).toBe(ticket?.mac)
  expect(mac('pass', pass?.signed ?? '')).toBe(pass?.mac)
  expect(mac('pass', ticket?.signed ?? '')).not.toBe(ticket?.mac)
})

it('checksum of a user id', () => {
  expect(crc32('ada')).toBe(CRC32_ADA)
})

it('request signatures, by node:crypto and by WebCrypto', async () => {
  const { subtle } = webcrypto
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await subtle.importKey('raw', Buffer.from(ID_KEY), algorithm, false, ['sign'])
  for (const { body, body_hash, signed, mac } of SIGNATURES) {
    expect(createHash('sha256').update(body).digest('base64url')).toBe(body_hash)
    expect(createHmac('sha256', ID_KEY).update(signed).digest('base64url')).toBe(mac)
    const bytes = await subtle.sign('HMAC', key, Buffer.from(signed))
    expect(Buffer.from(bytes).toString('base64url')).toBe(mac)
  }
})
