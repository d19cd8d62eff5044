// Which cookie is a session, and from which pages one may change something.
import type { Request } from 'express'
import { expect, test } from 'vitest'
import { Keyring } from '../secrets'
import { mintSession } from '../sessions/token'
import { Authenticator } from './auth'

const NOW = 1_800_000_000_000
const keyring = new Keyring([{ id: 'k1', text: 'the first secret of all' }])
const { session } = mintSession(keyring, 'ann', 1, 0, NOW)

function said(public_url: string, cookie: string, origin: string): string {
  const auth = new Authenticator(keyring, 'a-token-of-the-operator', public_url, () => NOW)
  const headers = { cookie: `${cookie}=${session}`, origin, host: 'shop.example' }
  try {
    return auth.session({ method: 'DELETE', headers } as unknown as Request).user
  } catch (error) {
    return (error as { code: string }).code
  }
}

test('over https neither the cookie that any host can set, nor a page of plain http', () => {
  const https = 'https://shop.example'
  expect(said(https, '__Host-rush_session', https)).toBe('ann')
  expect(said('https://other.example', '__Host-rush_session', https)).toBe('ann')
  expect(said(https, 'rush_session', https)).toBe('no_session')
  expect(said(https, '__Host-rush_session', 'http://shop.example')).toBe('refused')
  expect(said(https, '__Host-rush_session', 'null')).toBe('refused')
})

test('over http the plain one, also behind a proxy that ends TLS', () => {
  const http = 'http://127.0.0.1:8080'
  for (const origin of ['http://shop.example', 'https://shop.example', http])
    expect(said(http, 'rush_session', origin)).toBe('ann')
  expect(said(http, 'rush_session', 'http://evil.example')).toBe('refused')
})
