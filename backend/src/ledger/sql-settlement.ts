// Settlement and endings on the database: lock, read what the decision needs, decide, write. A batch of any size is about ten statements.
//
// Locks are taken in one order by everybody, so that nobody waits in a circle: sale (shared), shard, unlimited SKUs, orders; units and
// buyers are written under their shard's lock. A payment locks its order alone; a rebuild takes the sale exclusively.
import { plainArray, textArray } from '../db/array'
import type { Queries } from '../db/db'
import { isStorable } from './check-intent'
import { decideBurial, decideIntents, partition } from './decide'
import { decideEnd } from './decide-end'
import { announcements, changesInOrder, type Effects, noEffects } from './effects'
import { tombstoneOrder } from './new-orders'
import { type Intent, LedgerError, type Order, type StatusChange } from './port'
import { type OrderRow, orderOf, type SaleRow, type UnitRow } from './rows'
import findDueOrders from './sql/find-due-orders.sql'
import lockShards from './sql/lock-shards.sql'
import readOpenSessions from './sql/read-open-sessions.sql'
import readOrder from './sql/read-order.sql'
import readUnits from './sql/read-units.sql'
import setSessionsStatus from './sql/set-sessions-status.sql'
import { type KnownBuyers, writeEffects } from './sql-effects'
import { gatherFacts, type LockedSale, lockOrderRows, type Reading, readBuyersOf, unitKey } from './sql-facts'
import type { BuyerRecord, OrderRecord, SaleReader, SaleRecord, SessionRecord, UnitRecord } from './sql-rows'
import { orderRow, unitRow } from './sql-rows'

interface Settled {
  settled: number
  deferred: Intent[]
  announced: StatusChange[]
  /** all of them were met for the first time, and confirmed */
  all_new: boolean
}

interface Place {
  sale: string
  shard: number
}

/** The wanted shards with their sales, by sale. A shard that there is not is not among them. */
export async function lockPlaces(
  queries: Queries,
  reader: SaleReader,
  places: Place[],
): Promise<Map<string, LockedSale>> {
  const wanted = [...new Map(places.map((place) => [place.sale + ':' + place.shard, place])).values()]
  const parameters = [textArray(wanted.map(({ sale }) => sale)), plainArray(wanted.map(({ shard }) => shard))]
  const records = await queries.query<SaleRecord & { shard: number; last_order: number }>(lockShards, parameters)
  const by_sale = new Map(records.map((record) => [record.sale, record]))
  const locked = new Map<string, LockedSale>()
  for (const row of await reader.complete(queries, [...by_sale.values()])) {
    locked.set(row.id, { row, last_orders: new Map() })
  }
  for (const { sale, shard, last_order } of records) locked.get(sale)?.last_orders.set(shard, last_order)
  return locked
}

/**
 * `are_new`: nearly every intent is met once and gets the units it names, so it is settled without being looked for, which is a seventh of
 * the work. Where that shows to be wrong before anything is written, everything is read after all; where the writes show it, they throw
 * NotNew, and the caller begins again with `are_new` false.
 */
export async function settleIntents(
  queries: Queries,
  reader: SaleReader,
  intents: Intent[],
  now: number,
  are_new: boolean,
): Promise<Settled> {
  // asked for behind the locks, and without waiting for them: nobody else writes buyers of these shards then
  const [locked, buyers] = await Promise.all([lockPlaces(queries, reader, intents), readBuyersOf(queries, intents)])
  let decided = await decideAll(queries, locked, intents, now, are_new ? 'new' : 'all', buyers)
  const unread = are_new && decided.all_new
  if (are_new && !unread) decided = await decideAll(queries, locked, intents, now, 'all', buyers)
  const { effects, deferred, known_buyers, all_new } = decided
  const ids = await writeEffects(queries, effects, now, { known_buyers, are_new: unread })
  return { settled: intents.length - deferred.length, deferred, announced: announcedChanges(effects, ids), all_new }
}

