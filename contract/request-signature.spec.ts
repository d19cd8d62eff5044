import { describe, expect, it } from 'vitest'
import { parseSignature, signatureHeader, signedText, signRequest } from './request-signature'
import { SIGNATURES } from './test-vectors'

describe('request signatures', () => {
  it('sign the known texts', () => {
    for (const vector of SIGNATURES) {
      const { method, path, time_ms, key, body_hash } = vector
      expect(signedText(method, path, '' + time_ms, key, body_hash)).toBe(vector.signed)
      const made = signRequest(
        (body) => (body === vector.body ? body_hash : 'other'),
        (text) => (text === vector.signed ? vector.mac : 'other'),
        vector,
      )
      expect(made).toBe(vector.header)
      const parts = parseSignature(made)
      expect(parts?.time_ms).toBe(time_ms)
      expect(made.substring(parts?.mac_from ?? 0)).toBe(vector.mac)
      expect(signatureHeader(parts?.time ?? '', vector.mac)).toBe(made)
    }
  })

  it('are read in one way only', () => {
    const mac = SIGNATURES[0]?.mac ?? ''
    const bad = [
      '',
      'v1',
      'v1.',
      'v1..' + mac,
      'v2.1767225600000.' + mac,
      'v1.1767225600000.' + mac + 'x',
      'v1.1767225600000.' + mac.substring(1),
      'v1.01767225600000.' + mac,
      'v1.0x19b77400.' + mac,
      'v1.1e3.' + mac,
      'v1. 176722560000.' + mac,
      'v1.-1.' + mac,
      'v1.0.' + mac,
      'v1.1.5.' + mac,
      'v1.176722560000000.' + mac,
      'v1.NaN.' + mac,
    ]
    for (const header of bad) expect(parseSignature(header)).toBe(undefined)
  })
})
