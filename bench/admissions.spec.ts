import { describe, expect, it } from 'vitest'
import { type CrowdPerson, type CrowdTerms, judgeCrowd, LATE_MS } from './admissions'

const TERMS: CrowdTerms = { rate_per_s: 10, checkout_max: 1000, pass_ms: 60_000, burst_s: 3, began_ms: 1_000_000 }

/** Everybody is there from the beginning; the n-th is let in when the n-th place comes up, `late_ms` later. */
function crowd(count: number, late_ms = 0): CrowdPerson[] {
  return Array.from({ length: count }, (_, i) => ({
    number: i + 1,
    entered_ms: TERMS.began_ms,
    place_end_ms: TERMS.began_ms + (i + 1) * 100 + late_ms + TERMS.pass_ms,
    gone_ms: 0,
    late_ms: 0,
    polls: 1,
  }))
}

function swapPasses(people: CrowdPerson[], a: number, b: number): void {
  const [one, other] = [people[a], people[b]] as [CrowdPerson, CrowdPerson]
  ;[one.place_end_ms, other.place_end_ms] = [other.place_end_ms, one.place_end_ms]
}

describe('a crowd is judged', () => {
  it('faultless when each place is given to the next in the moment it comes up', () => {
    const figures = judgeCrowd(crowd(200), TERMS)
    expect(figures).toMatchObject({ admitted: 200, over_admitted: 0, inversions: 0, late: 0 })
    expect(figures.utilisation).toBeGreaterThan(0.99)
    expect(figures.reclaim_s).toBeLessThan(0.02)
  })

  it('by the rate: one who comes in before the place came up is one too many', () => {
    const people = crowd(200)
    const early = people[100] as CrowdPerson
    early.place_end_ms -= 150
    expect(judgeCrowd(people, TERMS).over_admitted).toBe(1)
  })

  it('by the ceiling of people in checkout', () => {
    expect(judgeCrowd(crowd(200), { ...TERMS, checkout_max: 150 }).over_admitted).toBe(50)
  })

  it('by the order: a later number before an earlier one that is there', () => {
    const people = crowd(200)
    swapPasses(people, 50, 80)
    expect(judgeCrowd(people, TERMS).inversions).toBe(30)
  })

  it('but not where the earlier one had gone, or polled late', () => {
    const gone = crowd(200)
    Object.assign(gone[50] as CrowdPerson, { place_end_ms: 0, gone_ms: TERMS.began_ms + 1000 })
    expect(judgeCrowd(gone, TERMS).inversions).toBe(0)
    const late = crowd(200)
    // thirty others go before it, each a place earlier
    const one = late[50] as CrowdPerson
    for (let i = 51; i <= 80; i++) (late[i] as CrowdPerson).place_end_ms -= 100
    one.place_end_ms += 3000
    expect(judgeCrowd(late, TERMS)).toMatchObject({ inversions: 30, late: 0 })
    one.late_ms = LATE_MS + 1
    expect(judgeCrowd(late, TERMS)).toMatchObject({ inversions: 0, late: 1 })
  })

  it('by how long a place lies free', () => {
    expect(judgeCrowd(crowd(200, 1500), TERMS).reclaim_s).toBeCloseTo(1.5, 1)
  })

  it('by what was not used while people waited', () => {
    const people = crowd(200).filter(({ number }) => number % 2 === 0)
    const waiting = crowd(400)
      .slice(200)
      .map((person) => ({ ...person, place_end_ms: 0 }))
    expect(judgeCrowd([...people, ...waiting], TERMS).utilisation).toBeCloseTo(0.5, 1)
  })
})
