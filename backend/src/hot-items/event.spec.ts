// What a gate may send, and what becomes of it.
import { describe, expect, test } from 'vitest'
import { type HotItemEvent, printEvent } from '../../../contract/hot-item-event'
import { EVENT_BYTES_MAX, isKept, readEventText } from './event'

const NOW_MS = Date.parse('2026-03-10T12:00:00.000Z')
const RANGE = { now_ms: NOW_MS, oldest_day: '2026.03.03' }

const EVENT: HotItemEvent = {
  uri: '/web/item/shoe',
  ip: '192.0.2.7',
  token: 'abcdefghijklmnopqrstuv',
  actime: '2026-03-10T11:59:59.500Z',
  sku: 'shoe',
  agent: 'chromium',
  status: 200,
  node: 'gate-1',
  worker: '00112233445566ff',
  seq: 17,
}

function read(change: Partial<Record<keyof HotItemEvent, unknown>>) {
  return readEventText(Buffer.from(JSON.stringify({ ...EVENT, ...change })), RANGE)
}

describe('an event', () => {
  test('is kept under its own name and the day of its own time', () => {
    expect(readEventText(Buffer.from(printEvent(EVENT)), RANGE)).toEqual({
      id: '00112233445566ff-17',
      day: '2026.03.10',
      at_ms: NOW_MS - 500,
      event: EVENT,
    })
    expect(read({ actime: '2026-03-05T23:59:59.999Z' })).toMatchObject({ day: '2026.03.05' })
    expect(isKept(read({ ip: '' }))).toBe(true)
    expect(isKept(read({ ip: '2001:db8::1' }))).toBe(true)
  })

  test('that a newer gate says more of is kept without it', () => {
    expect(read({ country: 'AQ' } as object)).toMatchObject({ event: EVENT })
  })

  test.each([
    ['{', 'is not JSON'],
    ['', 'is not JSON'],
    ['[]', 'uri must be a text'],
    ['null', 'must be an object'],
    [`"${'x'.repeat(EVENT_BYTES_MAX)}"`, `has more than ${EVENT_BYTES_MAX} bytes`],
  ])('that is %s is set aside', (text, reason) => {
    expect(readEventText(Buffer.from(text), RANGE)).toEqual({ cause: 'unreadable', reason })
  })

  test.each<[Partial<Record<keyof HotItemEvent, unknown>>, string]>([
    [{ ip: 'localhost' }, 'ip must be an address'],
    [{ ip: 'fe80::1%eth0' }, 'ip must be an address'],
    [{ uri: '/\0' }, 'must be without zero bytes'],
    [{ actime: '2026-02-31T00:00:00.000Z' }, 'actime must be a time that there is'],
    [{ actime: 'yesterday' }, 'actime must be RFC 3339 in UTC with milliseconds'],
    [{ seq: 0 }, 'seq must be a whole number from 1'],
  ])('with %j is set aside', (change, reason) => {
    expect(read(change)).toEqual({ cause: 'unreadable', reason })
  })

  test('of a day that is deleted, or of one to come, makes no index', () => {
    expect(isKept(read({ actime: '2026-03-03T00:00:00.000Z' }))).toBe(true)
    expect(read({ actime: '2026-03-02T23:59:59.999Z' })).toMatchObject({ cause: 'too_old' })
    expect(isKept(read({ actime: '2026-03-11T12:00:00.000Z' }))).toBe(true)
    expect(read({ actime: '2026-03-11T12:00:00.001Z' })).toMatchObject({ cause: 'ahead' })
  })
})
