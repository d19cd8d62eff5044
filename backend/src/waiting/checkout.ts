// Places in checkout follow the orders that were bought with their passes: kept until it is to be paid, free once it is paid or over.
// Sent twice it counts once.
import type { Redis } from 'ioredis'
import { admittedKey, checkoutKey } from '../../../contract/keys'
import type { Order } from '../ledger/port'
import type { ScriptCall, Scripts } from '../redis/scripts'
import { passOf } from './room'

export async function followOrders(redis: Redis, scripts: Scripts, orders: Order[]): Promise<void> {
  // an order's statuses come in their order, and only the last says how it stands
  const last = new Map<string, Order>()
  for (const order of orders) if (passOf(order) !== '') last.set(`${order.sale} ${order.body}`, order)
  const keep: ScriptCall[] = []
  const leave: ScriptCall[] = []
  for (const order of last.values()) {
    const keys = [admittedKey(order.sale), checkoutKey(order.sale)]
    if (order.status === 'confirmed') keep.push({ keys, args: [order.user, passOf(order), order.pay_by_ms] })
    else if (order.status !== 'held') leave.push({ keys, args: [order.user, passOf(order)] })
  }
  await scripts.runMany(redis, 'keep-checkout', keep)
  await scripts.runMany(redis, 'leave-checkout', leave)
}
