// Shoppers are told the truth about why they got nothing: sold out, all held, a limit, a key used before, not open.
import {
  type Attempt,
  bodyOf,
  type Evidence,
  isUnknown,
  type LedgerOrder,
  nameOf,
  toldBodies,
  type Violation,
} from './evidence'
import { iso } from './told-false'

/** Gates hear of an opening by a long poll, and share it among their workers. */
const NEWS_MS_MAX = 3000

export function checkRefusals(evidence: Evidence): Violation[] {
  const found: string[] = []
  const orders = new Map(evidence.orders.map((order) => [order.body, order]))
  const unpaid = evidence.attempts.flatMap((attempt) => unpaidSpans(attempt, orders))
  const last_new_ms = new Map<string, { sent_ms: number; who: string }>()
  for (const attempt of evidence.attempts) {
    const first = attempt.answers.find((answer) => answer.ask === 'reserve')
    if (first === undefined || toldBodies(attempt).length === 0) continue
    const sent_ms = newReservationSent(attempt)
    if (sent_ms > (last_new_ms.get(attempt.sku)?.sent_ms ?? 0)) {
      last_new_ms.set(attempt.sku, { sent_ms, who: nameOf(attempt) })
    }
  }

  for (const attempt of evidence.attempts) {
    const who = nameOf(attempt)
    for (const answer of attempt.answers) {
      if (answer.code === 'sold_out') {
        const later = last_new_ms.get(attempt.sku)
        if (later !== undefined && later.sent_ms > answer.got_ms) {
          found.push(
            `${who} was told sold_out at ${iso(answer.got_ms)}, ${later.who} got one asked for at ${iso(later.sent_ms)}`,
          )
        }
      }
      if (answer.code === 'sold_out') {
        const open = unpaid.find(
          ({ sku, from_ms, until_ms }) => sku === attempt.sku && from_ms < answer.sent_ms && until_ms > answer.got_ms,
        )
        if (open !== undefined)
          found.push(`${who} was told sold_out at ${iso(answer.got_ms)}, ${open.who} had not paid`)
      }
      if (answer.sent_ms >= evidence.rest_ms && (answer.code === 'sold_out' || answer.code === 'all_held')) {
        const terms = evidence.terms.find((entry) => entry.sku === attempt.sku)
        if (terms !== undefined && terms.free > 0)
          found.push(`${who} was told ${answer.code} at rest, ${terms.free} are free`)
        if (terms !== undefined && terms.confirmed > 0 && answer.code === 'sold_out') {
          found.push(`${who} was told sold_out at rest, ${terms.confirmed} are not paid yet`)
        }
      }
      if (answer.code === 'limit_reached' && answer.ask === 'reserve' && !atLimit(evidence, attempt)) {
        found.push(`${who} was told limit_reached and has nothing else`)
      }
      if (answer.code === 'key_reused' && !evidence.attempts.some((other) => isSameKey(attempt, other))) {
        found.push(`${who} was told key_reused and used it once`)
      }
      if (answer.code === 'not_open' && answer.sent_ms > evidence.opened_ms + NEWS_MS_MAX) {
        found.push(`${who} was told not_open ${answer.sent_ms - evidence.opened_ms} ms after the opening`)
      }
      if (answer.code === 'ended' || (answer.code === 'paused' && !evidence.was_paused)) {
        found.push(`${who} was told ${answer.code} and it was not so`)
      }
      if (answer.code === 'not_found' && answer.ask === 'poll')
        found.push(`${who} was told that its reservation is unknown`)
    }
  }
  return found.map((what) => ({ kind: 'told_false', what }))
}

/** When the request was sent that may have made this reservation: a retry is answered with what an earlier unknown one took. */
function newReservationSent(attempt: Attempt): number {
  let sent_ms = 0
  for (const answer of attempt.answers) {
    if (answer.ask !== 'reserve') continue
    if (isUnknown(answer) || answer.reservation !== '') return answer.sent_ms
    sent_ms = answer.sent_ms
  }
  return sent_ms
}

function isSameKey(attempt: Attempt, other: Attempt): boolean {
  return other !== attempt && other.user === attempt.user && other.key === attempt.key
}

/** Whether all that the buyer may have had besides this attempt could have reached a limit. */
function atLimit(evidence: Evidence, attempt: Attempt): boolean {
  const rules = evidence.sale.skus.find((entry) => entry.sku === attempt.sku)
  if (rules === undefined) return false
  const own = new Set(toldBodies(attempt))
  const others = evidence.orders.filter((order) => order.user === attempt.user && !own.has(order.body))
  const open = evidence.attempts.filter(
    (other) =>
      other !== attempt &&
      other.user === attempt.user &&
      toldBodies(other).length === 0 &&
      other.answers.some((answer) => answer.ask === 'reserve' && isUnknown(answer)),
  )
  const candidates = [...others, ...open]
  const in_sku = candidates.filter((entry) => entry.sku === attempt.sku)
  if (unitsOf(in_sku) + attempt.quantity > rules.user_max) return true
  const { sale_user_max, hold_attempts_max } = evidence.sale
  if (sale_user_max > 0 && unitsOf(candidates) + attempt.quantity > sale_user_max) return true
  // given back late, it may count like one that ran out
  const ended = others.filter(
    ({ sku, status }) => sku === attempt.sku && (status === 'expired' || status === 'cancelled'),
  )
  return hold_attempts_max > 0 && ended.length >= hold_attempts_max
}

function unitsOf(entries: { quantity: number }[]): number {
  return entries.reduce((sum, entry) => sum + entry.quantity, 0)
}

interface UnpaidSpan {
  sku: string
  who: string
  from_ms: number
  until_ms: number
}

/** When a reservation was certainly unpaid: from its 202 to the payment, or to the last time it was told so. */
function unpaidSpans(attempt: Attempt, orders: Map<string, LedgerOrder>): UnpaidSpan[] {
  const accepted = attempt.answers.find((answer) => answer.ask === 'reserve' && answer.reservation !== '')
  const order = orders.get(bodyOf(accepted?.reservation ?? ''))
  // what Redis lost it could not know to be unpaid
  if (accepted === undefined || order === undefined || order.status === 'void') return []
  const settled = attempt.answers.find((answer) => answer.ask === 'settle')
  const told = attempt.answers.findLast((answer) => answer.status === 'held' || answer.status === 'confirmed')
  const last_told_ms = order.status === 'confirmed' ? Number.POSITIVE_INFINITY : (told?.sent_ms ?? 0)
  const until_ms = Math.min(last_told_ms, settled?.sent_ms ?? Number.POSITIVE_INFINITY)
  return [{ sku: attempt.sku, who: nameOf(attempt), from_ms: accepted.got_ms, until_ms }]
}
