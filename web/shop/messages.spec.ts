import { describe, expect, it } from 'vitest'
import { REFUSALS, type RefusalCode, type ReservationStatus, type SalePhase } from '../../contract/codes'
import { leftWords, PHASE_WORDS, REFUSAL_WORDS, STATUS_WORDS } from './messages'

const codes = Object.keys(REFUSALS) as RefusalCode[]
/** What only engineers say. */
const JARGON =
  /\b(error|invalid|null|undefined|http|json|redis|session|token|idempoten\w*|header|server|[a-z]+_[a-z]+)\b/i

function expectPlain(text: string): void {
  expect(text).toMatch(/^[A-Z“]/)
  expect(text).not.toMatch(JARGON)
  expect(text).not.toMatch(/!/)
}

describe('words for shoppers', () => {
  it.each(codes)('has plain words for %s', (code) => {
    const { title, text } = REFUSAL_WORDS[code]
    expectPlain(title)
    expectPlain(text)
    expect(title.length).toBeLessThanOrEqual(40)
    expect(text).toMatch(/[.?]$/)
    expect(text.length).toBeGreaterThan(30)
  })

  it('has no words for codes that do not exist', () => {
    expect(Object.keys(REFUSAL_WORDS).toSorted()).toEqual(codes.toSorted())
  })

  it('has no two refusals that sound the same, save those that end in a reload', () => {
    const titles = codes.map((code) => REFUSAL_WORDS[code].title).filter((title) => title !== 'Please reload')
    expect(new Set(titles).size).toBe(titles.length)
  })

  it('has plain words for every phase and status', () => {
    const phases: SalePhase[] = ['upcoming', 'open', 'all_held', 'sold_out', 'paused', 'rebuilding', 'ended']
    const statuses: ReservationStatus[] = ['held', 'confirmed', 'paid', 'expired', 'cancelled', 'void', 'refunded']
    for (const phase of phases) expectPlain(PHASE_WORDS[phase].long)
    for (const status of statuses) expectPlain(STATUS_WORDS[status].long)
  })

  it('says what is left, exact or in bands', () => {
    expect(leftWords(1234)).toBe('1,234 left')
    expect(leftWords('few')).toBe('Only a few left')
    expect(leftWords(0)).toBe(leftWords('none'))
    // no end to it, or not known yet: no word is better than a wrong one
    expect(leftWords(null)).toBe('')
  })
})
