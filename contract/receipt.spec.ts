import { describe, expect, it } from 'vitest'
import {
  parseReceipt,
  parseReceiptText,
  RECEIPT_FIELD_BYTES,
  RECEIPT_SEALED_LENGTH,
  RECEIPT_TEXT_BYTES,
  type ReceiptInputs,
  receiptText,
} from './receipt'

const INPUTS: ReceiptInputs = {
  time: '1767268800123',
  code: 'rate_limited',
  plugin: 'rate-limit',
  node: 'gate-1',
  address: '2001:db8::1',
  route: 'reserve',
  limit: 'address',
  subject: 'spring',
  user: 'ada\nlovelace',
}

function long(character: string, length: number): string {
  let text = ''
  while (text.length < length) text += character
  return text
}

describe('receipt', () => {
  it('gives back what went in, zeroes after it or not', () => {
    const text = receiptText(INPUTS)
    expect(parseReceiptText(text)).toEqual(INPUTS)
    expect(parseReceiptText(text + long('\0', RECEIPT_TEXT_BYTES - text.length))).toEqual(INPUTS)
  })

  it('has room for every field at its longest, and cuts what is longer', () => {
    const wide: ReceiptInputs = {
      time: INPUTS.time,
      code: long('c', 300),
      plugin: long('p', 300),
      node: long('n', 300),
      address: long('a', 300),
      route: long('r', 300),
      limit: long('l', 300),
      subject: long('s', 300),
      user: long('u', 300),
    }
    const text = receiptText(wide)
    expect(text.length <= RECEIPT_TEXT_BYTES).toBe(true)
    const read = parseReceiptText(text)
    expect(read?.user).toBe(long('u', RECEIPT_FIELD_BYTES.user - 1) + '~')
    expect(read?.subject).toBe(long('s', RECEIPT_FIELD_BYTES.subject - 1) + '~')
    expect(read?.code).toBe(long('c', RECEIPT_FIELD_BYTES.code - 1) + '~')
  })

  it('is nothing when it was never written', () => {
    const text = receiptText(INPUTS)
    for (const wrong of ['', 'x', '\n\n\n\n\n\n\n\n\n', text.substring(0, text.length - 1), 'x' + text]) {
      expect(parseReceiptText(wrong)).toBeUndefined()
    }
  })

  it('is taken apart only in its own shape', () => {
    const sealed = long('A', RECEIPT_SEALED_LENGTH)
    expect(parseReceipt('e1.k1.' + sealed)).toEqual({ key_id: 'k1', sealed })
    for (const wrong of ['', 'e1.', 'e2.k1.' + sealed, 'e1..' + sealed, 'e1.k1.' + sealed + 'A', 'e1.k1' + sealed]) {
      expect(parseReceipt(wrong)).toBeUndefined()
    }
  })
})
