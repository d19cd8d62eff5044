// Nobody has more than the sale allows, and one Idempotency-Key is one reservation.
//
// One exception, which the contract names: a payment that arrives after its hold ran out gets units though its buyer
// may have bought others since, because the money has been taken.
import { type Attempt, bodyOf, type Evidence, isLive, type LedgerOrder, toldBodies, type Violation } from './evidence'

export function checkLimits(evidence: Evidence): Violation[] {
  const found: Violation[] = []
  const say = (what: string) => found.push({ kind: 'limit_broken', what })
  const { skus, sale_user_max } = evidence.sale
  const live = evidence.orders.filter((order) => isLive(order.status))
  const late = new Set(evidence.attempts.flatMap(paidLate))
  const limited = live.filter((order) => !late.has(order.body))

  for (const { sku, user_max } of skus) {
    for (const [user, units] of unitsByUser(limited.filter((order) => order.sku === sku))) {
      if (units > user_max) say(`${user} has ${units} live units of ${sku}, the limit is ${user_max}`)
    }
  }
  if (sale_user_max > 0) {
    for (const [user, units] of unitsByUser(limited)) {
      if (units > sale_user_max) say(`${user} has ${units} live units in the sale, the limit is ${sale_user_max}`)
    }
  }

  const bodies = new Map<string, Set<string>>()
  for (const attempt of evidence.attempts) {
    const name = `${attempt.user} key ${attempt.key}`
    const seen = bodies.get(name) ?? new Set()
    bodies.set(name, seen)
    for (const body of toldBodies(attempt)) seen.add(body)
  }
  for (const [name, seen] of bodies) {
    if (seen.size > 1) say(`${name} got ${seen.size} reservations: ${[...seen].join(', ')}`)
  }

  for (const buyer of evidence.redis?.buyers ?? []) {
    const theirs = live.filter((order) => (buyer.sku === '*' || order.sku === buyer.sku) && order.user === buyer.user)
    const units = theirs.reduce((sum, order) => sum + order.quantity, 0)
    if (units !== buyer.units) {
      say(`Redis counts ${buyer.units} units of ${buyer.sku} against ${buyer.user}, the ledger ${units}`)
    }
  }
  return found
}

/** Reservations of the attempt that were told expired, or paid after their time was over. */
function paidLate(attempt: Attempt): string[] {
  const pay_by_ms = Math.max(0, ...attempt.answers.map((answer) => answer.pay_by_ms))
  const settled = attempt.answers.findLast((answer) => answer.ask === 'settle')
  const was_late = settled !== undefined && pay_by_ms > 0 && settled.got_ms > pay_by_ms
  const told_expired = attempt.answers.filter((answer) => answer.status === 'expired')
  return was_late ? toldBodies(attempt) : told_expired.map((answer) => bodyOf(answer.reservation))
}

function unitsByUser(orders: LedgerOrder[]): Map<string, number> {
  const units = new Map<string, number>()
  for (const order of orders) units.set(order.user, (units.get(order.user) ?? 0) + order.quantity)
  return units
}
