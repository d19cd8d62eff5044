// Receipts: what was sealed is opened, anything changed is not, and none tells more by its length.
import { describe, expect, test } from 'vitest'
import type { ReceiptInputs } from '../../../contract/receipt'
import { Keyring } from '../secrets'
import { openReceipt, sealReceipt } from './receipts'

const OLD = { id: 'k1', text: 'the first secret of all' }
const NEW = { id: 'k2', text: 'the secret after rotation' }
const INPUTS: ReceiptInputs = {
  time: '1800000000000',
  code: 'rate_limited',
  plugin: 'rate-limit',
  node: 'gate-1',
  address: '2001:db8::1',
  route: 'reserve',
  limit: 'address',
  subject: 'spring',
  user: 'Zoë ☃\n',
}

describe('a receipt', () => {
  const keyring = new Keyring([OLD])
  const receipt = sealReceipt(keyring, INPUTS)

  test('says what it was decided on', () => {
    expect(openReceipt(keyring, receipt)).toEqual({ receipt: INPUTS })
  })

  test('survives the rotation of secrets until its own secret is gone', () => {
    expect(openReceipt(new Keyring([NEW, OLD]), receipt)).toEqual({ receipt: INPUTS })
    expect(openReceipt(new Keyring([NEW]), receipt)).toEqual({ problem: 'not_ours' })
  })

  test('has one length and is never the same twice', () => {
    const empty: ReceiptInputs = { ...INPUTS, code: 'busy', limit: '', subject: '', user: '' }
    expect(sealReceipt(keyring, empty)).toHaveLength(receipt.length)
    expect(sealReceipt(keyring, { ...INPUTS, user: 'x'.repeat(5000) })).toHaveLength(receipt.length)
    expect(sealReceipt(keyring, INPUTS)).not.toBe(receipt)
    expect(Buffer.from(receipt.substring(6), 'base64url').toString('latin1')).not.toContain('rate')
  })

  test('is not opened with any one character changed, cut or added', () => {
    for (let i = 0; i < receipt.length; i++) {
      const other = receipt[i] === 'A' ? 'B' : 'A'
      const changed = receipt.substring(0, i) + other + receipt.substring(i + 1)
      expect([i, 'problem' in openReceipt(keyring, changed)]).toEqual([i, true])
      expect(openReceipt(keyring, receipt.substring(0, i))).toEqual({ problem: 'malformed' })
    }
    expect(openReceipt(keyring, `${receipt}A`)).toEqual({ problem: 'malformed' })
    expect(openReceipt(keyring, `${receipt.substring(0, receipt.length - 1)}=`)).toEqual({ problem: 'malformed' })
  })
})
