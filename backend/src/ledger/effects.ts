// What a decision is given to know, and what it wants changed: the words between decide*.ts and the two ledgers.
import type { Intent, Refund } from './port'
import type { NewReturn, OrderRow, SaleRow, SessionRow, UnitRow, UnitState } from './rows'

export interface Facts {
  now: number
  sale: SaleRow
  order(body: string): OrderRow | undefined
  /** still lent under that generation, and not with an order */
  claimable(sku: string, unit: number, generation: number): boolean
  /** units that the buyer has of one SKU */
  buyerUnits(sku: string, user: string): number
  /** units that the buyer has of all SKUs */
  buyerUnitsInSale(user: string): number
  /** the payment session that was paid; asked for late intents alone */
  paidSession(body: string): SessionRow | undefined
  /** order number of the shard, each once */
  nextOrder(shard: number): string
  /** for survivors of a rebuild: free units of a SKU in unit order, and whether one may be used in place of another */
  freeUnits?: (sku: string) => UnitRow[]
}

export interface UnitChange {
  sale: string
  sku: string
  unit: number
  /** the generation it must have had */
  from_generation: number
  generation: number
  epoch: number
  shard: number
  state: UnitState
  reservation: string
}

export interface BuyerChange {
  sale: string
  sku: string
  user: string
  units: number
  expired_holds: number
}

export interface Effects {
  unit_changes: UnitChange[]
  mints: { sale: string; sku: string; unit: number; epoch: number; shard: number; state: UnitState; body: string }[]
  /** published in this order, then the changed ones */
  inserted: OrderRow[]
  changed: OrderRow[]
  /** changed in what no shopper sees: not published */
  quiet: OrderRow[]
  buyer_changes: BuyerChange[]
  returns: NewReturn[]
  refunds: Refund[]
  dead: { intent: Intent; reason: string }[]
}

export interface ChangedOrder {
  order: OrderRow
  /** under a new version */
  is_published: boolean
}

/** As they came, where an order is changed several times: a quiet change keeps the version of the one before it. */
export function changesInOrder({ changed, quiet }: Effects): ChangedOrder[] {
  const rows = [
    ...changed.map((order) => ({ order, is_published: true })),
    ...quiet.map((order) => ({ order, is_published: false })),
  ]
  return rows.sort((a, b) => a.order.version - b.order.version)
}

/** One row of the outbox: orders of one sale that were announced together. */
interface Announcement {
  sale: string
  bodies: string[]
}

export function announcements({ inserted, changed }: Effects): Announcement[] {
  const of_sale = new Map<string, Announcement>()
  for (const { sale, body } of inserted) announce(of_sale, sale, body)
  for (const { sale, body } of changed) announce(of_sale, sale, body)
  return [...of_sale.values()]
}

function announce(of_sale: Map<string, Announcement>, sale: string, body: string): void {
  const announcement = of_sale.get(sale)
  if (announcement === undefined) of_sale.set(sale, { sale, bodies: [body] })
  else announcement.bodies.push(body)
}

export function noEffects(): Effects {
  return {
    unit_changes: [],
    mints: [],
    inserted: [],
    changed: [],
    quiet: [],
    buyer_changes: [],
    returns: [],
    refunds: [],
    dead: [],
  }
}
