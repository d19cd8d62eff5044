// Shoppers are told the truth: what was said about a reservation never goes back on itself and ends as the
// ledger has it, and a refusal's reason was so.
import type { ReservationStatus } from '../../contract/codes'
import {
  type Answer,
  type Attempt,
  bodyOf,
  type Evidence,
  isUnknown,
  type LedgerOrder,
  nameOf,
  toldBodies,
  type Violation,
} from './evidence'

/** Gates hear of an opening by a long poll, and share it among their workers. */
const NEWS_MS_MAX = 3000

/** What may follow each status; everything may be told again. */
const MAY_BECOME: Record<ReservationStatus, ReservationStatus[]> = {
  held: ['confirmed', 'paid', 'expired', 'cancelled', 'void', 'refunded'],
  confirmed: ['paid', 'expired', 'cancelled', 'refunded'],
  expired: ['paid', 'refunded'],
  paid: [],
  cancelled: [],
  void: [],
  refunded: [],
}

export function checkToldFalse(evidence: Evidence): Violation[] {
  const found: string[] = []
  const orders = new Map(evidence.orders.map((order) => [order.body, order]))
  for (const attempt of evidence.attempts) {
    for (const history of historiesOf(attempt)) {
      found.push(...contradictions(evidence, attempt, history, orders.get(history.body)))
    }
  }
  found.push(...falseRefusals(evidence))
  return found.map((what) => ({ kind: 'told_false', what }))
}

interface History {
  body: string
  answers: Answer[]
}

function historiesOf(attempt: Attempt): History[] {
  const histories = new Map<string, Answer[]>()
  for (const answer of attempt.answers) {
    if (answer.reservation === '' || answer.status === '') continue
    const body = bodyOf(answer.reservation)
    const answers = histories.get(body) ?? []
    histories.set(body, answers)
    answers.push(answer)
  }
  return [...histories].map(([body, answers]) => ({ body, answers }))
}

function contradictions(
  evidence: Evidence,
  attempt: Attempt,
  history: History,
  order: LedgerOrder | undefined,
): string[] {
  const found: string[] = []
  const who = `${nameOf(attempt)} ${history.body}`
  let last: Answer | undefined
  for (const answer of history.answers) {
    if (answer.status === '') continue
    // answers to requests that were under way at the same time have no order among them
    if (
      last !== undefined &&
      last.status !== '' &&
      last.got_ms <= answer.sent_ms &&
      !follows(last.status, answer.status)
    ) {
      found.push(`${who} was told ${last.status}, then ${answer.status}`)
    }
    if (answer.status === 'expired' && last !== undefined && last.pay_by_ms > answer.got_ms) {
      found.push(`${who} could pay until ${iso(last.pay_by_ms)} and was told expired at ${iso(answer.got_ms)}`)
    }
    last = answer
    if (order === undefined) continue
    if (!follows(answer.status, order.status)) {
      found.push(`${who} was told ${answer.status}, the ledger ends at ${order.status}`)
    } else if (answer.ask === 'poll' && answer.sent_ms >= evidence.rest_ms && answer.status !== order.status) {
      found.push(`${who} is told ${answer.status} at rest, the ledger says ${order.status}`)
    }
    // a rebuild that had to make do without the lost part of Redis may give other units
    if (
      answer.units.length > 0 &&
      order.order !== '' &&
      evidence.losses_ms.length === 0 &&
      !sameUnits(answer.units, order.units)
    ) {
      found.push(`${who} was told units ${answer.units.join(',')}, the order has ${order.units.join(',')}`)
    }
  }
  const record = evidence.redis?.records.find((entry) => entry.body === history.body)
  if (record !== undefined && order !== undefined && record.status !== order.status) {
    found.push(`${who}: Redis says ${record.status} at rest, the ledger ${order.status}`)
  }
  return found
}

function follows(before: ReservationStatus, after: ReservationStatus): boolean {
  return before === after || MAY_BECOME[before].includes(after)
}

function sameUnits(told: number[], owned: number[]): boolean {
  return [...told].sort((a, b) => a - b).join() === [...owned].sort((a, b) => a - b).join()
}

function falseRefusals(evidence: Evidence): string[] {
  const found: string[] = []
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
  return found
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
  const expired = others.filter((order) => order.sku === attempt.sku && order.status === 'expired')
  return hold_attempts_max > 0 && expired.length >= hold_attempts_max
}

function unitsOf(entries: { quantity: number }[]): number {
  return entries.reduce((sum, entry) => sum + entry.quantity, 0)
}

function iso(time_ms: number): string {
  return new Date(time_ms).toISOString()
}
