// What a payment does to an order, its session and its money: pure decisions, shared by both implementations.
import { LedgerError, type PaymentEvent, type PaymentOutcome, type PaymentSession, type Refund } from './port'
import type { OrderRow, SaleRow, SessionRow } from './rows'

/** How long what failed waits before it is tried again: the first time, and at most; doubled each time. */
export const PUT_OFF_MS = { first: 1000, longest: 64_000 }

export function putOff(row: { failures: number; try_again_ms: number }, now: number): void {
  row.try_again_ms = now + Math.min(PUT_OFF_MS.first * 2 ** Math.min(row.failures, 20), PUT_OFF_MS.longest)
  row.failures += 1
}

interface PaymentEffects {
  outcome: PaymentOutcome
  session?: SessionRow
  /** the order, paid now: its status is to be published, and its units are paid */
  paid?: OrderRow
  /** the order, paid too late: nothing that a shopper sees yet */
  late?: OrderRow
  refund?: Refund
}

/** An event not seen before, of a known session. A session's money counts once: a second success of it has no effect. */
export function decidePayment(now: number, event: PaymentEvent, session: SessionRow, order: OrderRow): PaymentEffects {
  if (event.kind === 'failed') {
    // The hold goes on: the shopper may try again in a new session until it runs out.
    if (session.status !== 'open') return { outcome: 'failed' }
    return { outcome: 'failed', session: { ...session, status: 'closed' } }
  }
  if (event.amount_minor !== order.price.amount_minor * order.quantity || event.currency !== order.price.currency) {
    const id = `${event.provider}.${event.session}.${event.event}`
    return { outcome: 'mismatch', refund: refundOf(event, id) }
  }
  if (session.status === 'paid') return { outcome: order.status === 'paid' ? 'paid' : 'late' }
  const paid: SessionRow = { ...session, status: 'paid' }
  if (order.status === 'confirmed') {
    const version = order.version + 1
    const changed: OrderRow = { ...order, status: 'paid', paid_ms: now, pay_by_ms: 0, version }
    return { outcome: 'paid', session: paid, paid: changed }
  }
  if (order.status === 'expired' && !order.late) {
    return { outcome: 'late', session: paid, late: { ...order, late: true } }
  }
  // Cancelled, or paid by another session already: this money goes back.
  const refund = refundOf(event, `${event.provider}.${event.session}`)
  return { outcome: order.status === 'paid' ? 'mismatch' : 'late', session: paid, refund }
}

interface StartedPayment {
  /** already recorded: nothing changes */
  recorded?: SessionRow
  order?: OrderRow
}

/** `present` is the newest session of the order. A closed one may be followed by another; the hold is extended once. */
export function decidePaymentStart(
  now: number,
  sale: Pick<SaleRow, 'payment_extension_ms'> | undefined,
  order: OrderRow | undefined,
  present: SessionRow | undefined,
  wanted: Omit<PaymentSession, 'status'>,
): StartedPayment {
  const name = `reservation ${wanted.body} of sale ${wanted.sale}`
  if (order === undefined || sale === undefined) throw new LedgerError('not_found', `${name} is not known`)
  const same = present?.provider === wanted.provider && present.session === wanted.session
  if (present !== undefined && (present.status !== 'closed' || same)) return { recorded: present }
  if (order.status !== 'confirmed') throw new LedgerError('conflict', `${name} is ${order.status}, not confirmed`)
  if (order.pay_by_ms <= now) throw new LedgerError('conflict', `${name}: its time to pay is over`)
  const amount_minor = order.price.amount_minor * order.quantity
  if (wanted.amount_minor !== amount_minor || wanted.currency !== order.price.currency) {
    const got = `${wanted.amount_minor} ${wanted.currency}`
    throw new LedgerError(
      'bad_request',
      `amount_minor: ${name} costs ${amount_minor} ${order.price.currency}, got ${got}`,
    )
  }
  if (order.extended) return {}
  const pay_by_ms = order.pay_by_ms + sale.payment_extension_ms
  return { order: { ...order, extended: true, pay_by_ms, version: order.version + 1 } }
}

/** No unit was to be had for a late payment. `session` is the one that was paid. */
export function decideLateRefund(
  order: OrderRow,
  session: SessionRow | undefined,
): { order: OrderRow; refund: Refund } | undefined {
  if (order.status !== 'expired' || !order.late) return undefined
  if (session === undefined) throw new Error(`late order ${order.order} has no paid session`)
  return {
    order: { ...order, status: 'refunded', late: false, version: order.version + 1 },
    refund: refundOf(session, `${session.provider}.${session.session}`),
  }
}

function refundOf(paid: Omit<Refund, 'id'>, id: string): Refund {
  const { provider, session, amount_minor, currency } = paid
  return { id, provider, session, amount_minor, currency }
}
