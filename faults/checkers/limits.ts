// Nobody has more than the sale allows, and one Idempotency-Key is one reservation.
import { type Evidence, isLive, type LedgerOrder, toldBodies, type Violation } from './evidence'

export function checkLimits(evidence: Evidence): Violation[] {
  const found: Violation[] = []
  const say = (what: string) => found.push({ kind: 'limit_broken', what })
  const { skus, sale_user_max } = evidence.sale
  const live = evidence.orders.filter((order) => isLive(order.status))

  for (const { sku, user_max } of skus) {
    for (const [user, units] of unitsByUser(live.filter((order) => order.sku === sku))) {
      if (units > user_max) say(`${user} has ${units} live units of ${sku}, the limit is ${user_max}`)
    }
  }
  if (sale_user_max > 0) {
    for (const [user, units] of unitsByUser(live)) {
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
    const theirs = live.filter((order) => order.sku === buyer.sku && order.user === buyer.user)
    const units = theirs.reduce((sum, order) => sum + order.quantity, 0)
    if (units !== buyer.units) {
      say(`Redis counts ${buyer.units} units of ${buyer.sku} against ${buyer.user}, the ledger ${units}`)
    }
  }
  return found
}

function unitsByUser(orders: LedgerOrder[]): Map<string, number> {
  const units = new Map<string, number>()
  for (const order of orders) units.set(order.user, (units.get(order.user) ?? 0) + order.quantity)
  return units
}
