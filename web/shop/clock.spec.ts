import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { betterClock, type ServerClock, sampleClock, serverNow } from './clock'

describe('the server’s clock', () => {
  it('takes half the round trip as the age of an answer', () => {
    const clock = sampleClock(1000, 1200, 50_000)
    expect(serverNow(clock, 1200)).toBe(50_100)
    expect(clock.error_ms).toBe(100)
  })

  it('keeps the tightest sample', () => {
    const tight = sampleClock(1000, 1020, 50_000)
    const loose = sampleClock(2000, 2400, 51_100)
    expect(betterClock(tight, loose)).toBe(tight)
    expect(betterClock(loose, tight)).toBe(tight)
  })

  it('lets an old sample go when drift has made it worse than a new one', () => {
    const tight = sampleClock(0, 20, 50_000)
    const hours_later = 3_600_000
    const next = sampleClock(hours_later, hours_later + 200, 50_000 + hours_later + 80)
    expect(betterClock(tight, next)).toBe(next)
  })

  it('believes the newest when samples contradict each other: a device that slept', () => {
    const before = sampleClock(1000, 1020, 50_000)
    const after_sleep = sampleClock(2000, 2600, 9_000_000)
    expect(betterClock(before, after_sleep)).toBe(after_sleep)
  })

  it('is never wrong by more than it says, whatever the network does', () => {
    const exchange = fc.record({
      wait_ms: fc.integer({ min: 0, max: 60_000 }),
      out_ms: fc.integer({ min: 0, max: 3000 }),
      back_ms: fc.integer({ min: 0, max: 3000 }),
    })
    fc.assert(
      fc.property(fc.array(exchange, { minLength: 1 }), fc.integer(), (exchanges, true_offset_ms) => {
        let at_ms = 0
        let clock: ServerClock | undefined
        for (const { wait_ms, out_ms, back_ms } of exchanges) {
          const sent_ms = at_ms + wait_ms
          at_ms = sent_ms + out_ms + back_ms
          clock = betterClock(clock, sampleClock(sent_ms, at_ms, sent_ms + out_ms + true_offset_ms))
        }
        const wrong_ms = Math.abs((clock?.offset_ms ?? Number.NaN) - true_offset_ms)
        expect(wrong_ms).toBeLessThanOrEqual(clock?.error_ms ?? 0)
      }),
    )
  })
})
