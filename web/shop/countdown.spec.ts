import { describe, expect, it } from 'vitest'
import { clockText, countdownParts, markPassed, spokenDuration } from './countdown'

describe('countdown', () => {
  it('shows zero only when it is time', () => {
    expect(countdownParts(1)).toEqual({ days: 0, hours: 0, minutes: 0, seconds: 1 })
    expect(countdownParts(0)).toEqual({ days: 0, hours: 0, minutes: 0, seconds: 0 })
    expect(countdownParts(-5000).seconds).toBe(0)
  })

  it.each([
    [9000, '0:09'],
    [598_000, '9:58'],
    [4_198_000, '1:09:58'],
    [183_600_000, '2 d 03:00:00'],
  ])('writes %i ms as %s', (left_ms, text) => {
    expect(clockText(left_ms)).toBe(text)
  })

  it.each([
    [1000, '1 second'],
    [61_000, '1 minute 1 second'],
    [7_380_000, '2 hours 3 minutes'],
    [90_061_000, '1 day 1 hour'],
    [0, 'no time'],
  ])('says %i ms as %s', (left_ms, words) => {
    expect(spokenDuration(left_ms)).toBe(words)
  })

  it('notices each mark once', () => {
    expect(markPassed(60_200, 60_000)).toBe(60_000)
    expect(markPassed(60_000, 59_800)).toBeUndefined()
    // a tab that slept over several marks says the one that matters now
    expect(markPassed(700_000, 9000)).toBe(10_000)
  })
})
