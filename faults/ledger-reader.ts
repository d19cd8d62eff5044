// Reads what the checkers compare with, through the admin API, and waits until a sale is at rest.
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { LedgerOrder, LedgerTerms } from './checkers/evidence'

export type Admin = <T = unknown>(method: string, path: string, body?: unknown) => Promise<T>

const ORDERS_PAGE = 1000
const REST_POLL_MS = 250
/** Looks in a row that must find the sale at rest: one alone may fall between two steps. */
const REST_LOOKS = 3

const count = z.number().int()
const termsAnswer = z.object({
  balanced: z.boolean(),
  skus: z.array(
    z.object({
      sku: z.string(),
      total: count,
      granted: count,
      free: count,
      returning: count,
      moving: count,
      held: count,
      confirmed: count,
      paid: count,
      in_redis: count,
      in_queue: count,
    }),
  ),
})
const ordersAnswer = z.object({
  orders: z.array(
    z.object({
      body: z.string().length(22),
      order: z.string().nullish(),
      user: z.string(),
      sku: z.string(),
      quantity: count,
      units: z.array(count),
      status: z.enum(['held', 'confirmed', 'paid', 'expired', 'cancelled', 'void', 'refunded']),
      reason: z.string().nullish(),
    }),
  ),
  next: z.string().nullish(),
})

export async function readTerms(admin: Admin, sale: string): Promise<{ terms: LedgerTerms[]; balanced: boolean }> {
  const { skus, balanced } = termsAnswer.parse(await admin('GET', `/admin/sales/${sale}/ledger`))
  return { terms: skus, balanced }
}

export async function readOrders(admin: Admin, sale: string): Promise<LedgerOrder[]> {
  const orders: LedgerOrder[] = []
  let after = ''
  for (;;) {
    const query = `?limit=${ORDERS_PAGE}${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`
    const page = ordersAnswer.parse(await admin('GET', `/admin/sales/${sale}/orders${query}`))
    for (const order of page.orders) orders.push({ ...order, order: order.order ?? '', reason: order.reason ?? '' })
    if (page.next === null || page.next === undefined || page.next === '' || page.orders.length === 0) return orders
    after = page.next
  }
}

/** Nothing on its way: queue settled, returns applied, and, where asked for, no hold that may still run out. */
function isAtRest(terms: LedgerTerms[], balanced: boolean, holds_ended: boolean): boolean {
  return (
    balanced &&
    terms.every(
      (entry) =>
        entry.held + entry.returning + entry.moving + entry.in_queue === 0 &&
        (entry.total < 0 || entry.free === entry.in_redis) &&
        !(holds_ended && entry.confirmed > 0),
    )
  )
}

/** Resolves to true at rest, to false when the time is over; the checkers then say what is left. */
export async function waitForRest(
  admin: Admin,
  sale: string,
  holds_ended: boolean,
  timeout_ms: number,
): Promise<boolean> {
  const deadline = Date.now() + timeout_ms
  let looks = 0
  while (Date.now() < deadline) {
    const read = await readTerms(admin, sale).catch(() => undefined)
    looks = read !== undefined && isAtRest(read.terms, read.balanced, holds_ended) ? looks + 1 : 0
    if (looks === REST_LOOKS) return true
    await sleep(REST_POLL_MS)
  }
  return false
}
