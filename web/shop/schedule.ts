// When to ask again: rarely while nothing can change, often around the opening, never all at the same moment.
//
// `random` is a number in [0, 1): every delay is spread, so that pages that opened together, or failed
// together, do not come back together.
import type { ReservationStatus, SalePhase } from '../../contract/codes'

const MINUTE_MS = 60_000
/** Everybody's page wakes at the opening: the first look after it is spread over this long. */
export const OPENING_SPREAD_MS = 2000
const BACKOFF_FIRST_MS = 1000
const BACKOFF_MAX_MS = 30_000
/** A page in a background tab asks this many times more rarely. */
const HIDDEN_FACTOR = 5

/** ±25 %. */
function spread(delay_ms: number, random: number): number {
  return Math.round(delay_ms * (0.75 + random / 2))
}

/** After the nth failure in a row (from 1): doubling, with the upper half random. */
export function backoff(failures: number, random: number): number {
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (failures - 1))
  return Math.round(ceiling / 2 + (ceiling / 2) * random)
}

function upcomingDelay(until_open_ms: number, random: number): number {
  // it has opened by the clock, and the answer does not know yet
  if (until_open_ms <= 0) return spread(1000, random)
  let delay_ms = 5000
  if (until_open_ms > 60 * MINUTE_MS) delay_ms = 60_000
  else if (until_open_ms > 10 * MINUTE_MS) delay_ms = 30_000
  else if (until_open_ms > MINUTE_MS) delay_ms = 10_000
  const after_opening_ms = Math.round(until_open_ms + random * OPENING_SPREAD_MS)
  return Math.min(spread(delay_ms, random), after_opening_ms)
}

const PHASE_DELAY_MS: Record<Exclude<SalePhase, 'upcoming'>, number> = {
  open: 3000,
  all_held: 4000,
  rebuilding: 2000,
  paused: 8000,
  sold_out: 15_000,
  ended: 5 * MINUTE_MS,
}

interface Moment {
  phase: SalePhase | undefined
  until_open_ms: number
  failures: number
  /** the tab is in the background */
  hidden: boolean
  /** what the server asks for when it has much to do */
  poll_after_ms: number | undefined
}

/** How long until the sale's state is asked for again. */
export function statePollDelay(moment: Moment, random: number): number {
  if (moment.failures > 0) return backoff(moment.failures, random)
  if (moment.phase === undefined) return spread(1000, random)
  const delay_ms =
    moment.phase === 'upcoming'
      ? upcomingDelay(moment.until_open_ms, random)
      : spread(PHASE_DELAY_MS[moment.phase], random)
  // not near the opening: whoever left the tab open wants to find it right
  if (Math.abs(moment.until_open_ms) <= MINUTE_MS) return delay_ms
  const asked_ms = spread(moment.poll_after_ms ?? 0, random)
  return Math.max(asked_ms, moment.hidden ? delay_ms * HIDDEN_FACTOR : delay_ms)
}

const EXPIRED_POLL_MS = 15_000
const POLL_MIN_MS = 300

/** How long until a reservation is asked for again; undefined: nothing more can happen to it. */
export function reservationPollDelay(
  status: ReservationStatus,
  poll_after_ms: number | undefined,
  failures: number,
  random: number,
): number | undefined {
  if (failures > 0) return backoff(failures, random)
  if (status === 'held') return spread(Math.max(POLL_MIN_MS, poll_after_ms ?? 1000), random)
  if (status === 'confirmed') return spread(Math.max(POLL_MIN_MS, poll_after_ms ?? 3000), random)
  // a payment that comes late still turns it into paid or refunded
  if (status === 'expired') return spread(Math.max(EXPIRED_POLL_MS, poll_after_ms ?? 0), random)
  return undefined
}
