// Order rows as they begin.
import type { Price } from '../../../contract/followed-sale'
import type { Intent } from './port'
import type { OrderRow, SaleRow } from './rows'

const NO_PRICE: Price = { amount_minor: 0, currency: '' }

/** Nothing for a SKU or price version that there is not. */
export function priceOf(sale: SaleRow, intent: Intent): Price {
  return sale.skus.get(intent.sku)?.prices.get(intent.price_version)?.price ?? NO_PRICE
}

/** An intent's order before anything is decided about it: void. */
export function blankOrder(sale: SaleRow, intent: Intent): OrderRow {
  return {
    sale: sale.id,
    shard: intent.shard,
    body: intent.body,
    order: '',
    user: intent.user,
    sku: intent.sku,
    quantity: intent.quantity,
    units: [],
    status: 'void',
    version: 1,
    price: priceOf(sale, intent),
    price_version: intent.price_version,
    reserved_ms: intent.reserved_ms,
    confirmed_ms: 0,
    pay_by_ms: 0,
    paid_ms: 0,
    reason: '',
    spends: intent.spends,
    intent_met: true,
    late: false,
    extended: false,
    late_met: '',
  }
}

/** A reservation the ledger does not know, ended before any intent of it came. */
export function tombstoneOrder(
  reservation: { sale: string; shard: number; body: string; user: string },
  status: 'void' | 'cancelled',
): OrderRow {
  return {
    sale: reservation.sale,
    shard: reservation.shard,
    body: reservation.body,
    order: '',
    user: reservation.user,
    sku: '',
    quantity: 0,
    units: [],
    status,
    version: 1,
    price: NO_PRICE,
    price_version: 0,
    reserved_ms: 0,
    confirmed_ms: 0,
    pay_by_ms: 0,
    paid_ms: 0,
    reason: status === 'void' ? 'unknown_reservation' : '',
    spends: '',
    intent_met: false,
    late: false,
    extended: false,
    late_met: '',
  }
}
