// Requests that were forwarded, kept until nginx' log phase says how they ended. Found again by nginx' own request, which stays the
// same over internal redirects, where ngx.ctx is emptied.
import * as ffi from 'ffi'
import * as base from 'resty.core.base'
import type { GateRequest } from '../kernel/request'
import { variable } from './nginx-calls'

/** set where there is a log phase: what is kept elsewhere would be kept for ever */
const HAS_LOG_VARIABLE = 'rushgate_counts'

const kept = new LuaTable<number, GateRequest>()
let kept_count = 0

/** nginx' request as a number: addresses have 48 bits */
function ownNumber(): number {
  const request = base.get_request()
  return request === undefined ? 0 : (tonumber(ffi.cast('uintptr_t', request)) as number)
}

/** Keeps the request that is being served, if its location has a log phase, or the one that it is sent on to (`will_be_logged`). */
export function keepForwarded(request: GateRequest, will_be_logged: boolean): void {
  if (!will_be_logged && variable(HAS_LOG_VARIABLE) !== '1') return
  const number = ownNumber()
  if (!kept.has(number)) kept_count += 1
  kept.set(number, request)
}

/** For the log phase: the request that ends, once. */
export function takeForwarded(): GateRequest | undefined {
  if (kept_count === 0) return undefined
  const number = ownNumber()
  const request = kept.get(number)
  if (request !== undefined) {
    kept.delete(number)
    kept_count -= 1
  }
  return request
}
