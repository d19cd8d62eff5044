// A purchase as it comes in: what the body and the headers must be, named field by field.
import { IDEMPOTENCY_KEY_LENGTH_MAX, QUANTITY_MAX } from '../../../contract/lane-scripts'
import { isId } from './route'

export interface PurchaseBody {
  sku?: unknown
  quantity?: unknown
}

/** undefined when it is right, else what is wrong with it. `body` is what JSON gave, of any type. */
export function purchaseProblem(body: PurchaseBody): string | undefined {
  const sku = body.sku
  if (sku === undefined) return 'sku: is missing'
  if (typeof sku !== 'string' || !isId(sku)) return 'sku: must be 1 to 64 of a-z, 0-9, _ and -'
  return quantityProblem(body.quantity)
}

export function quantityProblem(quantity: unknown): string | undefined {
  if (quantity === undefined) return 'quantity: is missing'
  if (typeof quantity !== 'number') return 'quantity: must be a number'
  // also false for NaN and the infinities
  if (!(quantity >= 1 && quantity <= QUANTITY_MAX)) return 'quantity: must be 1 to ' + QUANTITY_MAX
  if (Math.floor(quantity) !== quantity) return 'quantity: must be a whole number'
  return undefined
}

const SPACE = 32
const DELETE = 127

/** Idempotency-Key: 1 to 128 visible ASCII characters. */
export function keyProblem(key: string | undefined): string | undefined {
  if (key === undefined || key === '') return 'Idempotency-Key: is missing'
  if (key.length > IDEMPOTENCY_KEY_LENGTH_MAX) {
    return 'Idempotency-Key: must have at most ' + IDEMPOTENCY_KEY_LENGTH_MAX + ' characters'
  }
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    if (code <= SPACE || code >= DELETE) return 'Idempotency-Key: must be visible ASCII characters'
  }
  return undefined
}
