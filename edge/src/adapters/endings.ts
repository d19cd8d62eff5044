// How requests end, told to the plugins that want to hear it (`done`). A fault in one is written down, and the request does not notice.
//
// A request that is forwarded is kept until nginx' log phase says how it ended. It is found again by nginx' own request, which stays
// the same over internal redirects, where ngx.ctx is emptied.
import * as ffi from 'ffi'
import * as base from 'resty.core.base'
import { type DoneListener, type RouteLinks, tellDone } from '../kernel/chain'
import type { GateRequest } from '../kernel/request'
import type { Metrics } from './metrics'
import { variable } from './nginx-calls'

/** set where there is a log phase: what is kept elsewhere would be kept for ever */
const HAS_LOG_VARIABLE = 'rushgate_counts'

export interface Endings {
  /** of a request that is answered here */
  tell: (this: void, request: GateRequest | undefined, status: number) => void
  /** of one that is forwarded; `will_be_logged`: where it is sent on to has a log phase, if its own location has not */
  keep: (this: void, request: GateRequest | undefined, will_be_logged: boolean) => void
  /** in the log phase */
  log: (this: void) => void
}

/** nginx' request as a number: addresses have 48 bits */
function ownNumber(): number {
  const request = base.get_request()
  return request === undefined ? 0 : (tonumber(ffi.cast('uintptr_t', request)) as number)
}

export function requestEndings(links_of: Record<string, RouteLinks>, metrics: Metrics): Endings {
  const kept = new LuaTable<number, GateRequest>()
  let kept_count = 0

  function listeners(request: GateRequest): DoneListener[] {
    return (links_of[request.route.name] as RouteLinks).done
  }

  function tell(request: GateRequest | undefined, status: number): void {
    if (request === undefined) return
    const done = listeners(request)
    if (done.length === 0) return
    const [ok, fault] = xpcall(tellDone, debug.traceback, done, request, status)
    if (ok) return
    metrics.add('rushgate_faults_total', 1)
    ngx.log(ngx.ERR, 'fault: ', fault)
  }

  return {
    tell,
    keep: (request, will_be_logged) => {
      if (request === undefined || listeners(request).length === 0) return
      if (!will_be_logged && variable(HAS_LOG_VARIABLE) !== '1') return
      const number = ownNumber()
      if (!kept.has(number)) kept_count += 1
      kept.set(number, request)
    },
    log: () => {
      if (kept_count === 0) return
      const number = ownNumber()
      const request = kept.get(number)
      if (request === undefined) return
      kept.delete(number)
      kept_count -= 1
      tell(request, ngx.status)
    },
  }
}
