import { describe, expect, it } from 'vitest'
import { type Admission, advance, ask, freePlaces, leave, newAdmission } from './admission'
import { type AdmissionTerms, CALL_MS, FIRST_POLL_MS, lookahead, SEEN_MS } from './waiting'

const TERMS: AdmissionTerms = { rate_per_s: 10, rate_now_per_s: 10, checkout_max: 3, pass_ms: 60000 }

function roomWith(issued: number): Admission {
  const state = newAdmission(TERMS, 0)
  state.issued = issued
  advance(state, TERMS, 3000)
  return state
}

/** `number` polls at `now_ms`; its user and pass are named after it. */
function poll(state: Admission, number: number, now_ms: number): string {
  advance(state, TERMS, now_ms)
  const answer = ask(state, TERMS, true, number, 'u' + number, 'p' + number)
  return answer.status === 'waiting' ? 'waiting ' + answer.ahead : answer.status + ' ' + answer.pass_id
}

describe('admission', () => {
  it('keeps a place for each who is before, and gives the rest', () => {
    const state = roomWith(100)
    expect(poll(state, 4, 3000)).toBe('waiting 3')
    expect(poll(state, 3, 3000)).toBe('admitted p3')
    expect(poll(state, 2, 3000)).toBe('admitted p2')
    // two places are taken; the third is kept for 1
    expect(poll(state, 4, 3000)).toBe('waiting 1')
    expect(poll(state, 1, 3001)).toBe('admitted p1')
    expect(poll(state, 4, 3002)).toBe('waiting 0')
    expect(state.in_checkout).toBe(3)
  })

  it('never lets more into checkout than the ceiling', () => {
    const state = roomWith(100)
    let admitted = 0
    for (let n = 1; n <= 100; n++) if (poll(state, n, 3500) === 'admitted p' + n) admitted += 1
    expect(admitted).toBe(3)
    expect(freePlaces(state, TERMS, true)).toBe(0)
  })

  it('never lets more in than the rate has allowed', () => {
    const terms: AdmissionTerms = { rate_per_s: 10, rate_now_per_s: 10, checkout_max: 1000, pass_ms: 60000 }
    const state = newAdmission(terms, 0)
    state.issued = 100
    let admitted = 0
    for (let now_ms = 0; now_ms <= 2050; now_ms += 50) {
      advance(state, terms, now_ms)
      for (let n = 1; n <= 100; n++) {
        if (state.admitted['u' + n] === undefined && ask(state, terms, true, n, 'u' + n, 'p').status === 'admitted') {
          admitted += 1
        }
      }
      expect(admitted).toBe(Math.floor(now_ms / 100))
    }
  })

  it('lets nobody in while the backlog forbids it', () => {
    const stopped: AdmissionTerms = { rate_per_s: 10, rate_now_per_s: 0, checkout_max: 3, pass_ms: 60000 }
    const state = roomWith(100)
    advance(state, stopped, 3001)
    expect(ask(state, stopped, true, 1, 'u1', 'p1').status).toBe('waiting')
    expect(poll(state, 1, 3102)).toBe('admitted p1')
  })

  it('gives the same pass again, also for another ticket of the same user', () => {
    const state = roomWith(100)
    expect(poll(state, 1, 3000)).toBe('admitted p1')
    expect(ask(state, TERMS, true, 1, 'u1', 'other').pass_id).toBe('p1')
    expect(ask(state, TERMS, true, 77, 'u1', 'other').pass_id).toBe('p1')
    expect(state.in_checkout).toBe(1)
  })

  it('ends all tickets of a user with the turn, and no later ones', () => {
    const state = roomWith(100)
    expect(poll(state, 1, 3000)).toBe('admitted p1')
    expect(leave(state, 'u1', 'p1')).toBe(true)
    expect(leave(state, 'u1', 'p1')).toBe(false)
    expect(state.in_checkout).toBe(0)
    expect(ask(state, TERMS, true, 1, 'u1', 'p').status).toBe('expired')
    expect(ask(state, TERMS, true, 100, 'u1', 'p').status).toBe('expired')
    state.issued = 101
    expect(ask(state, TERMS, true, 101, 'u1', 'p').status).toBe('waiting')
  })

  it('takes the place of a pass back when it ends', () => {
    const state = roomWith(100)
    for (let n = 1; n <= 3; n++) expect(poll(state, n, 3000)).toBe('admitted p' + n)
    expect(poll(state, 4, 3000 + TERMS.pass_ms - 1)).toBe('waiting 0')
    expect(poll(state, 4, 3000 + TERMS.pass_ms)).toBe('admitted p4')
    expect(poll(state, 1, 3000 + TERMS.pass_ms)).toBe('expired ')
  })

  it('moves an unclaimed place on within ten seconds', () => {
    const state = roomWith(4)
    // only 4 is there: 1 to 3 never poll
    let now_ms = 3000
    while (poll(state, 4, now_ms) !== 'admitted p4') now_ms += FIRST_POLL_MS
    expect(now_ms - 3000).toBe(CALL_MS)
  })

  it('counts whoever polls, and lets whoever was away come back to the same place', () => {
    const state = roomWith(200)
    for (let n = 1; n <= 3; n++) expect(poll(state, n, 3000)).toBe('admitted p' + n)
    expect(poll(state, 5, 8000)).toBe('waiting 1')
    // 4 has not been heard of until the call ended
    expect(poll(state, 5, 12000)).toBe('waiting 0')
    expect(poll(state, 4, 13000)).toBe('waiting 0')
    expect(poll(state, 5, 13000)).toBe('waiting 1')
    expect(leave(state, 'u1', 'p1')).toBe(true)
    expect(poll(state, 5, 13001)).toBe('waiting 1')
    expect(poll(state, 4, 13002)).toBe('admitted p4')
    expect(poll(state, 5, 13003)).toBe('waiting 0')
  })

  it('waits in a room made anew for all who are there', () => {
    const state = roomWith(100)
    state.admits_from_ms = 3000 + SEEN_MS
    expect(poll(state, 5, 3000)).toBe('waiting 4')
    expect(poll(state, 1, 3000 + SEEN_MS - 1)).toBe('waiting 0')
    expect(poll(state, 1, 3000 + SEEN_MS)).toBe('admitted p1')
  })

  it('keeps places while nothing is given', () => {
    const state = roomWith(100)
    expect(ask(state, TERMS, false, 1, 'u1', 'p1').status).toBe('waiting')
    advance(state, TERMS, 3000 + SEEN_MS - 1)
    expect(ask(state, TERMS, true, 1, 'u1', 'p1').status).toBe('admitted')
  })

  it('calls up no more than the window, and never a number that was not given out', () => {
    const state = newAdmission(TERMS, 0)
    state.issued = 5
    advance(state, TERMS, 1)
    expect(state.front).toBe(5)
    state.issued = 100000
    for (let now_ms = 2; now_ms < 60000; now_ms += 7) {
      advance(state, TERMS, now_ms)
      expect(state.called.length <= lookahead(TERMS)).toBe(true)
    }
    expect(poll(state, 99999, 60000)).toContain('waiting ')
  })
})
