// What the checkers look at: every answer the shoppers got, and what the ledger (and Redis) hold afterwards.
// Plain values only: faults and load tests gather them in their own ways, and the specs write them by hand.
import type { RefusalCode, ReservationStatus } from '../../contract/codes'

/** What a request asked for: `pay` starts a payment; `settle` and `decline` are the shopper's decision at the provider. */
export type Ask = 'reserve' | 'poll' | 'cancel' | 'pay' | 'settle' | 'decline'

/** One request and its answer, as the shopper saw it. */
export interface Answer {
  ask: Ask
  /** ms since 1970 */
  sent_ms: number
  got_ms: number
  /** HTTP status; 0: no answer came, so the outcome is unknown */
  http: number
  /** code of a refusal, '' otherwise */
  code: RefusalCode | ''
  /** reservation id in the answer, '' when there was none */
  reservation: string
  status: ReservationStatus | ''
  /** unit numbers in a 202 */
  units: number[]
  /** order number, '' when there was none */
  order: string
  /** time to pay by that was told; 0: none */
  pay_by_ms: number
}

/** All that one shopper did under one Idempotency-Key and body, in the order of sending. */
export interface Attempt {
  user: string
  key: string
  sku: string
  quantity: number
  answers: Answer[]
}

interface SkuRules {
  sku: string
  /** −1: unlimited */
  total: number
  user_max: number
}

export interface SaleRules {
  id: string
  skus: SkuRules[]
  /** 0: no such limit */
  sale_user_max: number
  /** 0: no such limit */
  hold_attempts_max: number
}

export interface LedgerOrder {
  body: string
  order: string
  user: string
  sku: string
  quantity: number
  units: number[]
  status: ReservationStatus
  reason: string
}

/** One SKU's terms of the invariant, from GET /admin/sales/{id}/ledger. */
export interface LedgerTerms {
  sku: string
  total: number
  granted: number
  free: number
  returning: number
  moving: number
  held: number
  confirmed: number
  paid: number
  in_redis: number
  in_queue: number
}

export interface RedisContent {
  free: { sku: string; units: number[] }[]
  /** units counted against each buyer; SKU `*` is the sale as a whole */
  buyers: { sku: string; user: string; units: number }[]
  records: { body: string; status: ReservationStatus }[]
}

export interface Evidence {
  sale: SaleRules
  attempts: Attempt[]
  orders: LedgerOrder[]
  terms: LedgerTerms[]
  /** when the operator was told that the sale is open */
  opened_ms: number
  was_paused: boolean
  /** when Redis lost what it had acknowledged (emptied, put back): a reservation sent before such a time may end as void */
  losses_ms: number[]
  /** from here on nothing moved any more: queue settled, returns applied */
  rest_ms: number
  redis?: RedisContent
}

export type ViolationKind = 'oversold' | 'lost' | 'phantom' | 'limit_broken' | 'told_false' | 'server_error'

export interface Violation {
  kind: ViolationKind
  /** what is wrong, with the names needed to look it up */
  what: string
}

/** Orders that own their units. */
export function isLive(status: ReservationStatus): boolean {
  return status === 'confirmed' || status === 'paid'
}

/** No answer, or one that leaves the outcome open: the request may have taken effect. */
export function isUnknown(answer: Answer): boolean {
  return answer.http === 0 || answer.http >= 500
}

export function bodyOf(reservation: string): string {
  return reservation.split('.')[3] ?? ''
}

/** Bodies of the reservations this attempt was told of by a 202; one, when all is well. */
export function toldBodies(attempt: Attempt): string[] {
  const bodies = new Set<string>()
  for (const answer of attempt.answers) {
    if (answer.ask === 'reserve' && answer.reservation !== '') bodies.add(bodyOf(answer.reservation))
  }
  return [...bodies]
}

export function nameOf(attempt: Attempt): string {
  return `${attempt.user} key ${attempt.key} (${attempt.quantity} × ${attempt.sku})`
}
