// What a crowd's admissions show, reckoned from outside: from when each pass was given by Redis' clock, and from who was there.
//
// Nothing here asks the gate or its script what was allowed: the terms alone say it.

import { Standing } from '../edge/spec/standing'

/** One line of bench/crowd's report. */
export interface CrowdPerson {
  number: number
  entered_ms: number
  /** 0: not admitted */
  place_end_ms: number
  /** 0: stayed */
  gone_ms: number
  late_ms: number
  polls: number
  refused?: string
}

export interface CrowdTerms {
  rate_per_s: number
  checkout_max: number
  pass_ms: number
  /** unused admissions are kept this long */
  burst_s: number
  /** when admissions began to come */
  began_ms: number
}

interface CrowdFigures {
  admitted: number
  over_admitted: number
  utilisation: number
  inversions: number
  reclaim_s: number
  /** people whose polls were later than this allows: nobody keeps a place for them, so they cannot be overtaken */
  late: number
  seconds: number
}

/** What the call of a place outlasts: a poll that comes later than this finds it given on. */
export const LATE_MS = 3000
const TICK_MS = 5

interface Happening {
  at_ms: number
  kind: 'comes' | 'goes' | 'admitted'
  person: CrowdPerson
}

export function judgeCrowd(people: CrowdPerson[], terms: CrowdTerms): CrowdFigures {
  const entered = people.filter(({ number }) => number > 0)
  const happenings = happeningsOf(entered, terms)
  const standing = new Standing(entered.reduce((most, { number }) => Math.max(most, number), 0))
  const there = new Set<number>()
  const came_up_ms: number[] = []
  const in_checkout: number[] = []
  const figures = { admitted: 0, over_admitted: 0, utilisation: 0, inversions: 0, reclaim_s: 0, late: 0, seconds: 0 }
  // thousandths, as the terms are reckoned: the rate is whole admissions a second, times whole milliseconds
  const tokens_max = 1000 * terms.burst_s * terms.rate_per_s
  let tokens = 0
  let at_ms = terms.began_ms
  let ended = 0
  let used = 0
  let usable = 0
  let is_counted = false

  const passTo = (to_ms: number): void => {
    for (; at_ms < to_ms; at_ms = Math.min(at_ms + TICK_MS, to_ms)) {
      const step_ms = Math.min(TICK_MS, to_ms - at_ms)
      tokens = Math.min(tokens_max, tokens + terms.rate_per_s * step_ms)
      const free = Math.floor(tokens / 1000)
      while (came_up_ms.length < figures.admitted + free) came_up_ms.push(at_ms + step_ms)
      if (there.size > terms.rate_per_s + free) {
        // what had been saved up before anybody waited could be used too
        if (usable === 0) usable = free
        usable += (terms.rate_per_s * step_ms) / 1000
        is_counted = true
      } else {
        is_counted = false
      }
    }
  }
  const leaves = (person: CrowdPerson): void => {
    if (!there.delete(person.number)) return
    standing.add(person.number, -1)
  }

  for (const { at_ms: now_ms, kind, person } of happenings) {
    passTo(now_ms)
    if (kind === 'comes') {
      there.add(person.number)
      standing.add(person.number, 1)
    } else if (kind === 'goes') {
      leaves(person)
    } else {
      const free = Math.floor(tokens / 1000)
      leaves(person)
      if (standing.upTo(person.number - 1) >= Math.max(1, free)) figures.inversions += 1
      const came_ms = came_up_ms[figures.admitted] ?? now_ms
      if (there.size > free) figures.reclaim_s = Math.max(figures.reclaim_s, (now_ms - came_ms) / 1000)
      figures.admitted += 1
      if (is_counted) used += 1
      tokens -= 1000
      in_checkout.push(person.place_end_ms)
      while (ended < in_checkout.length && (in_checkout[ended] as number) <= now_ms) ended += 1
      const by_rate = figures.admitted - Math.floor((terms.rate_per_s * (now_ms - terms.began_ms)) / 1000)
      const by_ceiling = in_checkout.length - ended - terms.checkout_max
      figures.over_admitted = Math.max(figures.over_admitted, by_rate, by_ceiling, tokens < 0 ? 1 : 0)
    }
  }
  figures.utilisation = usable === 0 ? 0 : Number((used / usable).toFixed(4))
  figures.late = entered.filter(({ late_ms }) => late_ms > LATE_MS).length
  figures.seconds = Math.round((at_ms - terms.began_ms) / 1000)
  return figures
}

/** In order of time; of one moment first who was admitted, by number: they were asked for in one script call. */
function happeningsOf(entered: CrowdPerson[], terms: CrowdTerms): Happening[] {
  const happenings: Happening[] = []
  for (const person of entered) {
    const is_admitted = person.place_end_ms > 0
    const admitted_ms = person.place_end_ms - terms.pass_ms
    // who was late once is nobody's to overtake
    if (person.late_ms <= LATE_MS) {
      happenings.push({ at_ms: person.entered_ms, kind: 'comes', person })
      if (person.gone_ms > 0) happenings.push({ at_ms: person.gone_ms, kind: 'goes', person })
    }
    if (is_admitted) happenings.push({ at_ms: admitted_ms, kind: 'admitted', person })
  }
  const order = { admitted: 0, goes: 1, comes: 2 }
  return happenings.sort(
    (a, b) => a.at_ms - b.at_ms || order[a.kind] - order[b.kind] || a.person.number - b.person.number,
  )
}
