// Every code a shopper's client can be refused with, and the HTTP status and title that go with it.
// One table for both sides: the gate and the backend answer the same refusal with the same words.

export type RefusalCode =
  | 'not_open'
  | 'sold_out'
  | 'all_held'
  | 'not_enough_left'
  | 'limit_reached'
  | 'key_reused'
  | 'rate_limited'
  | 'busy'
  | 'unavailable'
  | 'rebuilding'
  | 'paused'
  | 'ended'
  | 'already_paid'
  | 'too_large'
  | 'bad_request'
  | 'no_session'
  | 'session_replaced'
  | 'pass_required'
  | 'proof_required'
  | 'signature_required'
  | 'refused'
  | 'level_required'
  | 'not_found'
  | 'method_not_allowed'
  | 'bad_credentials'
  | 'unsupported_media_type'
  | 'conflict'
  | 'internal'

interface RefusalKind {
  status: number
  title: string
}

export const REFUSALS: Record<RefusalCode, RefusalKind> = {
  not_open: { status: 425, title: 'The sale has not opened yet' },
  sold_out: { status: 410, title: 'Sold out' },
  all_held: { status: 409, title: 'Everything left is held for somebody who has not paid yet' },
  not_enough_left: { status: 409, title: 'Fewer units are left than were asked for' },
  limit_reached: { status: 409, title: 'The limit for one buyer is reached' },
  key_reused: { status: 422, title: 'This Idempotency-Key was used for another request' },
  rate_limited: { status: 429, title: 'Too many requests' },
  busy: { status: 503, title: 'Too busy at the moment' },
  unavailable: { status: 503, title: 'Not available at the moment' },
  rebuilding: { status: 503, title: 'The stock is being counted again' },
  paused: { status: 409, title: 'The sale is paused' },
  ended: { status: 410, title: 'The sale has ended' },
  already_paid: { status: 409, title: 'This reservation is paid' },
  too_large: { status: 413, title: 'The request is too large' },
  bad_request: { status: 400, title: 'The request is not valid' },
  no_session: { status: 401, title: 'No valid session' },
  session_replaced: { status: 409, title: 'A newer session has replaced this one' },
  pass_required: { status: 403, title: 'A pass is required' },
  proof_required: { status: 403, title: 'A proof of work is required' },
  signature_required: { status: 403, title: 'A signature is required' },
  refused: { status: 403, title: 'Refused' },
  level_required: { status: 403, title: 'A membership level is required' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  bad_credentials: { status: 401, title: 'User or secret is not right' },
  unsupported_media_type: { status: 415, title: 'The body must be application/json' },
  conflict: { status: 409, title: 'Not possible in the present state' },
  internal: { status: 500, title: 'A fault of ours' },
}

/** What became of a reservation; `expired` alone may still change (to `paid` or `refunded`, by a late payment). */
export type ReservationStatus = 'held' | 'confirmed' | 'paid' | 'expired' | 'cancelled' | 'void' | 'refunded'

export type SalePhase = 'upcoming' | 'open' | 'all_held' | 'sold_out' | 'paused' | 'rebuilding' | 'ended'
