import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoff, OPENING_SPREAD_MS, reservationPollDelay, statePollDelay } from './schedule'

const chance = fc.double({ min: 0, max: 0.999, noNaN: true })

function upcoming(until_open_ms: number, random: number, hidden = false): number {
  return statePollDelay({ phase: 'upcoming', until_open_ms, failures: 0, hidden, poll_after_ms: undefined }, random)
}

describe('polling a sale’s state', () => {
  it('grows denser towards the opening', () => {
    const delays = [7_200_000, 1_800_000, 300_000, 30_000].map((until_open_ms) => upcoming(until_open_ms, 0.5))
    expect(delays).toEqual([60_000, 30_000, 10_000, 5000])
  })

  it('never sleeps through the opening, and never wakes everybody at once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600_000 }), chance, fc.boolean(), (until_open_ms, random, hidden) => {
        if (until_open_ms > 60_000 && hidden) return
        expect(upcoming(until_open_ms, random, hidden)).toBeLessThanOrEqual(until_open_ms + OPENING_SPREAD_MS)
      }),
    )
    expect(upcoming(1000, 0)).not.toBe(upcoming(1000, 0.9))
  })

  it('asks more rarely in the background, but not near the opening', () => {
    const open = {
      phase: 'open',
      until_open_ms: -600_000,
      failures: 0,
      hidden: false,
      poll_after_ms: undefined,
    } as const
    expect(statePollDelay({ ...open, hidden: true }, 0.5)).toBe(5 * statePollDelay(open, 0.5))
    expect(upcoming(20_000, 0.5, true)).toBe(upcoming(20_000, 0.5))
  })

  it('asks as rarely as a degraded server wants, spread, but not near the opening', () => {
    const open = { phase: 'open', until_open_ms: -600_000, failures: 0, hidden: false, poll_after_ms: 24_000 } as const
    expect(statePollDelay(open, 0.5)).toBe(24_000)
    expect(statePollDelay(open, 0)).toBe(18_000)
    expect(statePollDelay({ ...open, poll_after_ms: 1 }, 0.5)).toBe(3000)
    const soon = { ...open, phase: 'upcoming', until_open_ms: 2000 } as const
    expect(statePollDelay(soon, 0.5)).toBeLessThanOrEqual(2000 + OPENING_SPREAD_MS)
  })

  it('backs off after failures, up to a ceiling and never to nothing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), chance, (failures, random) => {
        expect(backoff(failures, random)).toBeGreaterThanOrEqual(500)
        expect(backoff(failures, random)).toBeLessThanOrEqual(30_000)
      }),
    )
    expect(backoff(4, 0)).toBeGreaterThan(backoff(1, 0.99))
  })
})

describe('polling a reservation', () => {
  it('keeps to what the server asks, spread', () => {
    expect(reservationPollDelay('held', 800, 0, 0.5)).toBe(800)
    expect(reservationPollDelay('held', 800, 0, 0)).toBe(600)
  })

  it('never hammers, whatever the server says', () => {
    expect(reservationPollDelay('held', 0, 0, 0)).toBeGreaterThan(200)
  })

  it('ends with what is final, and goes on while a late payment may still come', () => {
    for (const status of ['paid', 'cancelled', 'void', 'refunded'] as const) {
      expect(reservationPollDelay(status, 1000, 0, 0.5)).toBeUndefined()
    }
    expect(reservationPollDelay('expired', undefined, 0, 0.5)).toBe(15_000)
  })
})
