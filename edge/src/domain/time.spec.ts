import { describe, expect, it } from 'vitest'
import { rfc3339 } from './time'

describe('rfc3339', () => {
  it('writes UTC with milliseconds, over leap days and ends of years', () => {
    expect(rfc3339(0)).toBe('1970-01-01T00:00:00.000Z')
    expect(rfc3339(951782399999)).toBe('2000-02-28T23:59:59.999Z')
    expect(rfc3339(951782400000)).toBe('2000-02-29T00:00:00.000Z')
    expect(rfc3339(1767225599001)).toBe('2025-12-31T23:59:59.001Z')
    expect(rfc3339(1767225600000)).toBe('2026-01-01T00:00:00.000Z')
    expect(rfc3339(4107542400000)).toBe('2100-03-01T00:00:00.000Z')
  })

  it('drops what is less than a millisecond', () => {
    expect(rfc3339(1767225600123.9)).toBe('2026-01-01T00:00:00.123Z')
  })
})