async function decideAll(
  queries: Queries,
  locked: Map<string, LockedSale>,
  intents: Intent[],
  now: number,
  reading: Reading,
  buyers: BuyerRecord[],
): Promise<{ effects: Effects; deferred: Intent[]; known_buyers: KnownBuyers; all_new: boolean }> {
  const effects = noEffects()
  const { settling, deferred } = partition(intents, (intent) => placeOf(locked, intent), effects)
  const deciding = [...settling.values()].flat()
  const { facts, known_buyers } = await gatherFacts(queries, locked, deciding, now, reading, Promise.resolve(buyers))
  for (const [sale, of_sale] of settling) decideIntents(facts(sale), of_sale, effects)
  // each intent has made an order, whose key says whether it is new: what writes nothing is checked by nothing
  const all_new = isPlain(effects) && effects.inserted.length === intents.length - deferred.length
  return { effects, deferred, known_buyers, all_new }
}

/** Nothing but orders that begin with the units they named. */
function isPlain({ inserted, changed, quiet, returns }: Effects): boolean {
  if (changed.length + quiet.length + returns.length > 0) return false
  return inserted.every(({ status }) => status === 'confirmed')
}

/** What the outbox has of these effects now; an order that was changed after it was inserted as it is at the end. */
function announcedChanges(effects: Effects, ids: string[]): StatusChange[] {
  const last = new Map<string, OrderRow>()
  for (const row of effects.inserted) last.set(row.sale + ':' + row.body, row)
  for (const { order } of changesInOrder(effects)) last.set(order.sale + ':' + order.body, order)
  return announcements(effects).flatMap(({ sale, bodies }, i) =>
    bodies.map((body) => {
      const order = orderOf(last.get(sale + ':' + body) as OrderRow)
      return { id: ids[i] as string, sale, shard: order.shard, order }
    }),
  )
}

/** The sale is locked by its rebuild already. */
export async function settleSurvivors(
  queries: Queries,
  reader: SaleReader,
  row: SaleRow,
  intents: Intent[],
  now: number,
): Promise<void> {
  if (intents.length === 0) return
  const locked = await lockPlaces(queries, reader, intents)
  const effects = noEffects()
  const unlocked = (intent: Intent) => (placeOf(locked, intent) ? { ...row, rebuilding: false } : undefined)
  const settling = partition(intents, unlocked, effects).settling.get(row.id) ?? []
  if (settling.length > 0) {
    const { facts } = await gatherFacts(queries, locked, settling, now, 'survivors')
    decideIntents(facts(row.id), settling, effects)
  }
  await writeEffects(queries, effects, now)
}

export async function buryIntent(
  queries: Queries,
  reader: SaleReader,
  intent: Intent,
  reason: string,
  now: number,
): Promise<void> {
  const locked = await lockPlaces(queries, reader, [intent])
  const sale = placeOf(locked, intent)
  const effects = noEffects()
  if (sale === undefined || sale.rebuilding || !isStorable(intent)) effects.dead.push({ intent, reason })
  else {
    const { facts } = await gatherFacts(queries, locked, [intent], now, 'all')
    decideBurial(facts(intent.sale), intent, reason, effects)
  }
  await writeEffects(queries, effects, now)
}

export async function writeTombstone(
  queries: Queries,
  reader: SaleReader,
  reservation: { sale: string; shard: number; body: string; user: string },
  status: 'void' | 'cancelled',
  now: number,
): Promise<Order | undefined> {
  const locked = (await lockPlaces(queries, reader, [reservation])).get(reservation.sale)
  if (locked === undefined)
    throw new LedgerError('not_found', `sale ${reservation.sale}, shard ${reservation.shard} is not known`)
  if (locked.row.rebuilding) return undefined
  const known = await queries.query<OrderRecord>(readOrder, [reservation.sale, reservation.body])
  if (known[0] !== undefined) return orderOf(orderRow(known[0]))
  const order = tombstoneOrder(reservation, status)
  await writeEffects(queries, { ...noEffects(), inserted: [order] }, now)
  return orderOf(order)
}

