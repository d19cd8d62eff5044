// Settlement and endings on the database: lock, read what the decision needs, decide, write. A batch of any size is about ten statements.
//
// Locks are taken in one order by everybody, so that nobody waits in a circle: sale (shared), shard, unlimited SKUs, orders; units and
// buyers are written under their shard's lock. A payment locks its order alone; a rebuild takes the sale exclusively.
import { column, plainArray, textArray } from '../db/array'
import type { Queries } from '../db/db'
import { decideBurial, decideIntents, isStorable, partition } from './decide'
import { decideEnd } from './decide-end'
import { announcements, type Effects, type Facts, noEffects } from './effects'
import { tombstoneOrder } from './new-orders'
import { type Intent, LedgerError, type Order, type StatusChange } from './port'
import { compareText, type OrderRow, orderOf, type SaleRow, type SessionRow, type UnitRow } from './rows'
import findDueOrders from './sql/find-due-orders.sql'
import findUnclaimableUnits from './sql/find-unclaimable-units.sql'
import lockMinted from './sql/lock-minted.sql'
import lockOrders from './sql/lock-orders.sql'
import lockShards from './sql/lock-shards.sql'
import readBuyers from './sql/read-buyers.sql'
import readFreeUnits from './sql/read-free-units.sql'
import readOpenSessions from './sql/read-open-sessions.sql'
import readOrder from './sql/read-order.sql'
import readPaidSessions from './sql/read-paid-sessions.sql'
import readUnits from './sql/read-units.sql'
import setSessionsStatus from './sql/set-sessions-status.sql'
import { type KnownBuyers, writeEffects } from './sql-effects'
import type { BuyerRecord, OrderRecord, SaleReader, SaleRecord, SessionRecord, UnitRecord } from './sql-rows'
import { orderRow, sessionRow, unitRow } from './sql-rows'

export interface LockedSale {
  row: SaleRow
  /** by shard: number of its last order */
  last_orders: Map<number, number>
}

type UnitGenerationRecord = Pick<UnitRow, 'sale' | 'sku' | 'unit' | 'generation'>

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

export async function settleIntents(
  queries: Queries,
  reader: SaleReader,
  intents: Intent[],
  now: number,
): Promise<{ settled: number; deferred: Intent[]; announced: StatusChange[] }> {
  const locked = await lockPlaces(queries, reader, intents)
  const effects = noEffects()
  const { settling, deferred } = partition(intents, (intent) => placeOf(locked, intent), effects)
  const decided = [...settling.values()].flat()
  const { facts, known_buyers } = await gatherFacts(queries, locked, decided, now, false)
  for (const [sale, of_sale] of settling) decideIntents(facts(sale), of_sale, effects)
  const ids = await writeEffects(queries, effects, now, known_buyers)
  return { settled: intents.length - deferred.length, deferred, announced: announcedChanges(effects, ids) }
}

/** What the outbox has of these effects now; an order that was changed after it was inserted as it is at the end. */
function announcedChanges(effects: Effects, ids: string[]): StatusChange[] {
  const last = new Map<string, OrderRow>()
  for (const row of effects.inserted) last.set(row.sale + ':' + row.body, row)
  for (const row of effects.changed) last.set(row.sale + ':' + row.body, row)
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
    const { facts } = await gatherFacts(queries, locked, settling, now, true)
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
    const { facts } = await gatherFacts(queries, locked, [intent], now, false)
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

export async function lockOrderRows(
  queries: Queries,
  wanted: { sale: string; body: string }[],
): Promise<Map<string, OrderRow>> {
  const parameters = [textArray(column(wanted.map(({ sale }) => sale))), textArray(wanted.map(({ body }) => body))]
  const records = await queries.query<OrderRecord>(lockOrders, parameters)
  return new Map(records.map((record) => [record.sale + ':' + record.body, orderRow(record)]))
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
    return decideEnd(sale.row, order, status, (sku, unit) => units.get(unitKey(order.sale, sku, unit)), effects)
  })
  await writeEffects(queries, effects, now)
  return ended
}

