// Whether an intent can be written down at all.
import { type Intent, LedgerError } from './port'
import { checkText } from './sale-rows'

const INT4_MAX = 2 ** 31 - 1

/** What no column can hold. The contract's encoding cannot say it either, so such an intent is nobody's purchase. */
export function checkIntent(intent: Intent): void {
  for (const field of ['user', 'body', 'sku'] as const) checkText(field, intent[field])
  const numbers = [
    intent.quantity,
    intent.price_version,
    ...intent.units.flatMap(({ unit, generation }) => [unit, generation]),
  ]
  for (const number of numbers) {
    if (!Number.isInteger(number) || number < 0 || number > INT4_MAX)
      throw new LedgerError('bad_request', `intent ${intent.body}: numbers must be whole and below 2^31, got ${number}`)
  }
}

export function isStorable(intent: Intent): boolean {
  try {
    checkIntent(intent)
    return true
  } catch {
    return false
  }
}
