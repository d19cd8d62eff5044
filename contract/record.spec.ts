import { describe, expect, it } from 'vitest'
import { formatRecord, parseRecord, type ReservationRecord } from './record'

const HELD: ReservationRecord = {
  version: 0,
  status: 'held',
  sku: 'shoe-42',
  quantity: 2,
  units: '17,18',
  reserved_ms: 1767225600123,
  pay_by_ms: 0,
  order: '',
}

const PAID: ReservationRecord = {
  version: 3,
  status: 'paid',
  sku: 'shoe-42',
  quantity: 1,
  units: '17',
  reserved_ms: 1767225600123,
  pay_by_ms: 1767226200000,
  order: 'spring-000017',
}

describe('record', () => {
  it('writes the eight fields as the reserve script does', () => {
    expect(formatRecord(HELD)).toBe('0|held|shoe-42|2|17,18|1767225600123||')
    expect(formatRecord(PAID)).toBe('3|paid|shoe-42|1|17|1767225600123|1767226200000|spring-000017')
  })

  it('reads what it wrote', () => {
    expect(parseRecord(formatRecord(HELD))).toEqual(HELD)
    expect(parseRecord(formatRecord(PAID))).toEqual(PAID)
  })

  it('keeps times of this century as whole numbers, not as 1.7e+12', () => {
    const late = parseRecord('1|confirmed|a|1|1|4102444799999|4102444799999|x')
    expect(late === undefined ? '' : formatRecord(late)).toBe('1|confirmed|a|1|1|4102444799999|4102444799999|x')
  })

  it('refuses text with too few fields', () => {
    expect(parseRecord('')).toBeUndefined()
    expect(parseRecord('-')).toBeUndefined()
    expect(parseRecord('0|held|shoe|1|17|1767225600123|')).toBeUndefined()
  })
})
