import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { SIGNATURES } from '../../contract/test-vectors'
import { keepSigningKey, signAs, signatureFor, signByClock } from './signer'

const ID_KEY = '0123456789abcdef0123456789abcdef'

describe('the signer', () => {
  it('signs as the gate reads it, by the clock it is told', async () => {
    await keepSigningKey('ada', Buffer.from(ID_KEY).toString('base64url'))
    signAs('ada')
    for (const { method, path, time_ms, key, body, header } of SIGNATURES) {
      signByClock(() => time_ms + 0.75)
      expect(await signatureFor({ method, path, key, body })).toEqual({ 'X-Rush-Signature': header })
    }
  })

  it('keeps users apart, and goes unsigned where there is no key', async () => {
    const request = { method: 'POST', path: '/x', key: 'k', body: '' }
    const by_ada = await signatureFor(request)
    signAs('eve')
    expect(await signatureFor(request)).toEqual({})
    await keepSigningKey('eve', createHmac('sha256', 'x').update('eve').digest('base64url'))
    expect(await signatureFor(request)).toHaveProperty('X-Rush-Signature')
    expect(await signatureFor(request)).not.toEqual(by_ada)
    await keepSigningKey('eve', '!')
    expect(await signatureFor(request)).toEqual({})
    signAs(undefined)
    expect(await signatureFor(request)).toEqual({})
  })
})
