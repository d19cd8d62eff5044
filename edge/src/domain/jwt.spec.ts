import { describe, expect, it } from 'vitest'
import { type JwtRules, readJwks, readJwtClaims, readJwtHeader, splitJwt } from './jwt'

const RULES: JwtRules = {
  issuer: 'https://shop',
  audience: 'rushgate',
  user_claim: 'sub',
  level_claim: 'level',
  clock_skew_s: 30,
}
const NOW_MS = 1000000000

function claims(change: Record<string, unknown>): Record<string, unknown> {
  const value: Record<string, unknown> = { iss: 'https://shop', aud: 'rushgate', sub: 'ada', exp: 1000100, level: 3 }
  for (const name in change) value[name] = change[name]
  return value
}

function who(change: Record<string, unknown>): string {
  const holder = readJwtClaims(claims(change), RULES, NOW_MS)
  return holder === undefined ? 'nobody' : holder.user + ' ' + holder.level + ' ' + holder.expires_ms
}

describe('jwt', () => {
  it('has three parts with something in each', () => {
    expect(splitJwt('aa.bb.cc')).toEqual({ header: 'aa', payload: 'bb', signature: 'cc', signed: 'aa.bb' })
    for (const wrong of ['', '.', '..', 'a', 'a.b', 'a.b.', '.b.c', 'a..c', 'a.b.c.', 'a.b.c.d', '....']) {
      expect(splitJwt(wrong)).toBeUndefined()
    }
    let long = 'a.b.'
    while (long.length <= 4096) long = long + 'cccccccc'
    expect(splitJwt(long)).toBeUndefined()
  })

  it('names an algorithm and perhaps a key, and nothing that must be understood', () => {
    expect(readJwtHeader({ alg: 'RS256', kid: 'a', typ: 'JWT' })).toEqual({ alg: 'RS256', kid: 'a' })
    expect(readJwtHeader({ alg: 'EdDSA' })).toEqual({ alg: 'EdDSA', kid: '' })
    const wrong: unknown[] = [
      'x',
      {},
      { alg: 5 },
      { alg: 'HS256', kid: 5 },
      { alg: 'HS256', crit: ['b64'] },
      { alg: 'HS256', crit: [] },
      { alg: 'HS256', b64: false },
      { alg: 'HS256', zip: 'DEF' },
      { alg: 'HS256', typ: 'JWE' },
    ]
    for (const header of wrong) expect(readJwtHeader(header)).toBeUndefined()
  })

  it('says who, of which level, until when', () => {
    expect(who({})).toBe('ada 3 1000130000')
    expect(who({ aud: ['other', 'rushgate'] })).toBe('ada 3 1000130000')
    expect(who({ exp: 999971 })).toBe('ada 3 1000001000')
    expect(who({ nbf: 1000030, iat: 1000030 })).toBe('ada 3 1000130000')
  })

  it('is nobody’s with any claim missing, wrong or of another time', () => {
    const wrong: Record<string, unknown>[] = [
      { iss: 'https://shop/' },
      { iss: 5 },
      { aud: 'rushgate2' },
      { aud: ['other'] },
      { aud: [] },
      { aud: 5 },
      { exp: 999970 },
      { exp: '1000100' },
      { exp: -1 },
      { exp: 1e12 },
      { nbf: 1000031 },
      { nbf: 'x' },
      { iat: 1000031 },
      { sub: '' },
      { sub: 5 },
      { sub: 'a\nb' },
      { level: 10 },
      { level: -1 },
      { level: 1.5 },
      { level: '3' },
    ]
    for (const change of wrong) expect(who(change)).toBe('nobody')
    for (const name of ['iss', 'aud', 'exp', 'sub']) {
      const value: Record<string, unknown> = {}
      const all = claims({})
      for (const other in all) if (other !== name) value[other] = all[other]
      expect(readJwtClaims(value, RULES, NOW_MS)).toBeUndefined()
    }
    expect(readJwtClaims('x', RULES, NOW_MS)).toBeUndefined()
  })

  it('is verified by keys whose type decides the algorithm', () => {
    const rsa = { kty: 'RSA', kid: 'r', n: 'nn', e: 'AQAB' }
    const oct = { kty: 'oct', kid: 'h', k: 'kk', alg: 'HS256' }
    expect(
      readJwks({ keys: [rsa, oct, { kty: 'EC', kid: 'e' }, { kty: 'OKP', crv: 'Ed25519', kid: 'o', x: 'xx' }] }),
    ).toEqual([
      { kid: 'r', alg: 'RS256', material: 'nn', exponent: 'AQAB' },
      { kid: 'h', alg: 'HS256', material: 'kk', exponent: '' },
      { kid: 'o', alg: 'EdDSA', material: 'xx', exponent: '' },
    ])
    expect(readJwks({ keys: [rsa, { kty: 'oct', kid: 'x', k: 'kk', alg: 'RS256' }] })).toEqual([
      { kid: 'r', alg: 'RS256', material: 'nn', exponent: 'AQAB' },
    ])
    expect(typeof readJwks({ keys: [rsa, rsa] })).toBe('string')
    expect(typeof readJwks({ keys: [{ kty: 'RSA', use: 'enc', n: 'nn', e: 'AQAB' }] })).toBe('string')
    expect(typeof readJwks({ keys: [] })).toBe('string')
    expect(typeof readJwks({})).toBe('string')
    expect(typeof readJwks(undefined)).toBe('string')
  })
})
