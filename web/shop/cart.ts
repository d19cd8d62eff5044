// The shopper's own reservations of a sale, gathered from everything that has told of them.
//
// Three sources tell: the list, polls, and what this device remembers of its 202s (the ledger may not know a
// reservation yet). News may arrive late: a reservation never goes back to an earlier status.
import type { ReservationStatus } from '../../contract/codes'
import type { ReservationNews } from './wire'

export interface Own {
  reservation: string
  status: ReservationStatus
  /** '' until somebody has said it */
  sku: string
  /** 0 until somebody has said it */
  quantity: number
  order: string
  pay_by_ms: number | undefined
  poll_after_ms: number | undefined
}

const RANK: Record<ReservationStatus, number> = {
  held: 0,
  confirmed: 1,
  expired: 2,
  void: 3,
  cancelled: 3,
  paid: 3,
  refunded: 4,
}

export function mergeNews(own: readonly Own[], news: ReservationNews): Own[] {
  const at = own.findIndex((one) => one.reservation === news.reservation)
  const old = own[at]
  if (old === undefined) {
    const first: Own = {
      reservation: news.reservation,
      status: news.status ?? 'held',
      sku: news.sku ?? '',
      quantity: news.quantity ?? 0,
      order: news.order ?? '',
      pay_by_ms: news.pay_by_ms,
      poll_after_ms: news.poll_after_ms,
    }
    return [first, ...own]
  }
  const stale = news.status !== undefined && RANK[news.status] < RANK[old.status]
  const merged: Own = {
    reservation: old.reservation,
    status: stale ? old.status : (news.status ?? old.status),
    sku: news.sku ?? old.sku,
    quantity: news.quantity ?? old.quantity,
    order: news.order ?? old.order,
    pay_by_ms: stale ? old.pay_by_ms : (news.pay_by_ms ?? old.pay_by_ms),
    poll_after_ms: stale ? old.poll_after_ms : (news.poll_after_ms ?? old.poll_after_ms),
  }
  return own.with(at, merged)
}

/** Still counts against the buyer's limit. */
export function isLive(status: ReservationStatus): boolean {
  return status === 'held' || status === 'confirmed' || status === 'paid'
}

export function unitsOf(own: readonly Own[], sku: string): number {
  let units = 0
  for (const one of own) if (one.sku === sku && isLive(one.status)) units += one.quantity
  return units
}

const URGENCY: Record<ReservationStatus, number> = {
  confirmed: 0,
  held: 1,
  paid: 2,
  refunded: 3,
  expired: 4,
  void: 4,
  cancelled: 5,
}

/** What needs the shopper first; within that, as gathered (newest first). */
export function inOrder(own: readonly Own[]): Own[] {
  return own.toSorted((one, other) => URGENCY[one.status] - URGENCY[other.status])
}
