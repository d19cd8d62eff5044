import { describe, expect, it } from 'vitest'
import { escapedText, eventId, type HotItemEvent, printEvent, readEvent } from './hot-item-event'

const EVENT: HotItemEvent = {
  uri: '/web/item/shoe',
  ip: '192.0.2.7',
  token: 'AAAAAAAAAAAAAAAAAAAAAA',
  actime: '2026-01-01T12:00:00.123Z',
  sku: 'shoe',
  agent: 'chromium',
  status: 200,
  node: 'gate-1',
  worker: '0123456789abcdef',
  seq: 17,
}

/** EVENT with one member put in place of its own */
function but(name: string, value: unknown): Record<string, unknown> {
  const other: Record<string, unknown> = {}
  for (const each in EVENT) other[each] = (EVENT as unknown as Record<string, unknown>)[each]
  other[name] = value
  return other
}

describe('hot-item event', () => {
  it('is named by worker and number', () => {
    expect(eventId(EVENT)).toBe('0123456789abcdef-17')
  })

  it('is printed with its fields in this order', () => {
    expect(printEvent(EVENT)).toBe(
      '{"uri":"/web/item/shoe","ip":"192.0.2.7","token":"AAAAAAAAAAAAAAAAAAAAAA","actime":"2026-01-01T12:00:00.123Z",' +
        '"sku":"shoe","agent":"chromium","status":200,"node":"gate-1","worker":"0123456789abcdef","seq":17}',
    )
  })

  it('escapes what JSON does not allow in a text', () => {
    expect(escapedText('/a"b\\c\nd')).toBe('/a\\u0022b\\u005cc\\u000ad')
    expect(escapedText('"')).toBe('\\u0022')
    expect(escapedText('plain')).toBe('plain')
    expect(escapedText('')).toBe('')
  })

  it('reads what it printed', () => {
    const read = readEvent(but('more', 1))
    expect(typeof read).toBe('object')
    expect(printEvent(read as HotItemEvent)).toBe(printEvent(EVENT))
  })

  it('says what is wrong', () => {
    expect(readEvent('text')).toBe('must be an object')
    expect(readEvent(undefined)).toBe('must be an object')
    expect(readEvent(but('sku', ''))).toBe('sku must not be empty')
    expect(readEvent(but('sku', 5))).toBe('sku must be a text')
    expect(readEvent(but('ip', '1234567890123456789012345678901234567890123456'))).toBe('ip is too long')
    expect(readEvent(but('actime', '2026-01-01 12:00:00.123Z'))).toBe(
      'actime must be RFC 3339 in UTC with milliseconds',
    )
    expect(readEvent(but('worker', '0123456789ABCDEF'))).toBe('worker must be 16 hexadecimal digits')
    expect(readEvent(but('agent', 'lynx'))).toBe('agent must be one that is known')
    expect(readEvent(but('status', 20))).toBe('status must be a whole number from 100 to 999')
    expect(readEvent(but('seq', 0))).toBe('seq must be a whole number from 1')
    expect(readEvent(but('seq', 1.5))).toBe('seq must be a whole number from 1')
    expect(typeof readEvent(but('token', ''))).toBe('object')
  })
})
