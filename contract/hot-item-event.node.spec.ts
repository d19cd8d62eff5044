import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EVENT_AGENTS, printEvent, readEvent } from './hot-item-event'

describe('hot-item event as JSON', () => {
  it('is read back by a JSON parser, whatever bytes are in it', () => {
    const text = (maxLength: number, minLength = 0) => fc.string({ unit: 'binary-ascii', minLength, maxLength })
    const events = fc.record({
      uri: text(512),
      ip: text(45),
      token: text(22),
      actime: fc.constant('2026-01-01T12:00:00.123Z'),
      sku: text(64, 1),
      agent: fc.constantFrom(...EVENT_AGENTS),
      status: fc.integer({ min: 100, max: 999 }),
      node: text(255, 1),
      worker: fc.constant('0123456789abcdef'),
      seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    })
    fc.assert(
      fc.property(events, (event) => {
        expect(readEvent(JSON.parse(printEvent(event)))).toEqual(event)
      }),
    )
  })
})
