import { describe, expect, it } from 'vitest'
import { farPollMs } from './degradation'
import {
  type AdmissionTerms,
  admittingIn,
  CALL_MS,
  chanceOf,
  etaSeconds,
  FAR_POLL_MS,
  FIRST_POLL_MS,
  frontSpeed,
  lookahead,
  measuredSpeed,
  pollAfterCalled,
  pollAfterOpening,
  pollAfterRebuilding,
  pollAfterWaiting,
  rateForBacklog,
  SEEN_MS,
  SOON_POLL_MS,
  tokensMax,
  WINDOW_MAX,
} from './waiting'

const TERMS: AdmissionTerms = { rate_per_s: 100, rate_now_per_s: 100, checkout_max: 2000, pass_ms: 120000 }

describe('before the opening and in a rebuild', () => {
  const terms: AdmissionTerms = { rate_per_s: 10, rate_now_per_s: 10, checkout_max: 1000, pass_ms: 60000 }

  it('has the first ask one after the other once it is open', () => {
    expect(pollAfterOpening(terms, 1, 20000)).toBe(20100)
    expect(pollAfterOpening(terms, 10, 20000)).toBe(21000)
    expect(pollAfterOpening(terms, lookahead(terms), 20000)).toBe(23000)
    expect(pollAfterOpening(terms, lookahead(terms) + frontSpeed(terms), 20000)).toBe(24000)
    expect(pollAfterOpening(terms, 1, 3600000) <= FAR_POLL_MS).toBe(true)
  })

  it('has everybody ask again before a call ends when the room is made anew', () => {
    for (let number = 1; number < 3000; number++) {
      const told_ms = pollAfterRebuilding(number)
      expect(told_ms >= 3000 && told_ms < CALL_MS).toBe(true)
    }
  })
})

describe('poll_after_ms', () => {
  it('is a second for the next, three for those next in line', () => {
    expect(pollAfterCalled(TERMS, 0, 0)).toBe(FIRST_POLL_MS)
    expect(pollAfterCalled(TERMS, 100, 0)).toBe(FIRST_POLL_MS)
    expect(pollAfterCalled(TERMS, 101, 0)).toBe(SOON_POLL_MS)
    expect(pollAfterWaiting(TERMS, 5, 10, 10, FAR_POLL_MS)).toBe(SOON_POLL_MS)
  })

  it('grows with the distance, never beyond a minute, and never past what a call is kept for', () => {
    let before = 0
    for (let distance = 1; distance < 20000; distance += 500) {
      // the same number each time, so that the spread is the same
      const poll_ms = pollAfterWaiting(TERMS, 1000, distance, 0, FAR_POLL_MS)
      expect(poll_ms >= before && poll_ms >= SOON_POLL_MS && poll_ms <= FAR_POLL_MS).toBe(true)
      const passed_ms = (distance * 1000) / frontSpeed(TERMS)
      expect(poll_ms < passed_ms + CALL_MS).toBe(true)
      before = poll_ms
    }
  })

  it('is stretched, where the node is degraded, for those far off alone, and never past what a call is kept for', () => {
    const far_ms = farPollMs(3, FAR_POLL_MS)
    let stretched = 0
    for (let distance = 1; distance < 2000000; distance += 997) {
      const usual_ms = pollAfterWaiting(TERMS, distance, distance, 0, FAR_POLL_MS)
      const poll_ms = pollAfterWaiting(TERMS, distance, distance, 0, far_ms)
      expect(poll_ms >= usual_ms && poll_ms <= far_ms).toBe(true)
      expect(poll_ms < (distance * 1000) / frontSpeed(TERMS) + CALL_MS).toBe(true)
      if (usual_ms < FAR_POLL_MS / 2) expect(poll_ms).toBe(usual_ms)
      if (poll_ms > FAR_POLL_MS) stretched += 1
    }
    expect(stretched > 100).toBe(true)
  })

  it('spreads those who came at once over half a minute', () => {
    let first = FAR_POLL_MS
    let last = 0
    for (let number = 50000; number < 51000; number++) {
      const poll_ms = pollAfterWaiting(TERMS, number, number, 0, FAR_POLL_MS)
      first = Math.min(first, poll_ms)
      last = Math.max(last, poll_ms)
    }
    expect(last - first > 29000).toBe(true)
    expect(first >= FAR_POLL_MS / 2).toBe(true)
  })

  it('leaves room for a lost poll', () => {
    expect(SEEN_MS > 2 * SOON_POLL_MS && SEEN_MS < 10000 && CALL_MS < 10000).toBe(true)
  })
})

describe('budget', () => {
  it('follows the backlog down and up', () => {
    expect(rateForBacklog(100, 0, 1000)).toBe(100)
    expect(rateForBacklog(100, 500, 1000)).toBe(100)
    expect(rateForBacklog(100, 750, 1000)).toBe(50)
    expect(rateForBacklog(100, 999, 1000)).toBe(0)
    expect(rateForBacklog(100, 1000, 1000)).toBe(0)
    expect(rateForBacklog(100, 5000, 1000)).toBe(0)
  })

  it('saves up three seconds, and nothing while stopped', () => {
    expect(tokensMax(TERMS)).toBe(300000)
    expect(tokensMax({ rate_per_s: 1, rate_now_per_s: 0, checkout_max: 1, pass_ms: 1 })).toBe(0)
  })

  it('calls up within bounds', () => {
    expect(lookahead(TERMS)).toBe(1500)
    expect(lookahead({ rate_per_s: 1, rate_now_per_s: 1, checkout_max: 1, pass_ms: 1 })).toBe(32)
    expect(lookahead({ rate_per_s: 99999, rate_now_per_s: 1, checkout_max: 99999, pass_ms: 1 })).toBe(WINDOW_MAX)
  })
})

describe('what is told', () => {
  it('is a time only when something moves', () => {
    expect(etaSeconds(0, 0)).toBe(0)
    expect(etaSeconds(10, 0)).toBeUndefined()
    expect(etaSeconds(10, -1)).toBeUndefined()
    expect(etaSeconds(10, 4)).toBe(3)
    expect(measuredSpeed(-1, 50, 1000)).toBe(50)
    expect(measuredSpeed(50, 50, 1000)).toBe(50)
    expect(measuredSpeed(50, 0, 0)).toBe(50)
    const slowed = measuredSpeed(50, 0, 10000)
    expect(slowed).toBe(25)
  })

  it('is the chance as it stands', () => {
    expect(chanceOf(-1, 0, 100000, 2)).toBe('good')
    expect(chanceOf(201, 0, 100, 2)).toBe('good')
    expect(chanceOf(200, 0, 100, 2)).toBe('fair')
    expect(chanceOf(100, 0, 100, 2)).toBe('slim')
    expect(chanceOf(0, 3, 100, 2)).toBe('waiting_for_returns')
    expect(chanceOf(0, 0, 100, 2)).toBe('none')
  })

  it('is sold out only when it is, and held units keep the places', () => {
    expect(admittingIn('open')).toBe('yes')
    expect(admittingIn('sold_out')).toBe('sold_out')
    expect(admittingIn('ended')).toBe('expired')
    for (const phase of ['upcoming', 'all_held', 'paused', 'rebuilding'] as const) {
      expect(admittingIn(phase)).toBe('later')
    }
  })
})
