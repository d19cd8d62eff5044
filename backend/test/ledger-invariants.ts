// What must hold in every ledger at every moment, read through the port alone.
import type { Ledger, Order } from '../src/ledger/port'

const ALL = 1_000_000

/** Every broken invariant as a sentence; empty when all hold. */
export async function brokenInvariants(ledger: Ledger): Promise<string[]> {
  const broken: string[] = []
  const { sales } = await ledger.sales()
  for (const sale of sales) {
    const orders = await ledger.orders(sale.id, '', ALL)
    const live = orders.filter((order) => order.status === 'confirmed' || order.status === 'paid')
    const image = await ledger.shardImage(sale.id, 0)
    const free = new Map(image.free.map(({ sku, units }) => [sku, units]))

    for (const terms of await ledger.terms(sale.id)) {
      const name = `${sale.id}/${terms.sku}`
      const of_sku = live.filter((order) => order.sku === terms.sku)
      const confirmed = units(of_sku.filter((order) => order.status === 'confirmed'))
      const paid = units(of_sku.filter((order) => order.status === 'paid'))
      if (terms.confirmed !== confirmed.length)
        broken.push(`${name}: ${terms.confirmed} units confirmed, orders have ${confirmed.length}`)
      if (terms.paid !== paid.length) broken.push(`${name}: ${terms.paid} units paid, orders have ${paid.length}`)
      const in_ledger = free.get(terms.sku)?.length ?? 0
      const sum = in_ledger + terms.returning + terms.moving + terms.confirmed + terms.paid
      if (terms.granted !== sum) broken.push(`${name}: granted ${terms.granted}, its parts are ${sum}`)
      if (terms.total >= 0 && terms.granted > terms.total)
        broken.push(`${name}: ${terms.granted} of ${terms.total} granted`)
      const unpaid = image.unpaid.find(({ sku }) => sku === terms.sku)?.units
      if (unpaid !== confirmed.length) broken.push(`${name}: image says ${unpaid} unpaid, orders ${confirmed.length}`)
      const sold = [...confirmed, ...paid]
      if (new Set(sold).size !== sold.length) broken.push(`${name}: a unit is in two live orders: ${sold.sort()}`)
      const in_free = new Set((free.get(terms.sku) ?? []).map(({ unit }) => unit))
      for (const unit of sold) if (in_free.has(unit)) broken.push(`${name}: unit ${unit} is sold and free`)
    }
    broken.push(...brokenBuyers(sale.id, live, image.buyers))
    for (const order of live) {
      if (order.units.length !== order.quantity)
        broken.push(`${order.order}: ${order.units.length} units of ${order.quantity}`)
    }
    const numbers = orders.filter((order) => order.order !== '').map((order) => order.order)
    if (new Set(numbers).size !== numbers.length) broken.push(`${sale.id}: an order number twice`)
  }
  return broken
}

function brokenBuyers(
  sale: string,
  live: Order[],
  buyers: { sku: string; user: string; units: number; bodies: string[] }[],
): string[] {
  const counts = new Map<string, number>()
  for (const { sku, user, quantity } of live)
    counts.set(sku + ' ' + user, (counts.get(sku + ' ' + user) ?? 0) + quantity)
  const broken: string[] = []
  for (const { sku, user, units } of buyers) {
    const counted = counts.get(sku + ' ' + user) ?? 0
    if (units !== counted) broken.push(`${sale}/${sku}: buyer ${user} counts ${units} units, has ${counted}`)
    counts.delete(sku + ' ' + user)
  }
  for (const [key, count] of counts) broken.push(`${sale}: buyer ${key} has ${count} units and no count`)
  return broken
}

function units(orders: Order[]): number[] {
  return orders.flatMap((order) => order.units)
}
