import { describe, expect, it } from 'vitest'
import { ageS, endNow, hasTag, type ItemRules, missingMs, standingOf, takesGzip, timesOf } from './item-times'

const RULES: ItemRules = { fresh_ms: 10000, hot_fresh_ms: 60000, jitter: 0.2, stale_ms: 3600000, missing_ms: 2000 }
const NOW_MS = 1767225600000

describe('the times of a page', () => {
  it('fresh to its end, then stale, then gone', () => {
    const times = timesOf(RULES, NOW_MS, false, 0)
    expect(times.fresh_until_ms).toBe(NOW_MS + 10000)
    expect(standingOf(times, NOW_MS, false)).toBe('fresh')
    expect(standingOf(times, NOW_MS + 9999, false)).toBe('fresh')
    expect(standingOf(times, NOW_MS + 10000, false)).toBe('stale')
    expect(standingOf(times, NOW_MS + 3609999, false)).toBe('stale')
    expect(standingOf(times, NOW_MS + 3610000, false)).toBe('gone')
  })

  it('ends apart, by up to a fifth, and never late', () => {
    expect(timesOf(RULES, NOW_MS, false, 0.5).fresh_until_ms).toBe(NOW_MS + 9000)
    expect(timesOf(RULES, NOW_MS, false, 0.999999).fresh_until_ms).toBe(NOW_MS + 8000)
    expect(missingMs(RULES, 0)).toBe(2000)
    expect(missingMs(RULES, 0.999999)).toBe(1600)
  })

  it('hot ones are kept longer, and fetched anew before they end', () => {
    const times = timesOf(RULES, NOW_MS, true, 0)
    expect(standingOf(times, NOW_MS + 45000, true)).toBe('fresh')
    expect(standingOf(times, NOW_MS + 45001, true)).toBe('due')
    expect(standingOf(times, NOW_MS + 45001, false)).toBe('fresh')
    expect(standingOf(times, NOW_MS + 60000, true)).toBe('stale')
  })

  it('a change ends what is fresh and leaves what is stale', () => {
    const times = timesOf(RULES, NOW_MS, false, 0)
    const ended = endNow(times, NOW_MS + 100)
    expect(standingOf(ended, NOW_MS + 100, false)).toBe('stale')
    expect(ended.kept_until_ms).toBe(times.kept_until_ms)
    expect(endNow(times, NOW_MS + 20000).fresh_until_ms).toBe(NOW_MS + 10000)
  })

  it('age is in whole seconds, and not below 0 when clocks are set back', () => {
    const times = timesOf(RULES, NOW_MS, false, 0)
    expect(ageS(times, NOW_MS + 1999)).toBe(1)
    expect(ageS(times, NOW_MS - 5000)).toBe(0)
  })
})

describe('what a client has already', () => {
  it('is compared weakly, alone, in a list and as *', () => {
    for (const sent of ['W/"abc"', '"abc"', '*', 'W/"x", W/"abc"', '"x","abc"'])
      expect(hasTag(sent, 'W/"abc"')).toBe(true)
    for (const sent of ['', 'abc', '"abcd"', '"ab"', 'W/"xabc"']) expect(hasTag(sent, 'W/"abc"')).toBe(false)
  })
})

describe('gzip', () => {
  it('is taken by who says so', () => {
    const takers = [
      'gzip',
      'gzip, deflate, br',
      'br;q=1.0, gzip;q=0.8',
      'gzip;q=1',
      'gzip; q=0.5',
      'deflate;q=0, gzip',
      'gzip, br;q=0',
    ]
    for (const sent of takers) expect(sent + ' ' + takesGzip(sent)).toBe(sent + ' true')
    for (const sent of ['', 'br', 'identity', '*', 'gzip;q=0', 'gzip;q=0.0', 'gzip; q=0, br', 'gzip;q=0.000']) {
      expect(sent + ' ' + takesGzip(sent)).toBe(sent + ' false')
    }
  })
})
