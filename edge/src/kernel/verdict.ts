// What a plugin says: nothing (the next one is asked), an answer, a refusal, or that its store failed.
import type { RefusalCode } from '../../../contract/codes'

export interface Answer {
  kind: 'answer'
  status: number
  content_type: string
  body: string
  /** Content-Security-Policy, for pages */
  policy?: string
  /** where caches and browsers may keep it; without it they must not */
  kept?: KeptAnswer
}

/** Headers of an answer that may be kept. */
export interface KeptAnswer {
  cache_control: string
  /** ETag */
  tag: string
  age_s: number
  /** RFC 9211 */
  cache_status: string
  /** Content-Encoding; '' for none */
  encoding: string
}

export interface Refusal {
  kind: 'refusal'
  code: RefusalCode
  /** one plain sentence for the shopper; names the field or the limit */
  detail: string
  /** 0: none */
  retry_after_ms: number
  /** the outcome of what was asked is not known: repeat it with the same key and X-Rush-Retry: 1 */
  unknown: boolean
  /** more members of the problem document, as JSON text beginning with a comma; '' for none */
  members: string
  /** name of the rule or ceiling that was hit, for the receipt alone; '' where the code says it all */
  limit: string
  /** value of the Allow header, for method_not_allowed; '' otherwise */
  allow: string
  /** for rate_limited: the RateLimit headers of the IETF's draft */
  rate_limit?: RateLimitHeaders
}

export interface RateLimitHeaders {
  /** RateLimit-Policy */
  policy: string
  /** RateLimit */
  state: string
}

/** The store behind a plugin did not answer: what follows is the plugin's declared choice, open or closed. */
export interface StoreFailure {
  kind: 'store_failure'
  detail: string
}

/** Everything the gate does is done: let the backend answer. */
export interface Forward {
  kind: 'forward'
}

export type Verdict = Answer | Refusal | StoreFailure | Forward

export function answerJson(status: number, body: string): Answer {
  return { kind: 'answer', status, content_type: 'application/json', body }
}

const PAGE_POLICY = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

/** A page of plain HTML: nothing in it may load or run anything. */
export function answerPage(body: string): Answer {
  return { kind: 'answer', status: 200, content_type: 'text/html; charset=utf-8', body, policy: PAGE_POLICY }
}

export function refuse(code: RefusalCode, detail: string): Refusal {
  return { kind: 'refusal', code, detail, retry_after_ms: 0, unknown: false, members: '', limit: '', allow: '' }
}

export function refuseFor(code: RefusalCode, detail: string, retry_after_ms: number): Refusal {
  return { kind: 'refusal', code, detail, retry_after_ms, unknown: false, members: '', limit: '', allow: '' }
}

/**
 * To somebody who is not to learn why: all such refusals say the same, whatever it was. `limit` tells the operator, in the
 * receipt.
 */
export function refuseUntold(limit: string): Refusal {
  const refusal = refuse('refused', 'This request is refused. If that is a mistake, tell the shop the receipt.')
  refusal.limit = limit
  return refusal
}

export const FORWARD: Forward = { kind: 'forward' }