export async function expireOrders(
  queries: Queries,
  reader: SaleReader,
  limit: number,
  closed_sessions: string[],
  now: number,
): Promise<Order[]> {
  const parameters = [now, limit, textArray(closed_sessions)]
  const found = await queries.query<Place & { body: string }>(findDueOrders, parameters)
  if (found.length === 0) return []
  const locked = await lockPlaces(queries, reader, found)
  const orders = await lockOrderRows(queries, found)
  // What was true when they were found may not be any more.
  const open = await openSessions(queries, found)
  const closed = new Set(closed_sessions)
  const due = [...found].flatMap(({ sale, body }) => {
    const order = orders.get(sale + ':' + body)
    const session = open.get(sale + ':' + body)
    if (order?.status !== 'confirmed' || order.pay_by_ms > now || locked.get(sale)?.row.rebuilding) return []
    return session === undefined || closed.has(session.session) ? [order] : []
  })
  const ended = await endOrders(queries, locked, due, 'expired', now)
  const to_close = due.flatMap((order) => open.get(order.sale + ':' + order.body)?.id ?? [])
  if (to_close.length > 0) await queries.query(setSessionsStatus, [plainArray(to_close), 'closed'])
  return ended.map(orderOf)
}

export async function cancelOrder(
  queries: Queries,
  reader: SaleReader,
  sale: string,
  body: string,
  now: number,
): Promise<Order | undefined> {
  const known = (await queries.query<OrderRecord>(readOrder, [sale, body]))[0]
  if (known === undefined) return undefined
  if (known.status !== 'confirmed') return orderOf(orderRow(known))
  const locked = await lockPlaces(queries, reader, [known])
  const order = (await lockOrderRows(queries, [known])).get(sale + ':' + body)
  if (order === undefined) throw new Error(`order ${known.order_number} has gone`)
  if (order.status !== 'confirmed' || locked.get(sale)?.row.rebuilding) return orderOf(order)
  const ended = await endOrders(queries, locked, [order], 'cancelled', now)
  return ended.map(orderOf)[0]
}

async function endOrders(
  queries: Queries,
  locked: Map<string, LockedSale>,
  orders: OrderRow[],
  status: 'expired' | 'cancelled',
  now: number,
): Promise<OrderRow[]> {
  const wanted = orders.flatMap(({ sale, sku, units }) => units.map((unit) => ({ sale, sku, unit })))
  const units = await unitsOf(queries, wanted)
  const effects = noEffects()
  const ended = orders.map((order) => {
    const sale = locked.get(order.sale)
    if (sale === undefined) throw new Error(`sale ${order.sale} is not locked`)
    return decideEnd(sale.row, order, status, now, (sku, unit) => units.get(unitKey(order.sale, sku, unit)), effects)
  })
  await writeEffects(queries, effects, now)
  return ended
}

async function unitsOf(
  queries: Queries,
  wanted: { sale: string; sku: string; unit: number }[],
): Promise<Map<string, UnitRow>> {
  if (wanted.length === 0) return new Map()
  const records = await queries.query<UnitRecord>(readUnits, [
    textArray(wanted.map(({ sale }) => sale)),
    textArray(wanted.map(({ sku }) => sku)),
    plainArray(wanted.map(({ unit }) => unit)),
  ])
  return new Map(records.map((record) => [unitKey(record.sale, record.sku, record.unit), unitRow(record)]))
}

async function openSessions(
  queries: Queries,
  orders: { sale: string; body: string }[],
): Promise<Map<string, SessionRecord>> {
  const parameters = [textArray(orders.map(({ sale }) => sale)), textArray(orders.map(({ body }) => body))]
  const records = await queries.query<SessionRecord>(readOpenSessions, parameters)
  return new Map(records.map((record) => [record.sale + ':' + record.body, record]))
}

function placeOf(locked: Map<string, LockedSale>, place: Place): SaleRow | undefined {
  const sale = locked.get(place.sale)
  return sale?.last_orders.has(place.shard) ? sale.row : undefined
}
