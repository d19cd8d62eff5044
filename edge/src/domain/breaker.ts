// A circuit breaker over counters that all workers of a node share: closed, open, half open.
//
// Guarantee: FAILURES_MAX failures with no success between them open it; while it is open nobody passes; when its time is
// over one trial at a time is made by whoever claims it, and its success alone closes it. Each failed trial doubles the time.
export type BreakerState = 'closed' | 'open' | 'half_open'

/** Each operation is atomic; other workers may come in between any two. */
export interface BreakerStore {
  /** 0 when it is not there */
  get: (this: void, key: string) => number
  set: (this: void, key: string, value: number) => void
  /** the value afterwards; from 0 when it is not there */
  add: (this: void, key: string, amount: number) => number
  /** true for one caller; again when released, or when `ttl_ms` have passed */
  claim: (this: void, key: string, ttl_ms: number) => boolean
  release: (this: void, key: string) => void
}

export const FAILURES_MAX = 4
export const OPEN_MS_MIN = 1000
export const OPEN_MS_MAX = 4000
/** A trial whose worker died is over after this. */
export const TRIAL_MS_MAX = 6000

/** when the open time is over; 0: closed */
const UNTIL = 'until'
const OPEN_MS = 'open_ms'
const FAILURES = 'failures'
const TRIAL = 'trial'

export function breakerState(store: BreakerStore, now_ms: number): BreakerState {
  const until_ms = store.get(UNTIL)
  if (until_ms === 0) return 'closed'
  return now_ms < until_ms ? 'open' : 'half_open'
}

/** A request or a check failed while the breaker was closed. What fails later had been sent before it opened, and says nothing new. */
export function countFailure(store: BreakerStore, now_ms: number): void {
  if (store.get(UNTIL) !== 0) return
  if (store.add(FAILURES, 1) < FAILURES_MAX) return
  store.set(OPEN_MS, OPEN_MS_MIN)
  store.set(UNTIL, now_ms + OPEN_MS_MIN)
}

/** A check went well while the breaker was closed. */
export function countSuccess(store: BreakerStore): void {
  if (store.get(UNTIL) === 0 && store.get(FAILURES) !== 0) store.set(FAILURES, 0)
}

/** May the caller make the one trial? Who is told yes reports with endTrial how it went, and since when it was under way. */
export function claimTrial(store: BreakerStore, now_ms: number): boolean {
  return breakerState(store, now_ms) === 'half_open' && store.claim(TRIAL, TRIAL_MS_MAX)
}

/** A trial that took so long that it was taken for dead says nothing: another may be under way. */
export function endTrial(store: BreakerStore, claimed_ms: number, went_well: boolean, now_ms: number): void {
  if (now_ms - claimed_ms >= TRIAL_MS_MAX) return
  if (went_well) {
    store.set(FAILURES, 0)
    store.set(UNTIL, 0)
  } else {
    const open_ms = Math.min(OPEN_MS_MAX, store.get(OPEN_MS) * 2)
    store.set(OPEN_MS, open_ms)
    store.set(UNTIL, now_ms + open_ms)
  }
  store.release(TRIAL)
}
