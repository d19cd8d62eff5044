// Asks a sale at rest for one unit of each SKU: what is free must be sold, what is gone must be refused.
import type { SaleRules, Violation } from './checkers/evidence'
import { type Admin, readTerms } from './ledger-reader'
import type { Shopper } from './shopper'

/** One shopper per SKU, none of whom has bought anything. What is bought is given back. */
export async function probeStock(admin: Admin, rules: SaleRules, shoppers: Shopper[]): Promise<Violation[]> {
  const found: Violation[] = []
  const { terms } = await readTerms(admin, rules.id)
  for (const [index, { sku, total }] of rules.skus.entries()) {
    const shopper = shoppers[index]
    const free = total < 0 ? 1 : terms.find((entry) => entry.sku === sku)?.free
    if (shopper === undefined || free === undefined) throw new Error(`no shopper or no terms to probe ${sku} with`)
    const attempt = shopper.newAttempt(`probe-${sku}`, sku, 1)
    const reservation = await shopper.reserve(attempt)
    const last = attempt.answers.at(-1)
    if (free > 0 && reservation === '') {
      found.push({
        kind: 'lost',
        what: `${free} units of ${sku} are free at rest, one was asked for: ${last?.http} ${last?.code}`,
      })
    }
    if (free === 0 && reservation !== '') {
      found.push({ kind: 'oversold', what: `no unit of ${sku} is free at rest, one was given out all the same` })
    }
    if (reservation !== '') await shopper.cancel(attempt, reservation)
  }
  return found
}
