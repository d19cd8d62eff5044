// A sale's waiting room in Redis: made anew by a rebuild, and its terms.
//
// Guarantees: numbers are lent by the ledger, durably, before Redis may give them out, so none is given twice. Where Redis is the one that
// the ledger knows, a rebuild leaves the room as it is. Where it was lost, tickets keep their places: who was called up is called up
// again, and for SEEN_MS nobody is admitted, so that all who are there count; who has reserved is in checkout until it is paid; passes
// given before are over (since_ms), so that nobody is in checkout whom the new room does not count.
import type { Redis } from 'ioredis'
import type { WaitingRoomSettings } from '../../../contract/gate-settings'
import { admissionKey, admittedKey, calledKey, calledUntilKey, checkoutKey } from '../../../contract/keys'
import { CHECKOUT_MS } from '../../../contract/pass'
import { type AdmissionTerms, lookahead, SEEN_MS } from '../../../edge/src/domain/waiting'
import { hasDraw } from '../draw/load-draw'
import type { Ledger, Order, Sale } from '../ledger/port'
import type { ClosedShard } from '../redis/closed-shard'

/** Numbers lent at once: a crowd of one second is served before the next look. */
export const BLOCK = 100_000
const NOT_DRAWN = { closed_ms: 0, entrants: 0 }

export function roomSettings(sale: Sale): WaitingRoomSettings | undefined {
  return sale.gate['waiting_room'] as WaitingRoomSettings | undefined
}

export function termsOf(settings: WaitingRoomSettings): AdmissionTerms {
  const { admit_per_s, checkout_max } = settings
  return { rate_per_s: admit_per_s, rate_now_per_s: admit_per_s, checkout_max, pass_ms: CHECKOUT_MS }
}

/** The pass that an order was bought with; '' for none. */
export function passOf(order: Order): string {
  return (
    order.spends
      .split(',')
      .find((id) => id.startsWith('p'))
      ?.slice(1) ?? ''
  )
}

/** `first`: shard 0. `replid`: of the Redis that is being loaded. */
export async function loadRoom(
  parts: { ledger: Ledger; redis: Redis },
  first: ClosedShard,
  sale: Sale,
  orders: Order[],
  replid: string,
): Promise<void> {
  const settings = roomSettings(sale)
  if (settings === undefined) return
  const { ledger, redis } = parts
  const row = await ledger.rooms.find(sale.id)
  const [issued] = await redis.hmget(admissionKey(sale.id), 'issued', 'issued_max')
  if (row !== undefined && typeof issued === 'string' && sale.redis_replid === replid) return

  // before the ledger's room is made anew: who was overtaken must not end the passes of the room that another has made
  const { id } = sale
  await first.run('UNLINK', [admissionKey(id), calledKey(id), calledUntilKey(id), admittedKey(id), checkoutKey(id)])
  const [seconds, micros] = await redis.time()
  const now_ms = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
  const terms = termsOf(settings)
  const fields = { ...terms, front: 0, credit: 1000 * lookahead(terms), tokens: 0, at_ms: now_ms, issued: 0 }
  const draw = hasDraw(sale) ? ((await ledger.draws.find(sale.id)) ?? NOT_DRAWN) : undefined
  let room: Record<string, number>
  if (row === undefined || draw?.closed_ms === 0) {
    // nobody has a number yet
    room = { ...fields, issued_max: row?.issued_max ?? (await ledger.rooms.lend(sale.id, BLOCK)) }
  } else {
    // how many of those lent were given out nobody knows; those who were called up and wait are called up again
    const { issued_max, seen_issued, seen_front } = await ledger.rooms.renew(sale.id, now_ms, BLOCK)
    const issued = issued_max - BLOCK
    const front = Math.max(0, seen_front - lookahead(terms))
    const hole_from = Math.max(seen_issued, draw?.entrants ?? 0)
    // else the first to poll would stand before all who poll a moment later
    const admits_from_ms = now_ms + SEEN_MS
    room = { ...fields, front, issued, issued_max, hole_from, hole_to: issued, admits_from_ms }
  }
  await ledger.durable()
  await write(first, room, orders)
}

async function write(first: ClosedShard, room: Record<string, number>, orders: Order[]): Promise<void> {
  const { sale } = first
  const unpaid = orders.filter((order) => order.status === 'confirmed' && passOf(order) !== '')
  // the pass is spent; what counts is that all tickets out by now were this buyer's turn
  await first.write(
    'HSET',
    admittedKey(sale),
    unpaid.flatMap((order) => [order.user, `${passOf(order)} ${order.reserved_ms} ${room['issued']}`]),
  )
  await first.write(
    'ZADD',
    checkoutKey(sale),
    unpaid.flatMap(({ user, pay_by_ms }) => [pay_by_ms, user]),
  )
  // last: without it there is no room
  await first.run('HSET', [admissionKey(sale)], ...Object.entries(room).flat())
}
