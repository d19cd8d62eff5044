import { describe, expect, it } from 'vitest'
import { Random } from '../scripts/random'
import { intervalRank, judge, median, medianInterval, rounded } from './stats'

describe('median', () => {
  it('is the middle value, or the mean of the two middle ones', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([10, 9, 1, 2])).toBe(5.5)
  })

  it('sorts by number, not by text', () => {
    expect(median([100, 9, 10])).toBe(10)
  })

  it('of nothing is an error', () => {
    expect(() => median([])).toThrow('no values')
  })
})

describe('intervalRank', () => {
  it('agrees with the published table of the sign test (two-sided, 5 %)', () => {
    // Dixon and Mood's table gives r − 1: 6 → 0, 9 → 1, 12 → 2, 15 → 3, 20 → 5, 25 → 7, 40 → 13
    const published: [number, number][] = [
      [5, 0],
      [6, 1],
      [9, 2],
      [12, 3],
      [15, 4],
      [20, 6],
      [25, 8],
      [40, 14],
    ]
    for (const [n, rank] of published) expect([n, intervalRank(n)]).toEqual([n, rank])
  })
})

describe('medianInterval', () => {
  it('of 15 values is the 4th smallest to the 4th largest', () => {
    const values = [15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    expect(medianInterval(values)).toEqual({ median: 8, low: 4, high: 12 })
  })

  it('is not moved by a wild value', () => {
    const values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 1e9]
    expect(medianInterval(values)).toEqual({ median: 8, low: 4, high: 12 })
  })

  it('knows nothing from 5 values', () => {
    expect(medianInterval([1, 1, 1, 1, 1])).toEqual({
      median: 1,
      low: Number.NEGATIVE_INFINITY,
      high: Number.POSITIVE_INFINITY,
    })
  })

  it('holds the true median in at least 95 % of seeded runs', () => {
    const seed = 20240229
    const random = new Random(seed)
    let inside = 0
    const runs = 4000
    for (let run = 0; run < runs; run++) {
      // skewed, as times are: the true median of −ln(u) is ln 2
      const values = Array.from({ length: 15 }, () => -Math.log(1 - random.next()))
      const { low, high } = medianInterval(values)
      if (low <= Math.LN2 && Math.LN2 <= high) inside++
    }
    expect(inside / runs, `seed ${seed}`).toBeGreaterThan(0.955)
    expect(inside / runs, `seed ${seed}`).toBeLessThan(0.975)
  })
})

describe('judge', () => {
  it('is met or missed only when the whole interval is on one side of the limit', () => {
    expect(judge({ median: 0.5, low: 0.4, high: 0.6 }, 'at_most', 0.6)).toBe('met')
    expect(judge({ median: 0.5, low: 0.4, high: 0.61 }, 'at_most', 0.6)).toBe('unresolved')
    expect(judge({ median: 0.7, low: 0.61, high: 0.8 }, 'at_most', 0.6)).toBe('missed')
    expect(judge({ median: 1.5, low: 1.3, high: 1.6 }, 'at_least', 1.3)).toBe('met')
    expect(judge({ median: 1.5, low: 1.2, high: 1.6 }, 'at_least', 1.3)).toBe('unresolved')
    expect(judge({ median: 1.1, low: 1, high: 1.29 }, 'at_least', 1.3)).toBe('missed')
  })
})

describe('rounded', () => {
  it('keeps three significant digits', () => {
    expect([rounded(31234.5), rounded(0.56789), rounded(1.3)]).toEqual([31200, 0.568, 1.3])
  })
})
