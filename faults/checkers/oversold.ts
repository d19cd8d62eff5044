// Nothing is sold twice: no unit in two live orders, no more live units than there are, and nothing that is
// sold still for sale in Redis.
import { type Evidence, isLive, type Violation } from './evidence'

export function checkOversold(evidence: Evidence): Violation[] {
  const found: Violation[] = []
  const say = (what: string) => found.push({ kind: 'oversold', what })

  for (const { sku, total } of evidence.sale.skus) {
    const live = evidence.orders.filter((order) => order.sku === sku && isLive(order.status))
    const owners = new Map<number, string>()
    for (const order of live) {
      for (const unit of order.units) {
        const owner = owners.get(unit)
        if (owner !== undefined) say(`unit ${unit} of ${sku} is in the live orders ${owner} and ${order.body}`)
        owners.set(unit, order.body)
      }
      if (total >= 0 && order.units.length !== order.quantity) {
        say(`order ${order.body} sold ${order.quantity} × ${sku} but owns ${order.units.length} units`)
      }
    }
    if (total < 0) continue

    const sold = live.reduce((sum, order) => sum + order.quantity, 0)
    if (sold > total) say(`${sold} units of ${sku} are in live orders, there are ${total}`)

    const free = new Set<number>()
    for (const unit of evidence.redis?.free.find((list) => list.sku === sku)?.units ?? []) {
      if (free.has(unit)) say(`unit ${unit} of ${sku} is twice in Redis' free list`)
      free.add(unit)
      const owner = owners.get(unit)
      if (owner !== undefined) say(`unit ${unit} of ${sku} is free in Redis and in the live order ${owner}`)
    }
  }
  return found
}