/** Everything that deciding these intents may ask for, read under the locks taken before. */
async function gatherFacts(
  queries: Queries,
  locked: Map<string, LockedSale>,
  intents: Intent[],
  now: number,
  survivors: boolean,
): Promise<{ facts: (sale: string) => Facts; known_buyers: KnownBuyers }> {
  const buyers_wanted = [...new Map(intents.map((intent) => [intent.sale + ':' + intent.user, intent])).values()]
  const [minted, orders, unclaimable, buyers] = await Promise.all([
    mintedUnits(queries, locked, intents),
    lockOrderRows(queries, intents),
    unclaimableUnits(queries, intents),
    queries.query<BuyerRecord>(readBuyers, [
      textArray(column(buyers_wanted.map(({ sale }) => sale))),
      textArray(buyers_wanted.map(({ user }) => user)),
    ]),
  ])
  const of_sku = new Map<string, number>()
  const of_sale = new Map<string, number>()
  for (const { sale, sku, user_id, units: count } of buyers) {
    of_sku.set(sale + ':' + sku + ':' + user_id, count)
    of_sale.set(sale + ':' + user_id, (of_sale.get(sale + ':' + user_id) ?? 0) + count)
  }
  const late = intents.filter(({ kind }) => kind === 'late')
  const paid = late.length > 0 ? await paidSessions(queries, late) : undefined
  const free = survivors ? await freeUnitsOf(queries, intents) : undefined

  const facts = (sale: string): Facts => {
    const { row, last_orders } = locked.get(sale) as LockedSale
    return {
      now,
      sale: withMinted(row, minted),
      order: (body) => orders.get(sale + ':' + body),
      claimable: (sku, unit, generation) => !unclaimable.has(unitKey(sale, sku, unit) + ':' + generation),
      buyerUnits: (sku, user) => of_sku.get(sale + ':' + sku + ':' + user) ?? 0,
      buyerUnitsInSale: (user) => of_sale.get(sale + ':' + user) ?? 0,
      paidSession: (body) => paid?.get(sale + ':' + body),
      nextOrder: (shard) => {
        const number = (last_orders.get(shard) ?? 0) + 1
        last_orders.set(shard, number)
        return `${sale}-${shard}-${number}`
      },
      freeUnits: free && ((sku) => free.get(sku) ?? []),
    }
  }
  return { facts, known_buyers: new Set(of_sku.keys()) }
}

/** As `sale:sku:unit:generation`. */
async function unclaimableUnits(queries: Queries, intents: Intent[]): Promise<Set<string>> {
  const [sales, skus, units, generations]: [string[], string[], number[], number[]] = [[], [], [], []]
  for (const intent of intents) {
    for (const { unit, generation } of intent.units) {
      sales.push(intent.sale)
      skus.push(intent.sku)
      units.push(unit)
      generations.push(generation)
    }
  }
  if (units.length === 0) return new Set()
  const parameters = [
    textArray(column(sales)),
    textArray(column(skus)),
    plainArray(units),
    plainArray(column(generations)),
  ]
  const records = await queries.query<UnitGenerationRecord>(findUnclaimableUnits, parameters)
  return new Set(records.map(({ sale, sku, unit, generation }) => unitKey(sale, sku, unit) + ':' + generation))
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

/** By `sale:sku`, for the unlimited SKUs among the intents'. */
async function mintedUnits(
  queries: Queries,
  locked: Map<string, LockedSale>,
  intents: Intent[],
): Promise<Map<string, number>> {
  const unlimited = new Map<string, { sale: string; sku: string }>()
  for (const { sale, sku } of intents) {
    if (locked.get(sale)?.row.skus.get(sku)?.total === -1) unlimited.set(sale + ':' + sku, { sale, sku })
  }
  if (unlimited.size === 0) return new Map()
  const wanted = [...unlimited.values()]
  const parameters = [textArray(wanted.map(({ sale }) => sale)), textArray(wanted.map(({ sku }) => sku))]
  const records = await queries.query<{ sale: string; sku: string; minted: number }>(lockMinted, parameters)
  return new Map(records.map(({ sale, sku, minted }) => [sale + ':' + sku, minted]))
}

function withMinted(row: SaleRow, minted: Map<string, number>): SaleRow {
  if (minted.size === 0) return row
  const skus = new Map(row.skus)
  for (const sku of row.skus.values()) {
    const count = minted.get(row.id + ':' + sku.sku)
    if (count !== undefined) skus.set(sku.sku, { ...sku, minted: count })
  }
  return { ...row, skus }
}

/** Of each SKU as many free units as its intents could need, whichever of the free ones they name. */
async function freeUnitsOf(queries: Queries, intents: Intent[]): Promise<Map<string, UnitRow[]>> {
  const wanted = new Map<string, number>()
  for (const { sku, quantity, units } of intents) {
    wanted.set(sku, (wanted.get(sku) ?? 0) + Math.max(quantity, 0) + units.length)
  }
  const sale = intents[0]?.sale ?? ''
  const skus = [...wanted.keys()].sort(compareText)
  const parameters = [sale, textArray(skus), plainArray(skus.map((sku) => wanted.get(sku) ?? 0))]
  const free = new Map<string, UnitRow[]>()
  for (const record of await queries.query<UnitRecord>(readFreeUnits, parameters)) {
    const rows = free.get(record.sku)
    if (rows === undefined) free.set(record.sku, [unitRow(record)])
    else rows.push(unitRow(record))
  }
  return free
}

/** By `sale:body`. */
export async function paidSessions(
  queries: Queries,
  orders: { sale: string; body: string }[],
): Promise<Map<string, SessionRow>> {
  const parameters = [textArray(orders.map(({ sale }) => sale)), textArray(orders.map(({ body }) => body))]
  const records = await queries.query<SessionRecord>(readPaidSessions, parameters)
  return new Map(records.map((record) => [record.sale + ':' + record.body, sessionRow(record)]))
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

function unitKey(sale: string, sku: string, unit: number): string {
  return sale + ':' + sku + ':' + unit
}
