// What somebody who waits is told: when to ask again, how long it will take, and whether there will be anything left.
//
// The front is the highest number called up. It moves at a bounded speed, which is what makes rare polls safe: nobody who keeps
// to poll_after_ms can be passed by the front for longer than a call is kept (CALL_MS). All quantities are whole numbers, so
// that the gate, the script in Redis (edge/src/redis/claim.ts) and the model (admission.ts) agree to the last unit.
import type { SalePhase } from '../../../contract/codes'

/** How long the place of a number that was called up is kept for somebody not heard of yet. */
export const CALL_MS = 9000
/** How long it is kept after the last poll: one poll of SOON_POLL_MS may get lost. */
export const SEEN_MS = 6500
/** Those whose place may come up within a second. */
export const FIRST_POLL_MS = 1000
/** Everybody else who may be called up before the next poll. */
export const SOON_POLL_MS = 3000
/** The rarest poll: what a shopper is told is never older. */
export const FAR_POLL_MS = 60000
/** Unused admissions are kept this long, so that none is lost between two polls of the next in line. */
export const BURST_S = 3
/** Numbers called up and not claimed: bounds what Redis keeps of the waiting room, whatever waits behind. */
export const WINDOW_MAX = 16384
const WINDOW_MIN = 32
/** Numbers called up in one step: bounds what one script costs Redis to about two milliseconds. */
export const STEP_MAX = 2000

export interface AdmissionTerms {
  /** people a second, as the sale is set */
  rate_per_s: number
  /** the same as the backlog allows at the moment: 0 to rate_per_s */
  rate_now_per_s: number
  /** people in checkout at once */
  checkout_max: number
  /** how long a pass is good for */
  pass_ms: number
}

/**
 * How many numbers are called up ahead of need. Twelve seconds of admissions, so that the places of those who have gone are
 * free again (CALL_MS) before their turn comes, and what may be admitted at once.
 */
export function lookahead(terms: AdmissionTerms): number {
  const ahead = Math.min(12 * terms.rate_per_s, terms.checkout_max)
  const at_once = Math.min(BURST_S * terms.rate_per_s, terms.checkout_max)
  return Math.max(WINDOW_MIN, Math.min(WINDOW_MAX, ahead + at_once))
}

/** How many numbers a second the front may pass: enough to keep places filled when five of six have gone. */
export function frontSpeed(terms: AdmissionTerms): number {
  return Math.ceil(lookahead(terms) / 2)
}

/** Thousandths of admissions that may be saved up. */
export function tokensMax(terms: AdmissionTerms): number {
  if (terms.rate_now_per_s === 0) return 0
  return Math.max(1000, 1000 * BURST_S * terms.rate_now_per_s)
}

/**
 * The closed loop: full speed up to half of the backlog that settlement may have, then less in proportion, nothing at the
 * ceiling. A straight line needs no hysteresis: a backlog that stands still gives a rate that stands still.
 */
export function rateForBacklog(rate_per_s: number, backlog: number, backlog_max: number): number {
  if (backlog * 2 <= backlog_max) return rate_per_s
  if (backlog >= backlog_max) return 0
  return Math.floor((rate_per_s * 2 * (backlog_max - backlog)) / backlog_max)
}

/** For a number that is called up and has `rank` others called up before it, while `free` places are there. */
export function pollAfterCalled(terms: AdmissionTerms, rank: number, free: number): number {
  const within_a_second = Math.min(terms.rate_per_s, Math.ceil(terms.checkout_max / 20))
  return rank <= free + within_a_second ? FIRST_POLL_MS : SOON_POLL_MS
}

/**
 * For a number `distance` behind the front, which may take `credit` numbers at once and frontSpeed a second after that.
 * Never later than SOON_POLL_MS after the front can have come, nor than `far_ms` (FAR_POLL_MS, and farPollMs of
 * degradation.ts where a node is degraded); those far off ask at different times, though they came at once.
 */
export function pollAfterWaiting(
  terms: AdmissionTerms,
  number: number,
  distance: number,
  credit: number,
  far_ms: number,
): number {
  if (distance <= credit) return SOON_POLL_MS
  const reach_ms = Math.floor(((distance - credit) * 1000) / frontSpeed(terms))
  const latest_ms = SOON_POLL_MS + reach_ms
  const spread_ms = Math.floor((far_ms * ((number * 7919) % 1000)) / 2000)
  return Math.min(latest_ms, far_ms - spread_ms)
}

/**
 * Before the opening, which is `wait_ms` away: the first numbers are called up in that moment, and ask one after the other about
 * when their places come up.
 */
export function pollAfterOpening(terms: AdmissionTerms, number: number, wait_ms: number): number {
  const behind = number - lookahead(terms)
  const after_ms =
    behind <= 0
      ? Math.min(SOON_POLL_MS, Math.floor((number * 1000) / terms.rate_per_s))
      : SOON_POLL_MS + Math.floor((behind * 1000) / frontSpeed(terms))
  const spread_ms = Math.floor((FAR_POLL_MS * ((number * 7919) % 1000)) / 2000)
  return Math.min(wait_ms + after_ms, FAR_POLL_MS - spread_ms)
}

/**
 * While the room is made anew nobody can be told anything, and everybody asks again, at different times: within CALL_MS, because
 * those who were called up are called up again when it is done.
 */
export function pollAfterRebuilding(number: number): number {
  return SOON_POLL_MS + 5 * ((number * 7919) % 1000)
}

/** Numbers a second, from how far the front has come between two looks; a mean over about ten seconds. −1: not known yet. */
export function measuredSpeed(previous_per_s: number, moved: number, over_ms: number): number {
  if (over_ms <= 0) return previous_per_s
  const speed = (moved * 1000) / over_ms
  if (previous_per_s < 0) return speed
  const weight = over_ms / (over_ms + 10000)
  return previous_per_s + (speed - previous_per_s) * weight
}

/** Whole seconds until a place comes up; undefined when nothing moves and any number would be invented. */
export function etaSeconds(ahead: number, speed_per_s: number): number | undefined {
  if (ahead === 0) return 0
  if (speed_per_s <= 0) return undefined
  return Math.ceil(ahead / speed_per_s)
}

/**
 * good: enough is left if everybody ahead and in checkout buys as much as they may; fair: if each buys one; slim: some of them must
 * not buy; waiting_for_returns: all that is left is held by people who have not paid; none: nothing will come back.
 */
export type Chance = 'good' | 'fair' | 'slim' | 'waiting_for_returns' | 'none'

/** `left` −1: unlimited. `ahead` counts those in checkout too. */
export function chanceOf(left: number, unpaid: number, ahead: number, user_max: number): Chance {
  if (left < 0 || left > ahead * user_max) return 'good'
  if (left > ahead) return 'fair'
  if (left > 0) return 'slim'
  return unpaid > 0 ? 'waiting_for_returns' : 'none'
}

export type Admitting =
  /** places come up and are given */
  | 'yes'
  /** nothing is given at the moment, and everybody keeps the place */
  | 'later'
  | 'sold_out'
  | 'expired'

/** What a sale's phase means for those who wait: sold out is told at once, a pause or held units keep the places. */
export function admittingIn(phase: SalePhase): Admitting {
  if (phase === 'open') return 'yes'
  if (phase === 'sold_out') return 'sold_out'
  if (phase === 'ended') return 'expired'
  return 'later'
}
