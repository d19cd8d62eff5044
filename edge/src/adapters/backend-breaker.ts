// The breaker before the backend: while it is open, what would be forwarded is refused at once.
//
// Two things tell how the backend is: a check of its /livez every second by one worker of the node, and nginx' own failures
// to forward where there is only one server. Forwarded requests that go well are not watched, which costs the purchase nothing; the check stands for them.
import {
  type BreakerState,
  type BreakerStore,
  breakerState,
  claimTrial,
  countFailure,
  countSuccess,
  endTrial,
} from '../domain/breaker'
import type { BackendTargets } from './backend-servers'
import { getJson } from './http-client'
import { nowS } from './nginx-calls'

export interface BackendBreaker {
  /** as of the last tick */
  isClosed: (this: void) => boolean
  state: (this: void) => BreakerState
  /** nginx could not get an answer from the backend */
  failed: (this: void) => void
  /** reads what other workers found */
  refresh: (this: void) => void
  /** one look at the backend, where it is this worker's turn; waits for the answer */
  check: (this: void) => void
}

const PREFIX = 'breaker:backend:'
const CHECK_EVERY_MS = 900
const CHECK_WAIT_S = 2

function breakerStore(shared: ngx.SharedDict<string | number>, prefix: string): BreakerStore {
  return {
    get: (key) => (shared.get(prefix + key)[0] as number | undefined) ?? 0,
    set: (key, value) => {
      shared.set(prefix + key, value)
    },
    add: (key, amount) => shared.incr(prefix + key, amount, 0)[0] ?? 0,
    claim: (key, ttl_ms) => shared.add(prefix + key, 1, ttl_ms / 1000)[0] === true,
    release: (key) => {
      shared.delete(prefix + key)
    },
  }
}

function nowMs(): number {
  return nowS() * 1000
}

export function backendBreaker(
  shared: ngx.SharedDict<string | number>,
  backends: BackendTargets,
  bearer: string,
): BackendBreaker {
  const store = breakerStore(shared, PREFIX)
  let state: BreakerState = 'closed'

  function refresh(): void {
    backends.refresh()
    state = breakerState(store, nowMs())
  }

  /** Of several servers one is enough: what does not answer makes the next one the one that is asked. */
  function isAlive(): boolean {
    for (const _ of $range(1, backends.count)) {
      const [body, failure] = getJson(backends.of.operations, '/livez', bearer, CHECK_WAIT_S)
      // a worker that stops breaks its own check off: that says nothing of the backend
      if (body !== undefined || failure === 'exiting') return true
    }
    return false
  }

  function check(): void {
    const now_ms = nowMs()
    if (claimTrial(store, now_ms)) {
      endTrial(store, now_ms, isAlive(), nowMs())
    } else if (breakerState(store, nowMs()) === 'closed' && store.claim('check', CHECK_EVERY_MS)) {
      if (isAlive()) countSuccess(store)
      else countFailure(store, nowMs())
    }
    refresh()
  }

  return {
    isClosed: () => state === 'closed',
    state: () => state,
    failed: () => {
      // of several servers: one's failures say nothing of the others
      if (backends.is_single) countFailure(store, nowMs())
      refresh()
    },
    refresh,
    check,
  }
}
