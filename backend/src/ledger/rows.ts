// Rows of the ledger as both implementations keep them: the port's shapes plus what only the ledger itself needs.
import type { Price } from '../../../contract/followed-sale'
import type { Order, PaymentSession, PendingReturn, Sale } from './port'

export type UnitState = 'unlent' | 'granted' | 'returning' | 'moving' | 'confirmed' | 'paid'

export interface UnitRow {
  sale: string
  sku: string
  unit: number
  generation: number
  epoch: number
  shard: number
  state: UnitState
  /** body of the order that has it; '' when free */
  reservation: string
}

export interface OrderRow extends Order {
  /** its intent has been met; false for a tombstone whose intent may still turn up */
  intent_met: boolean
  /** paid for after it had expired, waiting for a unit or a refund */
  late: boolean
  /** its hold has been extended by a started payment */
  extended: boolean
  /** which intent of a late payment was met last, '' for none: that intent delivered again does nothing */
  late_met: string
}

/** What an order is judged and priced by: fixed once written, a change makes a new price version. */
interface PriceTerms {
  title: string
  price: Price
  /** 0: no limit */
  user_max: number
}

export interface SkuRow {
  sku: string
  total: number
  /** units minted so far, of an unlimited SKU */
  minted: number
  price_version: number
  /** by price version */
  prices: Map<number, PriceTerms>
}

/** A sale, with the widest window and limit it ever had: an intent is judged as of its own time, not by later changes. */
export interface SaleRow extends Omit<Sale, 'skus'> {
  opens_ms_earliest: number
  closes_ms_latest: number
  /** 0: no limit */
  sale_user_max_widest: number
  skus: Map<string, SkuRow>
  /** '' when nobody rebuilds */
  rebuild_owner: string
  rebuild_lease_ms: number
  rebuild_until_ms: number
  /** epoch whose units were counted again */
  recounted_epoch: number
}

export interface BuyerRow {
  sale: string
  sku: string
  user: string
  units: number
  expired_holds: number
}

export interface SessionRow extends PaymentSession {
  /** rises; the newest of an order is its present one */
  id: number
  /** times in a row that what it waits for failed */
  failures: number
  /** not before */
  try_again_ms: number
}

export type NewReturn = Omit<PendingReturn, 'id'>

/** The port's view of an order row. */
export function orderOf(row: OrderRow): Order {
  return {
    sale: row.sale,
    shard: row.shard,
    body: row.body,
    order: row.order,
    user: row.user,
    sku: row.sku,
    quantity: row.quantity,
    units: [...row.units],
    status: row.status,
    version: row.version,
    price: { ...row.price },
    price_version: row.price_version,
    reserved_ms: row.reserved_ms,
    confirmed_ms: row.confirmed_ms,
    pay_by_ms: row.pay_by_ms,
    paid_ms: row.paid_ms,
    reason: row.reason,
    spends: row.spends,
  }
}

/** The port's view of a sale row. */
export function saleOf(row: SaleRow): Sale {
  return {
    id: row.id,
    title: row.title,
    state: row.state,
    rebuilding: row.rebuilding,
    epoch: row.epoch,
    redis_replid: row.redis_replid,
    opens_ms: row.opens_ms,
    closes_ms: row.closes_ms,
    shards: row.shards,
    id_key: row.id_key,
    left_shown: row.left_shown,
    gate: row.gate,
    skus: [...row.skus.values()].map((sku) => {
      const terms = termsOf(sku)
      return {
        sku: sku.sku,
        title: terms.title,
        price: { ...terms.price },
        price_version: sku.price_version,
        total: sku.total,
        user_max: terms.user_max,
      }
    }),
    hold_ms: row.hold_ms,
    payment_extension_ms: row.payment_extension_ms,
    sale_user_max: row.sale_user_max,
    hold_attempts_max: row.hold_attempts_max,
    version: row.version,
  }
}

/** Present price, title and limit of a SKU. */
export function termsOf(sku: SkuRow): PriceTerms {
  const terms = sku.prices.get(sku.price_version)
  if (terms === undefined) throw new Error(`SKU ${sku.sku} has no price version ${sku.price_version}`)
  return terms
}

export function sessionOf(row: SessionRow): PaymentSession {
  return {
    provider: row.provider,
    session: row.session,
    sale: row.sale,
    body: row.body,
    amount_minor: row.amount_minor,
    currency: row.currency,
    redirect: row.redirect,
    status: row.status,
  }
}

/** Byte order of UTF-8, as COLLATE "C" has it. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** As sql/read-orders-of-user.sql has it. */
export function keptOfUser(orders: OrderRow[], limit: number): OrderRow[] {
  const rank = ({ status }: OrderRow) => (status === 'confirmed' ? 0 : status === 'paid' ? 1 : 2)
  const byAge = (a: OrderRow, b: OrderRow) => a.reserved_ms - b.reserved_ms || compareText(a.body, b.body)
  const kept = orders.toSorted((a, b) => rank(a) - rank(b) || byAge(b, a)).slice(0, limit)
  return kept.sort(byAge)
}
