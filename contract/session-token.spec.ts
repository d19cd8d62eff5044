import { describe, expect, it } from 'vitest'
import { parseSessionToken, unsignedSessionToken } from './session-token'
import { SESSION_TOKEN } from './test-vectors'

const SIGNED = 's1.k1.em_Dqw.7.3.1767268800000.AAECAwQFBgcICQoL'

describe('session token', () => {
  it('is read into its parts', () => {
    expect(parseSessionToken(SESSION_TOKEN)).toEqual({
      key_id: 'k1',
      user: 'em_Dqw',
      generation: 7,
      level: 3,
      expires_ms: 1767268800000,
      sid: 'AAECAwQFBgcICQoL',
      signed: SIGNED,
      mac: 'boBJ2tr1iMW1RcZjKD5a8BgRCLWJizuas6HRvKdnptc',
    })
  })

  it('is signed over everything before the last dot', () => {
    expect(unsignedSessionToken('k1', 'em_Dqw', 7, 3, 1767268800000, 'AAECAwQFBgcICQoL')).toBe(SIGNED)
  })

  it('is refused in every other shape', () => {
    const wrong = [
      '',
      's1.',
      's1.k1.em_Dqw.7.3.1767268800000.AAEC',
      's2.k1.em_Dqw.7.3.1767268800000.AAEC.mac',
      's1.k1.em_Dqw.7.1767268800000.AAEC.mac',
      's1.k1.em_Dqw.7..1767268800000.AAEC.mac',
      's1.k1.em_Dqw.7.10.1767268800000.AAEC.mac',
      's1.k1.em_Dqw.7.-.1767268800000.AAEC.mac',
      's1.k1.em_Dqw.7.a.1767268800000.AAEC.mac',
      's1.k1.em_Dqw.7. .1767268800000.AAEC.mac',
      's1.k1.em_Dqw.0.3.1767268800000.AAEC.mac',
      's1.k1.em_Dqw.-7.3.1767268800000.AAEC.mac',
      's1.k1.em_Dqw.4294967296.3.1767268800000.AAEC.mac',
      's1.k1.em_Dqw.seven.3.1767268800000.AAEC.mac',
      's1.k1.em_Dqw.7.3..AAEC.mac',
      's1.k1.em_Dqw.7.3.0.AAEC.mac',
      's1.k1.em_Dqw.7.3.1e15.AAEC.mac',
      's1.k1.em_Dqw.7.3.inf.AAEC.mac',
      's1.k1.em_Dqw.nan.3.1767268800000.AAEC.mac',
    ]
    for (const token of wrong) expect(parseSessionToken(token)).toBeUndefined()
  })

  it('is refused beyond 512 bytes', () => {
    let sid = 'a'
    while (sid.length < 512) sid += 'a'
    expect(parseSessionToken('s1.k1.em_Dqw.7.3.1767268800000.' + sid + '.mac')).toBeUndefined()
  })
})
