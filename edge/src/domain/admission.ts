// Who may go to checkout, exactly: the rule of the waiting room as a state machine, without clock, chance or network.
//
// Promises: never more people in checkout than the ceiling, never more passes than the rate has allowed; a later number gets a place
// only when every earlier one that is called up and there has one kept; a place kept for somebody who is gone moves
// on within 10 s; asking again gives the same pass. It knows the numbers called up and those who were admitted,
// nothing of those who wait behind.
//
// Numbers are called up in order, well before there is a place for them (lookahead), and a called number counts
// from then on: until its call ends (CALL_MS), and after each poll for SEEN_MS more. Whoever polls is admitted when fewer
// numbers than free places count before theirs. So a place is never given past somebody who is there, and
// by the time a place comes up those who went away have long stopped counting. Somebody who comes back counts again, in the old place.
// A room made anew after a loss knows nobody who counts: it admits only from admits_from_ms on, when all who are there have polled.
//
// The script edge/src/redis/claim.ts does the same in Redis, for all gates at once; backend/test/admission.spec.ts holds the
// two against each other.
import {
  type AdmissionTerms,
  CALL_MS,
  frontSpeed,
  lookahead,
  SEEN_MS,
  STEP_MAX,
  tokensMax,
  WINDOW_MAX,
} from './waiting'

export interface Admitted {
  pass_id: string
  expires_ms: number
  /** highest number given out when the pass was: tickets up to it were this user's turn */
  turn_of: number
  in_checkout: boolean
}

interface PassEnd {
  user: string
  pass_id: string
  expires_ms: number
}

/** Ends that are over are thrown away in lots of this many. */
const ENDED_MAX = 1024

export interface Admission {
  /** highest ticket number given out */
  issued: number
  /** highest number called up */
  front: number
  /** thousandths of numbers that the front may take at once */
  credit: number
  /** thousandths of admissions */
  tokens: number
  at_ms: number
  /** nobody is admitted before; 0 in a room that was never lost */
  admits_from_ms: number
  /** called up and counting, ascending, and until when each counts */
  called: number[]
  until_ms: number[]
  in_checkout: number
  /** by user */
  admitted: Record<string, Admitted | undefined>
  /** passes in order of their ends: those of one sale are all good for the same time */
  ends: PassEnd[]
  /** how many of them are over */
  ended: number
}

export function newAdmission(terms: AdmissionTerms, now_ms: number): Admission {
  return {
    issued: 0,
    front: 0,
    credit: 1000 * lookahead(terms),
    tokens: 0,
    at_ms: now_ms,
    admits_from_ms: 0,
    called: [],
    until_ms: [],
    in_checkout: 0,
    admitted: {},
    ends: [],
    ended: 0,
  }
}

/** Time passes: budget comes, passes and calls end, the front moves. To be done before any ask at `now_ms`. */
export function advance(state: Admission, terms: AdmissionTerms, now_ms: number): void {
  const passed_ms = Math.max(0, now_ms - state.at_ms)
  state.at_ms = Math.max(state.at_ms, now_ms)
  state.tokens = Math.min(tokensMax(terms), state.tokens + terms.rate_now_per_s * passed_ms)
  state.credit = Math.min(1000 * lookahead(terms), state.credit + frontSpeed(terms) * passed_ms)
  endPasses(state, state.at_ms)
  endCalls(state, state.at_ms)
  const room = Math.min(lookahead(terms) - state.called.length, state.issued - state.front)
  const step = Math.max(0, Math.min(room, STEP_MAX, Math.floor(state.credit / 1000)))
  for (let i = 1; i <= step; i++) {
    state.called.push(state.front + i)
    state.until_ms.push(state.at_ms + CALL_MS)
  }
  state.front += step
  state.credit -= 1000 * step
}

function endPasses(state: Admission, now_ms: number): void {
  while (state.ended < state.ends.length) {
    const end = state.ends[state.ended] as PassEnd
    if (end.expires_ms > now_ms) break
    leave(state, end.user, end.pass_id)
    state.ended += 1
  }
  if (state.ended < ENDED_MAX) return
  const rest: PassEnd[] = []
  for (let i = state.ended; i < state.ends.length; i++) rest.push(state.ends[i] as PassEnd)
  state.ends = rest
  state.ended = 0
}

