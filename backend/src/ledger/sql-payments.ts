// Payments on the database. Each locks its order, and nothing else that settlement waits for.
import { plainArray } from '../db/array'
import type { Queries } from '../db/db'
import { decideLateRefund, decidePayment, decidePaymentStart } from './decide-payment'
import { noEffects } from './effects'
import { LedgerError, type Order, type PaymentEvent, type PaymentOutcome, type PaymentSession } from './port'
import { type OrderRow, orderOf, type SessionRow, sessionOf } from './rows'
import insertPaymentEvent from './sql/insert-payment-event.sql'
import insertSession from './sql/insert-session.sql'
import payUnits from './sql/pay-units.sql'
import readPaymentEvent from './sql/read-payment-event.sql'
import readSession from './sql/read-session.sql'
import readSessionOfOrder from './sql/read-session-of-order.sql'
import setSessionsStatus from './sql/set-sessions-status.sql'
import { writeEffects } from './sql-effects'
import { lockOrderRows, paidSessions } from './sql-facts'
import { type SaleReader, type SessionRecord, sessionRow } from './sql-rows'

export async function recordSession(
  queries: Queries,
  reader: SaleReader,
  wanted: Omit<PaymentSession, 'status'>,
  now: number,
): Promise<PaymentSession> {
  const { provider, session, sale, body, amount_minor, currency, redirect } = wanted
  const row = (await reader.read(queries, [sale]))[0]
  const order = await lockOrder(queries, sale, body)
  const present = await sessionOfOrder(queries, sale, body)
  const started = decidePaymentStart(now, row, order, present, wanted)
  if (started.recorded !== undefined) return sessionOf(started.recorded)
  const values = [provider, session, sale, body, amount_minor, currency, redirect]
  const inserted = await queries.query<{ id: number }>(insertSession, values)
  if (inserted.length === 0)
    throw new LedgerError('exists', `session ${session} of provider ${provider} is recorded already`)
  if (started.order !== undefined) await writeEffects(queries, { ...noEffects(), changed: [started.order] }, now)
  return { provider, session, sale, body, amount_minor, currency, redirect, status: 'open' }
}

export async function sessionOfOrder(queries: Queries, sale: string, body: string): Promise<SessionRow | undefined> {
  const records = await queries.query<SessionRecord>(readSessionOfOrder, [sale, body])
  return records[0] && sessionRow(records[0])
}

export async function applyEvent(queries: Queries, event: PaymentEvent, now: number): Promise<PaymentOutcome> {
  const found = await sessionNamed(queries, event)
  if (found === undefined) {
    const seen = await queries.query(readPaymentEvent, [event.provider, event.event])
    return seen.length > 0 ? 'seen_before' : 'unknown_session'
  }
  // The same event twice at once: the second waits here, then finds the first.
  const order = await lockOrder(queries, found.sale, found.body)
  if (order === undefined) throw new Error(`session ${event.session} has no order`)
  const fresh = await queries.query(insertPaymentEvent, [event.provider, event.event])
  if (fresh.length === 0) return 'seen_before'
  const session = (await sessionNamed(queries, event)) as SessionRow
  const decided = decidePayment(now, event, session, order)
  if (decided.session !== undefined)
    await queries.query(setSessionsStatus, [plainArray([session.id]), decided.session.status])
  const { paid, late, refund } = decided
  const effects = {
    ...noEffects(),
    changed: paid ? [paid] : [],
    quiet: late ? [late] : [],
    refunds: refund ? [refund] : [],
  }
  await writeEffects(queries, effects, now)
  if (paid !== undefined) await setUnitsPaid(queries, paid)
  return decided.outcome
}

export async function refundLateOrder(queries: Queries, sale: string, body: string, now: number): Promise<Order> {
  const order = await lockOrder(queries, sale, body)
  if (order === undefined) throw new LedgerError('not_found', `reservation ${body} of sale ${sale} is not known`)
  const paid = await paidSessions(queries, [{ sale, body }])
  const decided = decideLateRefund(order, paid.get(sale + ':' + body))
  if (decided === undefined) return orderOf(order)
  await writeEffects(queries, { ...noEffects(), changed: [decided.order], refunds: [decided.refund] }, now)
  return orderOf(decided.order)
}

async function lockOrder(queries: Queries, sale: string, body: string): Promise<OrderRow | undefined> {
  return (await lockOrderRows(queries, [{ sale, body }])).get(sale + ':' + body)
}

async function sessionNamed(queries: Queries, event: PaymentEvent): Promise<SessionRow | undefined> {
  const records = await queries.query<SessionRecord>(readSession, [event.provider, event.session])
  return records[0] && sessionRow(records[0])
}

async function setUnitsPaid(queries: Queries, order: OrderRow): Promise<void> {
  const units = plainArray(order.units)
  const rows = await queries.query(payUnits, [order.sale, order.sku, units, order.body])
  if (rows.length !== order.quantity)
    throw new Error(`order ${order.order}: ${rows.length} of its ${order.quantity} units are with it`)
}
