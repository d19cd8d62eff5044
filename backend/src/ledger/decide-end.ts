// How an order ends unpaid: pure, shared by both implementations.
import type { Effects } from './effects'
import type { NewReturn, OrderRow, SaleRow, UnitRow } from './rows'

/**
 * Whether a hold counts against hold_attempts_max: it ran out, or more than half of its time was over when it was given back. Otherwise
 * somebody could keep units for good, giving back just before the end; whoever gives back soon has changed their mind.
 */
function isAttempt(order: OrderRow, status: 'expired' | 'cancelled', now: number): boolean {
  return status === 'expired' || 2 * (now - order.confirmed_ms) > order.pay_by_ms - order.confirmed_ms
}

/** Ends a confirmed order: units on their way back under a new generation, buyer's count lowered, status published. */
export function decideEnd(
  sale: SaleRow,
  order: OrderRow,
  status: 'expired' | 'cancelled',
  now: number,
  unit: (sku: string, unit: number) => UnitRow | undefined,
  effects: Effects,
): OrderRow {
  const ended: OrderRow = { ...order, status, version: order.version + 1, pay_by_ms: 0 }
  const is_attempt = isAttempt(order, status, now)
  const limited = sale.skus.get(order.sku)?.total !== -1
  const units: NewReturn['units'] = []
  for (const number of order.units) {
    const row = unit(order.sku, number)
    if (row === undefined || row.reservation !== order.body)
      throw new Error(`unit ${number} of SKU ${order.sku} is not with its order ${order.order} in sale ${sale.id}`)
    const generation = row.generation + 1
    effects.unit_changes.push({
      sale: sale.id,
      sku: order.sku,
      unit: number,
      from_generation: row.generation,
      generation,
      epoch: sale.epoch,
      shard: order.shard,
      state: limited ? 'returning' : 'unlent',
      reservation: '',
    })
    if (limited) units.push({ unit: number, generation })
  }
  effects.changed.push(ended)
  effects.buyer_changes.push({
    sale: sale.id,
    sku: order.sku,
    user: order.user,
    units: -order.quantity,
    expired_holds: is_attempt ? 1 : 0,
  })
  effects.returns.push({
    sale: sale.id,
    shard: order.shard,
    epoch: sale.epoch,
    sku: order.sku,
    body: order.body,
    user: order.user,
    quantity: order.quantity,
    units,
    expired: is_attempt,
  })
  return ended
}
