import { describe, expect, it } from 'vitest'
import { type Entered, parseEntered, pollAfterEntering } from './drawing'

describe('what draw-ticket says', () => {
  it('is read, and left to others where somebody has a number', () => {
    expect(parseEntered('entered 5 9 300')).toEqual({ draw: 'entered', now_ms: 5, opens_ms: 9, entrants: 300 })
    expect(parseEntered('drawing 7')).toEqual({ draw: 'drawing', now_ms: 7, opens_ms: 0, entrants: 0 })
    for (const line of ['number 1 2 3 4 5', 'no_numbers', 'rebuilding', 'entered 5 9']) {
      expect(parseEntered(line)).toBeUndefined()
    }
  })
})

describe('an entrant asks again', () => {
  function entered(wait_ms: number, entrants: number): Entered {
    return { draw: 'entered', now_ms: 1000, opens_ms: 1000 + wait_ms, entrants }
  }

  it('soon after the opening, all within six seconds and at different times', () => {
    for (const entrants of [1, 1000, 100000, 1000000]) {
      const first = pollAfterEntering(entered(10000, entrants), 0)
      const last = pollAfterEntering(entered(10000, entrants), 0.999)
      expect(first >= 10500).toBe(true)
      expect(last - first <= 6000).toBe(true)
      expect(last - first >= 499).toBe(true)
    }
  })

  it('seldom while the opening is far, and at different times', () => {
    expect(pollAfterEntering(entered(3600000, 5), 0)).toBe(30000)
    expect(pollAfterEntering(entered(3600000, 5), 0.5)).toBe(45000)
  })

  it('often while the draw is made', () => {
    expect(pollAfterEntering({ draw: 'drawing', now_ms: 1, opens_ms: 0, entrants: 0 }, 0.5)).toBe(2250)
  })
})
