// Session tokens: what was minted is accepted, anything changed is not.
import { describe, expect, test } from 'vitest'
import { Keyring } from '../secrets'
import { mintSession, SESSION_MS, userProblem, verifySession } from './token'

const NOW = 1_800_000_000_000
const OLD = { id: 'k1', text: 'the first secret of all' }
const NEW = { id: 'k2', text: 'the secret after rotation' }

describe('a token', () => {
  const keyring = new Keyring([OLD])
  const { session, signing_key } = mintSession(keyring, 'Zoë ☃', 7, 4, NOW)

  test('says who, which generation and until when', () => {
    expect(verifySession(keyring, session, NOW)).toEqual({
      user: 'Zoë ☃',
      generation: 7,
      level: 4,
      expires_ms: NOW + SESSION_MS,
    })
    expect(signing_key).toMatch(/^[\w-]{43}$/)
  })

  test('ends at its time', () => {
    expect(verifySession(keyring, session, NOW + SESSION_MS - 1)).toBeDefined()
    expect(verifySession(keyring, session, NOW + SESSION_MS)).toBe(undefined)
  })

  test('survives the rotation of secrets until its own secret is gone', () => {
    expect(verifySession(new Keyring([NEW, OLD]), session, NOW)).toBeDefined()
    expect(verifySession(new Keyring([NEW]), session, NOW)).toBe(undefined)
    expect(mintSession(new Keyring([NEW, OLD]), 'ann', 1, 0, NOW).session).toMatch(/^s1\.k2\./)
  })

  test('is refused with any one character changed', () => {
    for (let i = 0; i < session.length; i++) {
      const other = session[i] === 'A' ? 'B' : 'A'
      const changed = session.substring(0, i) + other + session.substring(i + 1)
      // the last character of the mac carries two unused bits; text is compared, so even those count
      expect([i, verifySession(keyring, changed, NOW)]).toEqual([i, undefined])
    }
    expect(verifySession(keyring, `${session}A`, NOW)).toBe(undefined)
    expect(verifySession(keyring, '', NOW)).toBe(undefined)
  })
})

test('user ids: 1 to 256 bytes of UTF-8', () => {
  expect(userProblem('auth0|5f7c8ec7c33c6c004bbafe82')).toBe(undefined)
  expect(userProblem('é'.repeat(128))).toBe(undefined)
  expect(userProblem('é'.repeat(129))).toContain('256 bytes')
  expect(userProblem('')).toContain('256 bytes')
  expect(userProblem('a\u0000')).toContain('control characters')
  expect(userProblem('\udc00')).toContain('control characters')
})
