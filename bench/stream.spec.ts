import { createHash, createHmac, hkdfSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parsePass } from '../contract/pass'
import { parseSignature, signedText } from '../contract/request-signature'
import { parseSessionToken } from '../contract/session-token'
import { idempotencyKey, sessionMint, writePurchases } from './stream'

const SECRET = 'k1:a-secret-of-enough-length,k0:an-older-secret-of-length'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'bench-stream-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

function records(file: string): string[] {
  const data = readFileSync(file)
  const found: string[] = []
  for (let at = 0; at < data.length; ) {
    const length = data.readUInt32LE(at)
    found.push(data.toString('latin1', at + 4, at + 4 + length))
    at += 4 + length
  }
  return found
}

function header(request: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)\r$`, 'm').exec(request)?.[1]
}

describe('writePurchases', () => {
  it('writes whole requests of distinct users with distinct keys, none of them of another round', () => {
    const sale = { id: 'bench', sku: 'phone', epoch: 1 }
    const users = new Set<string>()
    const keys = new Set<string>()
    for (const round of [0, 1]) {
      const file = join(dir, 'stream')
      writePurchases(file, sale, SECRET, round, 50)
      for (const request of records(file)) {
        const [head, body] = request.split('\r\n\r\n')
        expect(head).toMatch(/^POST \/sales\/bench\/reservations HTTP\/1\.1\r\n/)
        expect(JSON.parse(body ?? '')).toEqual({ sku: 'phone', quantity: 1 })
        expect(Number(header(request, 'Content-Length'))).toBe(body?.length)
        users.add(parseSessionToken(header(request, 'Authorization')?.slice(7) ?? '')?.user ?? '')
        keys.add(header(request, 'Idempotency-Key') ?? '')
      }
    }
    expect([users.size, keys.size]).toEqual([100, 100])
  })
})

describe('writePurchases of a guarded sale', () => {
  const key = (purpose: string) => Buffer.from(hkdfSync('sha256', 'a-secret-of-enough-length', 'rushgate', purpose, 32))
  const mac = (with_key: Buffer, text: string) => createHmac('sha256', with_key).update(text)

  it('signs each with its session’s key, and gives each a pass of its own', () => {
    const file = join(dir, 'stream')
    writePurchases(file, { id: 'bench', sku: 'phone', epoch: 1, guarded: true }, SECRET, 1, 5)
    const passes = new Set<string>()
    for (const request of records(file)) {
      const session = parseSessionToken(header(request, 'Authorization')?.slice(7) ?? '')
      const signature_header = header(request, 'X-Rush-Signature') ?? ''
      const signature = parseSignature(signature_header)
      const session_key = mac(key('request-signing'), session?.sid ?? '').digest()
      const body_hash = createHash('sha256').update('{"sku":"phone","quantity":1}').digest('base64url')
      const idempotency_key = header(request, 'Idempotency-Key') ?? ''
      const text = signedText('POST', '/sales/bench/reservations', signature?.time ?? '', idempotency_key, body_hash)
      expect(signature_header.substring(signature?.mac_from ?? 0)).toBe(mac(session_key, text).digest('base64url'))
      const pass = parsePass(header(request, 'X-Rush-Pass') ?? '')
      expect([pass?.sale, pass?.user]).toEqual(['bench', session?.user])
      expect(pass?.mac).toBe(mac(key('pass'), pass?.signed ?? '').digest('base64url'))
      passes.add(pass?.pass_id ?? '')
    }
    expect(passes.size).toBe(5)
  })
})

describe('sessionMint', () => {
  it('signs with the subkey of the first secret', () => {
    const token = parseSessionToken(sessionMint(SECRET)('anna'))
    const subkey = Buffer.from(hkdfSync('sha256', 'a-secret-of-enough-length', 'rushgate', 'session', 32))
    expect(token?.key_id).toBe('k1')
    expect(Buffer.from(token?.user ?? '', 'base64url').toString()).toBe('anna')
    expect(token?.mac).toBe(
      createHmac('sha256', subkey)
        .update(token?.signed ?? '')
        .digest('base64url'),
    )
    expect(token?.expires_ms).toBeGreaterThan(Date.now())
  })
})

describe('idempotencyKey', () => {
  it('has the form of the body of a reservation id', () => {
    expect(idempotencyKey()).toMatch(/^[\w-]{22}$/)
  })
})
