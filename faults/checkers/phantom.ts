// Nothing comes from nowhere: every order was asked for by its own user, and every order number that was told is the ledger's.
import {
  type Attempt,
  bodyOf,
  type Evidence,
  isUnknown,
  type LedgerOrder,
  nameOf,
  toldBodies,
  type Violation,
} from './evidence'

export function checkPhantom(evidence: Evidence): Violation[] {
  const found: Violation[] = []
  const say = (what: string) => found.push({ kind: 'phantom', what })
  const told = new Map<string, Attempt>()
  for (const attempt of evidence.attempts) for (const body of toldBodies(attempt)) told.set(body, attempt)
  const orders = new Map(evidence.orders.map((order) => [order.body, order]))
  const unresolved = evidence.attempts.filter(mayHaveTakenEffect)

  for (const order of evidence.orders) {
    const attempt = told.get(order.body)
    if (attempt === undefined) {
      const index = unresolved.findIndex((candidate) => sameRequest(candidate, order))
      if (index >= 0) unresolved.splice(index, 1)
      else
        say(
          `order ${order.body} (${order.quantity} × ${order.sku} for ${order.user}, ${order.status}) was never asked for`,
        )
    } else if (attempt.user !== order.user) {
      say(`order ${order.body} belongs to ${order.user} and was asked for by ${nameOf(attempt)}`)
    } else if (!isTombstone(order) && !sameRequest(attempt, order)) {
      say(`order ${order.body} is for ${order.quantity} × ${order.sku}, asked for was ${nameOf(attempt)}`)
    }
  }

  for (const attempt of evidence.attempts) {
    for (const answer of attempt.answers) {
      if (answer.order === '' || answer.reservation === '') continue
      const order = orders.get(bodyOf(answer.reservation))
      if (order === undefined || order.order !== answer.order) {
        say(`${nameOf(attempt)} was told of order ${answer.order}, the ledger has ${order?.order || 'none'}`)
      }
    }
  }
  return found
}

/** A request without a known answer, after which nobody said what became of it: its order may exist. */
function mayHaveTakenEffect(attempt: Attempt): boolean {
  const asked = attempt.answers.filter((answer) => answer.ask === 'reserve')
  const last = asked.at(-1)
  return toldBodies(attempt).length === 0 && last !== undefined && isUnknown(last)
}

function sameRequest(attempt: Attempt, order: LedgerOrder): boolean {
  return attempt.user === order.user && attempt.sku === order.sku && attempt.quantity === order.quantity
}

/** Written for a reservation that the ledger never saw: it has no goods. */
function isTombstone(order: LedgerOrder): boolean {
  return order.order === '' && (order.status === 'void' || order.status === 'cancelled')
}
