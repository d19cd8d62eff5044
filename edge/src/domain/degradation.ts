// At which level of degradation a node works: the operator's word and its own load; and what a level means for those who ask.
//
// Guarantee: load raises the level only after RAISE_MS of pressure without a break, and lowers it by one for every QUIET_MS
// without any; between half of a level's pressure and all of it nothing moves, so a load that stands still gives a level
// that stands still. What each level switches off: contract/degradation.ts.
import { DEGRADE_LEVEL_MAX, DEGRADE_LEVELS, type DegradeByHand, type DegradeTerms } from '../../../contract/degradation'

/** Up quickly, but not for one hiccup. */
export const RAISE_MS = 1000
/** The pressure of level 1, 2 and 3, in multiples of what the settings name. */
const RAISED_AT: readonly number[] = [1, 2, 4]
/** A level is held while the pressure is above this share of what raised it. */
const HELD_ABOVE = 0.5

interface LoadLevel {
  level: number
  /** the least that the pressure has asked for since `raising_ms` */
  wanted: number
  /** since when it has asked for more than `level`; −1: it does not */
  raising_ms: number
  /** since when it has been below what holds `level`; −1: it is not */
  quiet_ms: number
}

export function noLoad(): LoadLevel {
  return { level: 0, wanted: 0, raising_ms: -1, quiet_ms: -1 }
}

/** How hard it is for this worker, 1 being the settings' own measure. All in ms; a ceiling of 0 is not looked at. */
export function pressureOf(queue_age_ms: number, queue_age_ms_max: number, lag_ms: number, lag_ms_max: number): number {
  const of_queue = queue_age_ms_max > 0 ? queue_age_ms / queue_age_ms_max : 0
  const of_loop = lag_ms_max > 0 ? lag_ms / lag_ms_max : 0
  return Math.max(of_queue, of_loop)
}

/** The level that this pressure asks for. */
export function levelOfPressure(pressure: number): number {
  let level = 0
  for (const raised_at of RAISED_AT) if (pressure >= raised_at) level = level + 1
  return level
}

/** Takes in one look at the pressure; `now_ms` never goes back. Changes `load`, returns its level. */
export function observeLoad(load: LoadLevel, pressure: number, now_ms: number, quiet_ms_min: number): number {
  const asked = levelOfPressure(pressure)
  if (asked > load.level) {
    load.quiet_ms = -1
    if (load.raising_ms < 0) {
      load.raising_ms = now_ms
      load.wanted = asked
    }
    load.wanted = Math.min(load.wanted, asked)
    if (now_ms - load.raising_ms >= RAISE_MS) {
      load.level = load.wanted
      load.raising_ms = -1
    }
    return load.level
  }
  load.raising_ms = -1
  if (load.level === 0 || pressure > (RAISED_AT[load.level - 1] as number) * HELD_ABOVE) {
    load.quiet_ms = -1
    return load.level
  }
  if (load.quiet_ms < 0) load.quiet_ms = now_ms
  if (now_ms - load.quiet_ms >= quiet_ms_min) {
    load.level = load.level - 1
    load.quiet_ms = now_ms
  }
  return load.level
}

/** The operator's word is the least; a pinned one is the last. */
export function effectiveLevel(by_hand: DegradeByHand, by_load: number): number {
  const level = by_hand.pinned ? by_hand.level : Math.max(by_hand.level, by_load)
  return Math.max(0, Math.min(DEGRADE_LEVEL_MAX, level))
}

export function termsOf(level: number): DegradeTerms {
  return DEGRADE_LEVELS[level] as DegradeTerms
}

/** The page's usual time between two looks at a sale's state. */
const STATE_POLL_MS = 3000

/** How long a page is asked to wait before it looks at a sale's state again; 0: as it likes. */
export function statePollMs(level: number): number {
  return level === 0 ? 0 : STATE_POLL_MS * termsOf(level).state_poll_factor
}

/**
 * The rarest poll of somebody who waits far from the front, `far_ms` being the usual one. Polls of those near it are never
 * stretched: a place that comes up is kept for seconds only, and would be lost.
 */
export function farPollMs(level: number, far_ms: number): number {
  return far_ms * termsOf(level).ticket_poll_factor
}
