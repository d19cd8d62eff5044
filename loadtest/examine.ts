// After the load: waits for rest, probes the stock and holds every answer against the ledger.
import {
  type Attempt,
  type Evidence,
  isLive,
  type LedgerOrder,
  type SaleRules,
  type Violation,
} from '../faults/checkers/evidence'
import { checkAll } from '../faults/checkers/index'
import { badLogLines } from '../faults/error-log'
import { readOrders, readTerms, waitForRest } from '../faults/ledger-reader'
import { probeStock } from '../faults/probe'
import { ShopClient } from '../faults/shop-client'
import { Shopper } from '../faults/shopper'
import { Random } from '../scripts/random'
import type { Profile } from './profiles'
import type { Target } from './target'

const REST_TIMEOUT_MS = 60_000
const PROBE_TIMEOUT_MS = 10_000

/** What happened to the system during the run; nothing, unless faults were asked for. */
export interface Circumstances {
  opened_ms: number
  was_paused: boolean
  losses_ms: number[]
}

interface Examined {
  orders: LedgerOrder[]
  violations: Violation[]
}

export async function examine(
  target: Target,
  profile: Profile,
  sale: SaleRules,
  circumstances: Circumstances,
  attempts: Attempt[],
  spare_sessions: { user: string; session: string }[],
): Promise<Examined> {
  const rested = await waitForRest(target.admin, sale.id, profile.ends_all_paid, REST_TIMEOUT_MS)
  const violations: Violation[] = []
  if (!rested) violations.push({ kind: 'lost', what: `not at rest ${REST_TIMEOUT_MS / 1000} s after the last shopper` })

  const client = new ShopClient(target.gate_url)
  const probers = spare_sessions.map(
    ({ user, session }) => new Shopper(client, sale.id, user, session, new Random(1), Date.now() + PROBE_TIMEOUT_MS),
  )
  violations.push(...(await probeStock(target.admin, sale, probers)))
  client.close()
  await waitForRest(target.admin, sale.id, profile.ends_all_paid, REST_TIMEOUT_MS)

  const { terms } = await readTerms(target.admin, sale.id)
  const orders = await readOrders(target.admin, sale.id)
  const evidence: Evidence = {
    sale,
    attempts: [...attempts, ...probers.flatMap((prober) => prober.attempts)],
    orders,
    terms,
    ...circumstances,
    rest_ms: Date.now(),
  }
  violations.push(
    ...checkAll(evidence),
    ...unsold(profile, circumstances, attempts, orders),
    ...badLogLines(target.errorLog()),
  )
  return { orders, violations }
}

/** More shoppers than units: every unit is sold, and where the profile says so, paid. */
function unsold(
  profile: Profile,
  circumstances: Circumstances,
  attempts: Attempt[],
  orders: LedgerOrder[],
): Violation[] {
  // what a loss gave back may have come when the shoppers had gone; the probe has tried to buy it
  if (circumstances.losses_ms.length > 0) return []
  const wanted = Math.min(profile.units, attempts.length * profile.quantity)
  const kept = orders.filter(({ status }) => (profile.ends_all_paid ? status === 'paid' : isLive(status)))
  const units = kept.reduce((sum, { quantity }) => sum + quantity, 0)
  const word = profile.ends_all_paid ? 'paid' : 'sold'
  const found: Violation[] = []
  if (units !== wanted) found.push({ kind: 'lost', what: `${units} units are ${word}, ${wanted} should be` })
  if (profile.ends_all_paid && !orders.some(({ status }) => status === 'expired')) {
    found.push({ kind: 'told_false', what: 'no hold ran out, so that nothing was sold again' })
  }
  return found
}
