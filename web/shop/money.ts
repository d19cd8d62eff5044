// Prices in the shopper's eyes. The wire has minor units (cents), whose number depends on the currency.
import type { Price } from '../../contract/followed-sale'

export function priceText(price: Price): string {
  const format = new Intl.NumberFormat('en-GB', { style: 'currency', currency: price.currency })
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2
  return format.format(price.amount_minor / 10 ** digits)
}

export function timesPrice(price: Price, quantity: number): Price {
  return { amount_minor: price.amount_minor * quantity, currency: price.currency }
}
