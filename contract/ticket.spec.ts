import { describe, expect, it } from 'vitest'
import { parsePass, readPassFields, unsignedPass } from './pass'
import { PASS, TICKET } from './test-vectors'
import { parseTicket, unsignedTicket } from './ticket'
import { isWord, wholeNumber } from './token-fields'

const SIGNED = 't1.k1.spring.em_Dqw.4711.1767225600000.1767268800000'
const MAC = 'vMiCCas4pycSbRukDVdFg373h_Y34VxmtmsRpKbYwhQ'
const SIGNED_PASS = 'p1.k1.spring.em_Dqw.AAECAwQFBgcICQoLDA0ODw.1767225720000'
const PASS_MAC = 'yb4rPZRN8n45WqDW1_jy0dqQx2GSEErhvcFKWK32csE'

function repeated(part: string, times: number): string {
  let text = ''
  for (let i = 0; i < times; i++) text = text + part
  return text
}

describe('ticket', () => {
  it('is read into its parts', () => {
    expect(parseTicket(TICKET)).toEqual({
      key_id: 'k1',
      sale: 'spring',
      user: 'em_Dqw',
      number: 4711,
      issued_ms: 1767225600000,
      expires_ms: 1767268800000,
      signed: SIGNED,
      mac: MAC,
    })
  })

  it('is signed over everything before the last dot', () => {
    expect(unsignedTicket('k1', 'spring', 'em_Dqw', 4711, 1767225600000, 1767268800000)).toBe(SIGNED)
  })

  it('has number 0 while its draw is to come', () => {
    expect(parseTicket('t1.k1.spring.em_Dqw.0.1.2.' + MAC)?.number).toBe(0)
  })

  it('fits with the longest fields that it can have', () => {
    const longest = unsignedTicket(
      repeated('k', 16),
      repeated('s', 64),
      repeated('u', 342),
      4294967295,
      99999999999999,
      99999999999999,
    )
    expect(parseTicket(longest + '.' + MAC)?.number).toBe(4294967295)
  })

  it('is refused in every other shape', () => {
    const wrong = [
      '',
      't1.',
      SIGNED,
      SIGNED + '.',
      SIGNED + '.' + MAC + 'A',
      SIGNED + '.' + MAC.substring(1),
      SIGNED + '.' + MAC + '.' + MAC,
      'p1' + SIGNED.substring(2) + '.' + MAC,
      't1..spring.em_Dqw.1.1.2.' + MAC,
      't1.k1..em_Dqw.1.1.2.' + MAC,
      't1.k1.spring..1.1.2.' + MAC,
      't1.k1.spring.em/Dqw.1.1.2.' + MAC,
      't1.k1.spring.em_Dqw..1.2.' + MAC,
      't1.k1.spring.em_Dqw.01.1.2.' + MAC,
      't1.k1.spring.em_Dqw.-1.1.2.' + MAC,
      't1.k1.spring.em_Dqw.0x1.1.2.' + MAC,
      't1.k1.spring.em_Dqw.1e1.1.2.' + MAC,
      't1.k1.spring.em_Dqw. 1.1.2.' + MAC,
      't1.k1.spring.em_Dqw.nan.1.2.' + MAC,
      't1.k1.spring.em_Dqw.inf.1.2.' + MAC,
      't1.k1.spring.em_Dqw.4294967296.1.2.' + MAC,
      't1.k1.spring.em_Dqw.1.0.2.' + MAC,
      't1.k1.spring.em_Dqw.1.1.0.' + MAC,
      't1.k1.spring.em_Dqw.1.1.100000000000000.' + MAC,
      't1.' + repeated('k', 17) + '.spring.em_Dqw.1.1.2.' + MAC,
      't1.k1.' + repeated('s', 65) + '.em_Dqw.1.1.2.' + MAC,
      't1.k1.spring.' + repeated('u', 343) + '.1.1.2.' + MAC,
      TICKET + repeated('A', 560),
    ]
    for (const token of wrong) expect(parseTicket(token)).toBeUndefined()
  })
})

describe('pass', () => {
  it('is read into its parts', () => {
    expect(parsePass(PASS)).toEqual({
      key_id: 'k1',
      sale: 'spring',
      user: 'em_Dqw',
      pass_id: 'AAECAwQFBgcICQoLDA0ODw',
      expires_ms: 1767225720000,
      signed: SIGNED_PASS,
      mac: PASS_MAC,
    })
  })

  it('is signed over everything before the last dot', () => {
    expect(unsignedPass('k1', 'spring', 'em_Dqw', 'AAECAwQFBgcICQoLDA0ODw', 1767225720000)).toBe(SIGNED_PASS)
  })

  it('is refused in every other shape', () => {
    const wrong = [
      '',
      'p1.',
      SIGNED_PASS,
      SIGNED_PASS + '.' + PASS_MAC + 'A',
      't1' + SIGNED_PASS.substring(2) + '.' + PASS_MAC,
      TICKET,
      'p1.k1.spring.em_Dqw.AAECAwQFBgcICQoLDA0OD.1.' + PASS_MAC,
      'p1.k1.spring.em_Dqw.AAECAwQFBgcICQoLDA0ODwA.1.' + PASS_MAC,
      'p1.k1.spring.em_Dqw.AAECAwQFBgcICQoLDA0OD+.1.' + PASS_MAC,
      'p1.k1.spring.em_Dqw.AAECAwQFBgcICQoLDA0ODw.0.' + PASS_MAC,
      'p1.k1.spring..AAECAwQFBgcICQoLDA0ODw.1.' + PASS_MAC,
      PASS + repeated('A', 544),
    ]
    for (const token of wrong) expect(parsePass(token)).toBeUndefined()
  })

  it('has its fields found where they stand, its characters left to the mac', () => {
    const fields = readPassFields(PASS)
    expect([fields?.key_id, fields?.sale, fields?.pass_id, fields?.expires_ms]).toEqual([
      'k1',
      'spring',
      'AAECAwQFBgcICQoLDA0ODw',
      1767225720000,
    ])
    expect(PASS.substring(fields?.user_from ?? 0, fields?.user_to)).toBe('em_Dqw')
    expect(PASS.substring(0, fields?.signed_end)).toBe(SIGNED_PASS)
    const wrong = ['', 'p1.', SIGNED_PASS, TICKET, PASS + repeated('A', 544), PASS.substring(1)]
    wrong.push('p1.k1.spring.em_Dqw.AAECAw.1.' + PASS_MAC, 'p1.k1.spring.em_Dqw.AAECAwQFBgcICQoLDA0ODw.x.' + PASS_MAC)
    for (const token of wrong) expect(readPassFields(token)).toBeUndefined()
  })
})

describe('fields', () => {
  it('are numbers in their own text only', () => {
    expect(wholeNumber('0', 0, 10)).toBe(0)
    expect(wholeNumber('9', 0, 10)).toBe(9)
    for (const text of ['10', '', ' 1', '1 ', '+1', '-0', '1.0', '1.5', '00']) expect(wholeNumber(text, 0, 10)).toBe(-1)
  })

  it('are words of base64url', () => {
    expect(isWord('aZ09-_', 1, 6)).toBe(true)
    for (const text of ['', 'abcdefg', 'a.b', 'a b', 'a+b', 'a/b', 'a=', 'é']) expect(isWord(text, 1, 6)).toBe(false)
  })
})
