// Rate limits by GCRA (the generic cell rate algorithm, ITU-T I.371), with one counter a subject and no lock.
//
// The counter is the theoretical arrival time in tokens: time flows at one token an interval, each request adds one, and may
// at most be `capacity` tokens ahead of the clock. It only ever goes up, by atomic additions whose result is the answer, so
// each value belongs to one request, whoever else counts at the same moment. Hence the guarantee, for any set of k admitted
// requests of a subject, first and last by the values they got, with the times they were asked at:
//
//   k ≤ capacity + (time of the last - time of the first) / interval
//
// with any number of workers, stopped at any point for less than KEEP_SLACK_MS. What may happen is less: two workers that both see the
// last token spend two, and one of them is refused.
//
// A counter that fell behind the clock (its subject was idle) must be lifted to it first. Two lifts of one idle time would
// only be too strict, but none, or one that comes too late, would give credit. So nobody counts on a counter that is behind:
// who wins the claim of this token's time lifts and counts in one addition, the others wait for it.

/** Numbers in shared memory, each call atomic in itself. */
export interface CounterStore {
  get: (this: void, key: string) => number | undefined
  /** Makes it where it is not there. Evicts nothing: 'full' when there is no room. `ttl_ms` 0: for ever. */
  create: (this: void, key: string, value: number, ttl_ms: number) => 'made' | 'there' | 'full'
  /** the new value; undefined when it is not there */
  add: (this: void, key: string, amount: number) => number | undefined
  /** a new time to live from now */
  keep: (this: void, key: string, ttl_ms: number) => void
}

export interface Rate {
  /** ms a token */
  interval_ms: number
  /** tokens that may be used at once */
  burst: number
  /** `burst`, and as many as may wait for their time */
  capacity: number
  /** how long an untouched counter is kept; 0: for ever */
  keep_ms: number
}

export type Algorithm = 'token_bucket' | 'leaky_bucket' | 'sliding_window'

/** More than the time in which any debt is paid, so that no counter ends while it says anything. */
const KEEP_SLACK_MS = 10000
const CLAIM_SLACK_MS = 1000
const ATTEMPTS_MAX = 4
/** looks at a counter that another worker is lifting: some 20 µs */
const SPINS_MAX = 200
/** what `admit` answers when the counter has no room */
export const NO_ROOM = -1e15

function rateOf(interval_ms: number, burst: number, delay_ms_max: number): Rate {
  const capacity = burst + Math.floor(delay_ms_max / interval_ms)
  return { interval_ms, burst, capacity, keep_ms: Math.ceil(2 * capacity * interval_ms) + KEEP_SLACK_MS }
}

/**
 * `rate` requests in `per_s` seconds.
 * - token_bucket: `burst` at once, refilled at the rate; 0: as many as `rate`.
 * - sliding_window: never more than `rate` within any `per_s`: `burst` of them at once, the others spread; 0: half of them.
 * - leaky_bucket: let through at the rate, waiting for their turn at most `delay_ms_max`; `burst` of them need not wait; 0: one.
 */
export function makeRate(algorithm: Algorithm, rate: number, per_s: number, burst: number, delay_ms_max: number): Rate {
  const per_ms = per_s * 1000
  if (algorithm === 'token_bucket') return rateOf(per_ms / rate, burst === 0 ? rate : burst, 0)
  if (algorithm === 'leaky_bucket') return rateOf(per_ms / rate, burst === 0 ? 1 : burst, delay_ms_max)
  if (rate === 1) return rateOf(per_ms, 1, 0)
  const at_once = burst === 0 ? Math.floor(rate / 2) : Math.min(burst, rate - 1)
  return rateOf(per_ms / (rate - at_once), at_once, 0)
}

/** The same for `subjects` that are counted together, for ever. */
export function sharedRate(rate: Rate, subjects: number): Rate {
  return {
    interval_ms: rate.interval_ms / subjects,
    burst: rate.burst * subjects,
    capacity: rate.capacity * subjects,
    keep_ms: 0,
  }
}

/** 0 and more: admitted, after so many ms. Below 0: refused, and worth a try in so many ms. */
function answerOf(count: number, now: number, rate: Rate): number {
  if (count > now + rate.capacity) return -((count - now - rate.capacity) * rate.interval_ms)
  const ahead = count - now - rate.burst
  return ahead > 0 ? ahead * rate.interval_ms : 0
}

/** Waits until whoever lifts the counter has done so. */
function isLifted(store: CounterStore, key: string, now: number): boolean {
  for (let i = 0; i < SPINS_MAX; i++) {
    const value = store.get(key)
    if (value === undefined || value >= now) return true
  }
  return false
}

/**
 * One request of the subject `key` at `now_ms`.
 * @returns ms to hold it back (0: none); or, refused, minus the ms until the next is worth a try; or NO_ROOM
 */
export function admit(store: CounterStore, rate: Rate, key: string, now_ms: number): number {
  const now = now_ms / rate.interval_ms
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    let value = store.get(key)
    if (value === undefined) {
      // made with this request counted: the value is nobody else's
      const made = store.create(key, now + 1, rate.keep_ms)
      if (made === 'made') return answerOf(now + 1, now, rate)
      if (made === 'full') return NO_ROOM
      value = store.get(key) ?? now
    }
    if (value < now) {
      const claimed = store.create(key + '@' + Math.floor(now), 1, Math.ceil(rate.interval_ms) + CLAIM_SLACK_MS)
      if (claimed === 'full') return NO_ROOM
      if (claimed === 'made') {
        store.keep(key, rate.keep_ms)
        const lifted = store.add(key, now - value + 1)
        if (lifted !== undefined) return answerOf(lifted, now, rate)
      } else if (!isLifted(store, key, now)) {
        return -rate.interval_ms
      }
    } else {
      // seen without counting: refusals do not make the next ones wait longer
      if (value + 1 > now + rate.capacity) return answerOf(value + 1, now, rate)
      const count = store.add(key, 1)
      if (count !== undefined && count - 1 >= now) {
        const chunk = rate.capacity / 2
        if (chunk < 1 || Math.floor(count / chunk) !== Math.floor((count - 1) / chunk)) store.keep(key, rate.keep_ms)
        return answerOf(count, now, rate)
      }
    }
  }
  return -rate.interval_ms
}
