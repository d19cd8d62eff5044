// Nothing is lost: every 202 ends as an order or for an honest reason, every payment has its goods or its
// refund, every unit is in an account. Meant for a system at rest.
import {
  type Answer,
  type Attempt,
  bodyOf,
  type Evidence,
  type LedgerOrder,
  type LedgerTerms,
  nameOf,
  type Violation,
} from './evidence'

export function checkLost(evidence: Evidence): Violation[] {
  const orders = new Map(evidence.orders.map((order) => [order.body, order]))
  const found: string[] = []
  for (const attempt of evidence.attempts) {
    const accepted = attempt.answers.filter((answer) => answer.ask === 'reserve' && answer.reservation !== '')
    for (const answer of firstOfEachReservation(accepted)) {
      const body = bodyOf(answer.reservation)
      const order = orders.get(body)
      if (order === undefined) found.push(`${nameOf(attempt)} was accepted as ${body}, which the ledger does not know`)
      else found.push(...dishonestEnd(evidence, attempt, answer, order))
    }
  }
  for (const terms of evidence.terms) found.push(...unaccounted(evidence, terms))
  return found.map((what) => ({ kind: 'lost', what }))
}

function firstOfEachReservation(accepted: Answer[]): Answer[] {
  const first = new Map<string, Answer>()
  for (const answer of accepted) if (!first.has(answer.reservation)) first.set(answer.reservation, answer)
  return [...first.values()]
}

function dishonestEnd(evidence: Evidence, attempt: Attempt, accepted: Answer, order: LedgerOrder): string[] {
  const who = `${nameOf(attempt)} ${order.body}`
  const asked = (ask: string) => attempt.answers.some((answer) => answer.ask === ask)
  const paid = attempt.answers.some((answer) => answer.ask === 'settle' && answer.http >= 200 && answer.http < 400)

  if (paid && order.status !== 'paid' && order.status !== 'refunded') {
    return [`${who} was paid for and is ${order.status}`]
  }
  switch (order.status) {
    case 'held':
      return [`${who} is still held at rest`]
    case 'void':
      // a repeat of the key after the loss is answered with the old reservation: its first 202 counts
      if (evidence.losses_ms.some((loss_ms) => accepted.sent_ms <= loss_ms)) return []
      return [`${who} was accepted and became void (${order.reason}) though Redis lost nothing after it`]
    case 'cancelled':
      return asked('cancel') ? [] : [`${who} is cancelled and nobody asked for that`]
    case 'refunded':
      return asked('pay') ? [] : [`${who} is refunded and nobody paid`]
    default:
      return []
  }
}

function unaccounted(evidence: Evidence, terms: LedgerTerms): string[] {
  const { sku, total, granted, free, returning, moving, held, confirmed, paid, in_redis, in_queue } = terms
  if (total < 0) return []
  const found: string[] = []
  const accounts = free + held + returning + moving + confirmed + paid
  if (granted !== accounts) {
    found.push(
      `${sku}: granted ${granted} ≠ ${accounts} = free ${free} + held ${held} + returning ${returning} + moving ${moving} + confirmed ${confirmed} + paid ${paid}`,
    )
  }
  if (granted > total) found.push(`${sku}: ${granted} units granted of ${total}`)
  if (held + returning + moving + in_queue > 0) {
    found.push(`${sku}: at rest held ${held}, returning ${returning}, moving ${moving}, in the queue ${in_queue}`)
  }
  if (in_redis !== free) found.push(`${sku}: ${free} units free in the ledger, ${in_redis} in Redis`)

  const list = evidence.redis?.free.find((entry) => entry.sku === sku)
  if (evidence.redis !== undefined && (list?.units.length ?? 0) !== free) {
    found.push(`${sku}: ${free} units free in the ledger, Redis' free list has ${list?.units.length ?? 0}`)
  }
  for (const [status, term] of [
    ['confirmed', confirmed],
    ['paid', paid],
  ] as const) {
    const orders = evidence.orders.filter((order) => order.sku === sku && order.status === status)
    const units = orders.reduce((sum, order) => sum + order.quantity, 0)
    if (units !== term) found.push(`${sku}: ${units} units in ${status} orders, the ledger counts ${term}`)
  }
  return found
}
