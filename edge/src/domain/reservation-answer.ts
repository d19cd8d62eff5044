// The JSON a shopper is given about a reservation, built from its record.
import type { ReservationRecord } from '../../../contract/record'
import { termsOf } from './degradation'
import { rfc3339 } from './time'

/** How soon to ask again, by status: a held one is confirmed within a second, a final one does not change. */
const POLL_HELD_MS = 700
const POLL_CONFIRMED_MS = 3000
const POLL_FINAL_MS = 15000
/** Polls are spread by up to this share, so that those who bought together do not ask together for ever. */
const POLL_SPREAD = 0.4

/** `chance` is uniform in [0, 1); `level` is that of degradation. */
export function pollAfterMs(status: string, chance: number, level: number): number {
  let base = POLL_FINAL_MS
  if (status === 'held') base = POLL_HELD_MS
  else if (status === 'confirmed' || status === 'expired') base = POLL_CONFIRMED_MS
  return Math.floor(base * termsOf(level).reservation_poll_factor * (1 + POLL_SPREAD * chance))
}

/** The answer to an accepted purchase: 202, held, being confirmed. */
export function heldAnswer(id: string, units: string, chance: number, level: number): string {
  return (
    '{"reservation":"' +
    id +
    '","status":"held","units":[' +
    units +
    '],"poll":"/reservations/' +
    id +
    '","poll_after_ms":' +
    pollAfterMs('held', chance, level) +
    '}'
  )
}

/** The answer to a poll or a replay. Every field of a record is of safe characters, so nothing needs escaping. */
export function recordAnswer(id: string, record: ReservationRecord, chance: number, level: number): string {
  let text =
    '{"reservation":"' +
    id +
    '","status":"' +
    record.status +
    '","sku":"' +
    record.sku +
    '","quantity":' +
    record.quantity +
    ',"units":[' +
    record.units +
    '],"poll":"/reservations/' +
    id +
    '"'
  if (record.order !== '') text = text + ',"order":"' + record.order + '"'
  if (record.status === 'confirmed') text = text + ',"pay":"/reservations/' + id + '/payment"'
  if (record.status === 'confirmed' && record.pay_by_ms > 0) {
    text = text + ',"pay_by":"' + rfc3339(record.pay_by_ms) + '"'
  }
  return text + ',"poll_after_ms":' + pollAfterMs(record.status, chance, level) + '}'
}
