// A shopper's reservations as the ledger knows them: reading one, giving it back, paying for it, the sale's cart.
//
// The gate answers polls from Redis; what comes here is what Redis does not know, and what changes something. A valid id that
// neither knows (a 202 lost with a Redis that was put back) gets a `void` tombstone in the ledger, so that it stays void.
import { crc32 } from 'node:zlib'
import type { ReservationRecord } from '../../../contract/record'
import { BODY_LENGTH, formatReservationId, parseReservationId, reservationMac } from '../../../contract/reservation-id'
import { shardOfUser } from '../../../contract/shard'
import { Refusal, spreadRetryMs } from '../http/refusal'
import type { Ledger, Order, Sale } from '../ledger/port'
import type { Logger } from '../log'
import type { Metrics } from '../metrics'
import type { PaymentProvider } from '../payment/provider'
import { isAway } from '../redis/client'
import type { Shards } from '../redis/shards'
import type { SalesFollower } from '../sales/follower'
import { hmacText, sameText } from '../secrets'
import type { Session } from '../sessions/token'

const REBUILDING_RETRY_MS = 500
/** of a shopper's reservations in a sale, so many of those that the ledger has, and of those that wait for it */
export const CART_MAX = 100

export interface Reservation {
  id: string
  sale: Sale
  shard: number
  body: string
  user: string
}

/** What is known of a reservation: a row of the ledger, or what Redis holds of one that waits for settlement. */
export type Known = { order: Order } | { record: ReservationRecord }

interface ReservationsParts {
  ledger: Ledger
  shards: Shards
  sales: SalesFollower
  provider: PaymentProvider
  public_url: string
  metrics: Metrics
  log: Logger
  /** called when a status or a return waits to be carried to Redis */
  onChanged: () => void
}

export class Reservations {
  constructor(private readonly parts: ReservationsParts) {}

  /** The reservation of this id if it is this shopper's own; for everybody else it does not exist. */
  async own(id: string, session: Session): Promise<Reservation> {
    const unknown = new Refusal('not_found', 'there is no such reservation of yours')
    const parts = parseReservationId(id)
    if (parts === undefined || parts.body.length !== BODY_LENGTH) throw unknown
    const sale = await this.parts.sales.sale(parts.sale)
    if (sale === undefined || parts.shard !== shardOfUser(crc32, session.user, sale.shards)) throw unknown
    const key = Buffer.from(sale.id_key, 'base64url')
    const mac = reservationMac((message) => hmacText(key, message), Buffer.byteLength, session.user, parts.body)
    if (!sameText(mac, parts.mac)) throw unknown
    return { id, sale, shard: parts.shard, body: parts.body, user: session.user }
  }

  async look(reservation: Reservation): Promise<Known> {
    const order = await this.parts.ledger.order(reservation.sale.id, reservation.body)
    if (order !== undefined) return { order }
    const record = await this.waiting(reservation)
    if (record !== undefined) return { record }
    return { order: await this.tombstone(reservation, 'void') }
  }

  async giveBack(reservation: Reservation): Promise<Known> {
    const { ledger, onChanged } = this.parts
    const order = await ledger.order(reservation.sale.id, reservation.body)
    if (order === undefined) {
      const record = await this.waiting(reservation)
      return { order: await this.tombstone(reservation, record === undefined ? 'void' : 'cancelled') }
    }
    if (order.status === 'confirmed') await this.closePayment(reservation)
    const after = (await ledger.cancel(reservation.sale.id, reservation.body)) ?? order
    onChanged()
    if (after.status === 'confirmed') throw rebuilding()
    if (after.status === 'paid') throw new Refusal('already_paid', `order ${after.order} is paid and stays yours`)
    await ledger.durable()
    await this.tell(after)
    return { order: after }
  }

  /** Starts payment, or finds the session that was started before; the hold is extended once. */
  async pay(reservation: Reservation): Promise<{ redirect: string }> {
    const { ledger, provider, public_url, metrics, onChanged } = this.parts
    const known = await this.look(reservation)
    if ('record' in known) {
      const options = { retry_after_ms: spreadRetryMs(REBUILDING_RETRY_MS) }
      throw new Refusal('busy', 'this reservation is still being confirmed', options)
    }
    const { order } = known
    if (order.status === 'paid') throw new Refusal('already_paid', `order ${order.order} is paid`)
    if (order.status !== 'confirmed') throw notPayable(order)
    const earlier = await ledger.paymentSession(order.sale, order.body)
    if (earlier !== undefined && earlier.status === 'open') return { redirect: earlier.redirect }
    if (earlier !== undefined)
      throw new Refusal('conflict', 'payment of this reservation has ended; wait for its outcome')
    const amount_minor = order.price.amount_minor * order.quantity
    const { currency } = order.price
    const opened = await provider.open({
      key: `${order.sale}/${order.body}`,
      amount_minor,
      currency,
      reference: `${order.quantity} × ${order.sku}, order ${order.order}`,
      return_url: `${public_url}/sales/${order.sale}?reservation=${reservation.id}`,
    })
    const session = await ledger.recordPaymentSession({
      provider: provider.name,
      session: opened.session,
      sale: order.sale,
      body: order.body,
      amount_minor,
      currency,
      redirect: opened.redirect,
    })
    await ledger.durable()
    metrics.payment_sessions.inc({ provider: provider.name })
    onChanged()
    return { redirect: session.redirect }
  }

