import { describe, expect, it } from 'vitest'
import { type Address, parseAddress } from './address'
import { isInRanges, RANGES_MAX, type Ranges, readPublished, standingOf } from './crawlers'

const address = (text: string): Address => parseAddress(text) as Address

describe('published ranges', () => {
  it('are read as Google, Bing and Apple write them', () => {
    const ranges = readPublished({
      creationTime: '2026-11-20T15:46:02.000000',
      prefixes: [
        { ipv6Prefix: '2001:4860:4801:10::/64' },
        { ipv4Prefix: '66.249.64.0/27' },
        { ipv4Prefix: '66.249.64.32/27' },
      ],
    }) as Ranges
    expect(ranges.count).toBe(3)
    for (const text of ['66.249.64.0', '66.249.64.63', '2001:4860:4801:10::7']) {
      expect(isInRanges(ranges, address(text))).toBe(true)
    }
    for (const text of ['66.249.64.64', '66.249.63.255', '2001:4860:4801:11::7', '::1']) {
      expect(isInRanges(ranges, address(text))).toBe(false)
    }
  })

  it('are named when they are none', () => {
    const wrongs: unknown[] = [3, {}, { prefixes: 'all' }, { prefixes: [] }, { prefixes: [{}] }, { prefixes: [7] }]
    expect(typeof readPublished(undefined)).toBe('string')
    for (const wrong of wrongs) expect(typeof readPublished(wrong)).toBe('string')
    const many: unknown[] = []
    for (let i = 0; i <= RANGES_MAX; i++) many.push({ ipv4Prefix: '192.0.2.0/24' })
    expect(readPublished({ prefixes: many })).toContain('more than')
    expect(readPublished({ prefixes: [{ ipv4Prefix: '66.249.64.1/27' }] })).toBe('prefixes[0]: is no network')
    expect(readPublished({ prefixes: [{ ipv4Prefix: '0.0.0.0/0' }] })).toBe('prefixes[0]: is more than a /8')
  })
})

describe('standing', () => {
  it('is by ranges first, then by name, and nobody is false where nothing is known', () => {
    expect(standingOf(true, true, undefined)).toBe('verified')
    expect(standingOf(false, true, undefined)).toBe('false')
    expect(standingOf(false, false, undefined)).toBe('unverified')
    expect(standingOf(false, true, 'verified')).toBe('verified')
    expect(standingOf(false, true, 'unverified')).toBe('unverified')
    expect(standingOf(false, false, 'false')).toBe('false')
  })
})
