// What the reserve script writes, byte by byte, and what is made of it when bytes are missing or wrong.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeEntry } from './intents'

const BODY = 'abcdefghijklmnopqrstuv'
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)

interface Packed {
  body?: string
  sku?: string
  quantity?: number
  price_version?: number
  kind?: number
  units?: string
  user?: string
  spends?: string
}

/** '>c22Bc0HI4BHc0Hc0Bc0', as struct.pack writes it. */
function pack({
  body = BODY,
  sku = 'thing',
  quantity = 1,
  price_version = 1,
  kind = 0,
  units = '1:1',
  user = 'ann',
  spends = '',
}: Packed) {
  const middle = Buffer.alloc(7)
  middle.writeUInt16BE(quantity, 0)
  middle.writeUInt32BE(price_version, 2)
  middle.writeUInt8(kind, 6)
  const text = (value: string, length_bytes: number) => {
    const bytes = Buffer.from(value)
    const length = Buffer.alloc(length_bytes)
    length.writeUIntBE(bytes.length, 0, length_bytes)
    return Buffer.concat([length, bytes])
  }
  return Buffer.concat([Buffer.from(body), text(sku, 1), middle, text(units, 2), text(user, 2), text(spends, 1)])
}

function entry(items: Buffer, count: number, changes: Record<string, string> = {}): Buffer[] {
  const fields = { e: '3', t: '1700000000123', n: String(count), ...changes }
  return [
    ...Object.entries(fields)
      .flat()
      .map((text) => Buffer.from(text)),
    Buffer.from('i'),
    items,
  ]
}

describe('an entry', () => {
  test('gives its intents in order, each with the entry’s epoch and time', () => {
    const items = Buffer.concat([
      pack({ units: '4:2,5:9', quantity: 2, price_version: 70_000, user: 'Zoë', spends: 'pabc,wdef' }),
      pack({ body: BODY.toUpperCase(), kind: 1, units: '', sku: 's'.repeat(64), user: 'u'.repeat(256) }),
    ])
    const { intents, problem } = decodeEntry('sale', 2, entry(items, 2))
    expect(problem).toBe('')
    expect(intents[0]).toEqual({
      sale: 'sale',
      shard: 2,
      epoch: 3,
      reserved_ms: 1700000000123,
      body: BODY,
      sku: 'thing',
      quantity: 2,
      price_version: 70_000,
      kind: 'purchase',
      units: [
        { unit: 4, generation: 2 },
        { unit: 5, generation: 9 },
      ],
      user: 'Zoë',
      spends: 'pabc,wdef',
    })
    expect(intents[1]).toMatchObject({ kind: 'late', units: [], sku: 's'.repeat(64), user: 'u'.repeat(256) })
  })

  test('that is cut off gives what is whole, and says where it ends', () => {
    const items = Buffer.concat([pack({}), pack({}).subarray(0, 40)])
    const { intents, problem } = decodeEntry('sale', 0, entry(items, 2))
    expect(intents.length).toBe(1)
    expect(problem).toMatch(/bytes wanted at \d+ of \d+/)
  })

  test('of an unknown kind, with wrong units, a wrong count or missing fields is a problem, never an exception', () => {
    expect(decodeEntry('s', 0, entry(pack({ kind: 2 }), 1)).problem).toContain('unknown kind')
    expect(decodeEntry('s', 0, entry(pack({ units: '1:x' }), 1)).problem).toContain('"1:x" is not unit:generation')
    expect(decodeEntry('s', 0, entry(pack({}), 2))).toMatchObject({
      problem: '2 intents announced, 1 found',
      intents: [{}],
    })
    expect(decodeEntry('s', 0, entry(pack({}), 1, { e: '' })).problem).toContain('field e')
    expect(decodeEntry('s', 0, []).problem).toContain('field e is ""')
    expect(decodeEntry('s', 0, [Buffer.from('e')]).problem).not.toBe('')
  })

  test(`of any bytes never throws (seed ${SEED})`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(3), (bytes, count) => {
        const { intents, problem } = decodeEntry('s', 0, entry(Buffer.from(bytes), count))
        expect(problem === '').toBe(bytes.length === 0 ? count === 0 : intents.length === count && problem === '')
      }),
      { seed: SEED },
    )
  })
})