  /** The sale's cart: what the shopper has reserved, the settled ones first, each oldest first; the newest where there are too many. */
  async ofUser(sale: Sale, user: string): Promise<{ id: string; known: Known }[]> {
    const shard = shardOfUser(crc32, user, sale.shards)
    const waiting = await this.waitingOfUser(sale, shard, user)
    const orders = await this.parts.ledger.ordersOfUser(sale.id, user, CART_MAX)
    const settled = new Set(orders.map(({ body }) => body))
    const key = Buffer.from(sale.id_key, 'base64url')
    const idOf = (of_shard: number, body: string) => {
      const mac = reservationMac((message) => hmacText(key, message), Buffer.byteLength, user, body)
      return formatReservationId(sale.id, of_shard, body, mac)
    }
    return [
      ...orders.map((order) => ({ id: idOf(order.shard, order.body), known: { order } })),
      ...waiting
        .filter(({ body }) => !settled.has(body))
        .map(({ body, record }) => ({ id: idOf(shard, body), known: { record } })),
    ]
  }

  /** What Redis holds for a shopper; nothing where it is away, because the ledger has all that is settled. */
  private async waitingOfUser(sale: Sale, shard: number, user: string) {
    try {
      return await this.parts.shards.heldOf(sale, shard, user, CART_MAX)
    } catch (error) {
      if (isAway(error)) return []
      throw error
    }
  }

  /** The record of a reservation that waits for settlement. Refuses while the shard cannot be trusted to know. */
  private async waiting({ sale, shard, body }: Reservation): Promise<ReservationRecord | undefined> {
    if (sale.rebuilding) throw rebuilding()
    const view = await this.parts.shards.lookUp(sale.id, shard, body)
    if (view.epoch !== String(sale.epoch) || view.state === 'closed') throw rebuilding()
    return view.record
  }

  private async tombstone(reservation: Reservation, status: 'void' | 'cancelled'): Promise<Order> {
    const { ledger, onChanged } = this.parts
    const { sale, shard, body, user } = reservation
    const order = await ledger.tombstone({ sale: sale.id, shard, body, user }, status)
    if (order === undefined) throw rebuilding()
    onChanged()
    await ledger.durable()
    // settled between our two looks: then giving back is an ordinary cancellation
    if (status === 'cancelled' && order.status === 'confirmed') {
      const { order: cancelled } = (await this.giveBack(reservation)) as { order: Order }
      return cancelled
    }
    await this.tell(order)
    return order
  }

  /**
   * What the shopper is told from here, the gate must know as well: its next poll is answered from Redis and may not
   * go back to what was before. Where Redis is away the shopper hears that instead, and asks again.
   */
  private async tell(order: Order): Promise<void> {
    await this.parts.shards.publish([{ id: '', sale: order.sale, shard: order.shard, order }])
  }

  /** So that nobody pays for what was given back; a payment that the provider knows of wins. */
  private async closePayment({ sale, body }: Reservation): Promise<void> {
    const { ledger, provider, metrics } = this.parts
    const session = await ledger.paymentSession(sale.id, body)
    if (session === undefined || session.status !== 'open') return
    const closed = await provider.close(session.session)
    if (closed.outcome === 'paid') {
      const outcome = await ledger.applyPayment(closed.event)
      metrics.payments.inc({ provider: session.provider, outcome })
      if (outcome === 'paid') return
    }
    await ledger.paymentSessionClosed(session.provider, session.session)
  }
}

function rebuilding(): Refusal {
  const options = { retry_after_ms: spreadRetryMs(REBUILDING_RETRY_MS) }
  return new Refusal('rebuilding', 'the stock is being counted again; ask again soon', options)
}

function notPayable(order: Order): Refusal {
  return new Refusal('conflict', `this reservation is ${order.status}; only a confirmed one can be paid`, {
    extra: { reservation_status: order.status },
  })
}
