// Shoppers are told the truth about a reservation: what was said never goes back on itself and ends as the ledger has it.
import type { ReservationStatus } from '../../contract/codes'
import { type Answer, type Attempt, bodyOf, type Evidence, type LedgerOrder, nameOf, type Violation } from './evidence'

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

export function iso(time_ms: number): string {
  return new Date(time_ms).toISOString()
}
