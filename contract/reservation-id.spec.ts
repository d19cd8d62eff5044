import { describe, expect, it } from 'vitest'
import { formatReservationId, parseReservationId, reservationBody, reservationMac } from './reservation-id'
import { ID_MACS, RESERVATION_IDS } from './test-vectors'

// the known answers stand in for HMAC, which plain LuaJIT does not have: another message gets a wrong mac
function hmac(message: string): string {
  for (const vector of ID_MACS) if (vector.message === message) return vector.mac
  return 'no vector for this message, which has other fields or lengths'
}

function byteLength(text: string): number {
  for (const vector of RESERVATION_IDS) if (vector.user === text) return vector.user_bytes
  return text.length
}

const BODY = '3NH5S4qu-RBYkMEV9knpP_'
const MAC = 'qwMfm73OIDk3dArp'

describe('reservation id', () => {
  it('is the known one for the known keys', () => {
    for (const vector of RESERVATION_IDS) {
      const body = reservationBody(hmac, byteLength, vector.user, vector.sale, vector.key)
      const mac = reservationMac(hmac, byteLength, vector.user, body)
      expect(formatReservationId(vector.sale, vector.shard, body, mac)).toBe(vector.id)
    }
  })

  it('is read back into its parts', () => {
    expect(parseReservationId('r1.spring.12.' + BODY + '.' + MAC)).toEqual({
      sale: 'spring',
      shard: 12,
      body: BODY,
      mac: MAC,
    })
  })

  it('is refused in every other shape', () => {
    const wrong = [
      '',
      'r1.',
      'r2.spring.0.' + BODY + '.' + MAC,
      'r1..0.' + BODY + '.' + MAC,
      'r1.spring..' + BODY + '.' + MAC,
      'r1.spring.01.' + BODY + '.' + MAC,
      'r1.spring.-1.' + BODY + '.' + MAC,
      'r1.spring.1e1.' + BODY + '.' + MAC,
      // how JavaScript and how LuaJIT write it themselves
      'r1.spring.1e-7.' + BODY + '.' + MAC,
      'r1.spring.1e-07.' + BODY + '.' + MAC,
      'r1.spring.0.5.' + BODY + '.' + MAC,
      'r1.spring.-0.' + BODY + '.' + MAC,
      'r1.spring. 1.' + BODY + '.' + MAC,
      'r1.spring.0x1.' + BODY + '.' + MAC,
      'r1.spring.1.5.' + BODY + '.' + MAC,
      'r1.spring.1024.' + BODY + '.' + MAC,
      'r1.spring.nan.' + BODY + '.' + MAC,
      'r1.spring.inf.' + BODY + '.' + MAC,
      'r1.spring.0.' + BODY + 'x.' + MAC,
      'r1.spring.0.' + BODY + '.' + MAC + 'x',
      'r1.spring.0.' + BODY + '.',
      'r1.spring.0.' + BODY,
    ]
    for (const id of wrong) expect(parseReservationId(id)).toBeUndefined()
  })

  it('is refused when it is too long to be one', () => {
    let sale = 'a'
    while (sale.length < 160) sale += 'a'
    expect(parseReservationId('r1.' + sale + '.0.' + BODY + '.' + MAC)).toBeUndefined()
  })
})