function endCalls(state: Admission, now_ms: number): void {
  let kept = 0
  const count = state.called.length
  for (let i = 0; i < count; i++) {
    if ((state.until_ms[i] as number) > now_ms) {
      if (kept < i) {
        state.called[kept] = state.called[i] as number
        state.until_ms[kept] = state.until_ms[i] as number
      }
      kept += 1
    }
  }
  for (let i = kept; i < count; i++) {
    state.called.pop()
    state.until_ms.pop()
  }
}

/** How many called numbers count before this one: its index, or where it would stand. */
function rankOf(state: Admission, number: number): number {
  let low = 0
  let high = state.called.length
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((state.called[middle] as number) < number) low = middle + 1
    else high = middle
  }
  return low
}

/** Places that may be given at this instant. */
export function freePlaces(state: Admission, terms: AdmissionTerms, is_admitting: boolean): number {
  if (!is_admitting || state.at_ms < state.admits_from_ms) return 0
  return Math.max(0, Math.min(Math.floor(state.tokens / 1000), terms.checkout_max - state.in_checkout))
}

interface AskAnswer {
  status: 'waiting' | 'admitted' | 'expired'
  /** waiting: numbers that count before this one, and everybody behind the front and before it */
  ahead: number
  /** admitted */
  pass_id: string
  expires_ms: number
}

function waiting(ahead: number): AskAnswer {
  return { status: 'waiting', ahead, pass_id: '', expires_ms: 0 }
}

/** Somebody polls; `pass_id` is what a new pass would be called. advance comes first. */
export function ask(
  state: Admission,
  terms: AdmissionTerms,
  is_admitting: boolean,
  number: number,
  user: string,
  pass_id: string,
): AskAnswer {
  const known = state.admitted[user]
  if (known !== undefined) {
    if (known.in_checkout) {
      return { status: 'admitted', ahead: 0, pass_id: known.pass_id, expires_ms: known.expires_ms }
    }
    if (number <= known.turn_of) return { status: 'expired', ahead: 0, pass_id: '', expires_ms: 0 }
  }
  if (number > state.front) return waiting(state.called.length + number - state.front - 1)
  const rank = rankOf(state, number)
  if (rank >= freePlaces(state, terms, is_admitting)) {
    countFor(state, number, rank)
    return waiting(rank)
  }
  if (state.called[rank] === number) removeAt(state, rank)
  const expires_ms = state.at_ms + terms.pass_ms
  state.tokens -= 1000
  state.in_checkout += 1
  state.admitted[user] = { pass_id, expires_ms, turn_of: state.issued, in_checkout: true }
  state.ends.push({ user, pass_id, expires_ms })
  return { status: 'admitted', ahead: 0, pass_id, expires_ms }
}

function countFor(state: Admission, number: number, rank: number): void {
  const until_ms = state.at_ms + SEEN_MS
  if (state.called[rank] === number) {
    state.until_ms[rank] = Math.max(until_ms, state.until_ms[rank] as number)
    return
  }
  // full of people who came back: this one keeps the place by its number, and is noted when there is room
  if (state.called.length >= WINDOW_MAX) return
  state.called.push(0)
  state.until_ms.push(0)
  for (let i = state.called.length - 1; i > rank; i--) {
    state.called[i] = state.called[i - 1] as number
    state.until_ms[i] = state.until_ms[i - 1] as number
  }
  state.called[rank] = number
  state.until_ms[rank] = until_ms
}

function removeAt(state: Admission, index: number): void {
  const last = state.called.length - 1
  for (let i = index; i < last; i++) {
    state.called[i] = state.called[i + 1] as number
    state.until_ms[i] = state.until_ms[i + 1] as number
  }
  state.called.pop()
  state.until_ms.pop()
}

/** Somebody has finished (bought, or given the pass back): the place comes up at once. Said twice it counts once. */
export function leave(state: Admission, user: string, pass_id: string): boolean {
  const known = state.admitted[user]
  if (known === undefined || !known.in_checkout || known.pass_id !== pass_id) return false
  known.in_checkout = false
  state.in_checkout -= 1
  return true
}
