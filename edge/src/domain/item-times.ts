// How old a page may be: what is served as it is, what is fetched anew meanwhile, what nobody is shown any more.
//
// Pure: time, chance and heat are handed in. Ends are drawn a little apart, so that what was fetched together is not fetched
// together again.

export interface ItemRules {
  /** ms a page is served without another look at the backend */
  fresh_ms: number
  /** the same of an item that many ask for at this moment */
  hot_fresh_ms: number
  /** share of the time, 0 to 1, by which its end is drawn earlier */
  jitter: number
  /** ms after that for which a page is served, marked, while it is fetched anew or cannot be */
  stale_ms: number
  /** ms for which it is remembered that there is no such item */
  missing_ms: number
}

export interface ItemTimes {
  fetched_ms: number
  fresh_until_ms: number
  kept_until_ms: number
}

/**
 * fresh: as it is; due: as it is, and somebody should fetch it anew before it ends; stale: marked, and fetched anew;
 * gone: not shown
 */
export type ItemStanding = 'fresh' | 'due' | 'stale' | 'gone'

/** A hot item is fetched anew when this share of its time is left. */
const AHEAD = 0.25

/** `chance`: uniform in [0, 1) */
export function timesOf(rules: ItemRules, now_ms: number, is_hot: boolean, chance: number): ItemTimes {
  const fresh_ms = (is_hot ? rules.hot_fresh_ms : rules.fresh_ms) * (1 - rules.jitter * chance)
  const fresh_until_ms = now_ms + Math.floor(fresh_ms)
  return { fetched_ms: now_ms, fresh_until_ms, kept_until_ms: fresh_until_ms + rules.stale_ms }
}

/** How long it is remembered that there is no such item. */
export function missingMs(rules: ItemRules, chance: number): number {
  return Math.floor(rules.missing_ms * (1 - rules.jitter * chance))
}

export function standingOf(times: ItemTimes, now_ms: number, is_hot: boolean): ItemStanding {
  if (now_ms < times.fresh_until_ms) {
    const left_ms = times.fresh_until_ms - now_ms
    return is_hot && left_ms < (times.fresh_until_ms - times.fetched_ms) * AHEAD ? 'due' : 'fresh'
  }
  return now_ms < times.kept_until_ms ? 'stale' : 'gone'
}

/** Something about the item has changed: what there is of it is shown only until it has been fetched anew. */
export function endNow(times: ItemTimes, now_ms: number): ItemTimes {
  const { fetched_ms, kept_until_ms } = times
  return { fetched_ms, fresh_until_ms: Math.min(times.fresh_until_ms, now_ms), kept_until_ms }
}

/** Whole seconds since it was fetched (RFC 9111, 5.1). */
export function ageS(times: ItemTimes, now_ms: number): number {
  return Math.max(0, Math.floor((now_ms - times.fetched_ms) / 1000))
}

/**
 * Does what a client says it has (If-None-Match) name this version? Compared weakly, as RFC 9110 asks for here. `tag`: W/"…".
 */
export function hasTag(if_none_match: string, tag: string): boolean {
  if (if_none_match === '*' || if_none_match === tag) return true
  return if_none_match.indexOf(tag.substring(2)) >= 0
}

/** Whether a client that sends this Accept-Encoding takes gzip. */
export function takesGzip(accept_encoding: string): boolean {
  const at = accept_encoding.indexOf('gzip')
  if (at < 0) return false
  const rest = accept_encoding.substring(at + 4, at + 12)
  // q=0, q=0.0, q=0.000; any other weight begins or ends in another way
  const q = rest.indexOf('q=0')
  if (q < 0 || rest.substring(0, q).indexOf(',') >= 0) return true
  const after = rest.substring(q + 3)
  return after.charAt(0) === '.' && after.charAt(1) !== '0' && after.charAt(1) !== '' && after.charAt(1) !== ','
}
