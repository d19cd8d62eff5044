// What deciding a batch of intents may ask for, read under the locks taken before.
import { column, plainArray, textArray } from '../db/array'
import type { Queries } from '../db/db'
import type { Facts } from './effects'
import type { Intent } from './port'
import { compareText, type OrderRow, type SaleRow, type SessionRow, type UnitRow } from './rows'
import findUnclaimableUnits from './sql/find-unclaimable-units.sql'
import lockMinted from './sql/lock-minted.sql'
import lockOrders from './sql/lock-orders.sql'
import readBuyers from './sql/read-buyers.sql'
import readFreeUnits from './sql/read-free-units.sql'
import readPaidSessions from './sql/read-paid-sessions.sql'
import type { KnownBuyers } from './sql-effects'
import type { BuyerRecord, OrderRecord, SessionRecord, UnitRecord } from './sql-rows'
import { orderRow, sessionRow, unitRow } from './sql-rows'

export interface LockedSale {
  row: SaleRow
  /** by shard: number of its last order */
  last_orders: Map<number, number>
}

const NO_ORDERS: Map<string, OrderRow> = new Map()
const NO_UNITS: Set<string> = new Set()

type UnitGenerationRecord = Pick<UnitRow, 'sale' | 'sku' | 'unit' | 'generation'>

/**
 * `new`: intents are taken to be met for the first time and to have their units, so neither is read, and what is written must make sure
 * (`are_new` of writeEffects). `survivors`: of a rebuild.
 */
export type Reading = 'all' | 'new' | 'survivors'

/** Everything that deciding these intents may ask for, read under the locks taken before. */
export async function gatherFacts(
  queries: Queries,
  locked: Map<string, LockedSale>,
  intents: Intent[],
  now: number,
  reading: Reading,
  buyers_read = readBuyersOf(queries, intents),
): Promise<{ facts: (sale: string) => Facts; known_buyers: KnownBuyers }> {
  const [minted, orders, unclaimable, buyers] = await Promise.all([
    mintedUnits(queries, locked, intents),
    reading === 'new' ? NO_ORDERS : lockOrderRows(queries, intents),
    reading === 'new' ? NO_UNITS : unclaimableUnits(queries, intents),
    buyers_read,
  ])
  const of_sku = new Map<string, number>()
  const of_sale = new Map<string, number>()
  for (const { sale, sku, user_id, units: count } of buyers) {
    of_sku.set(sale + ':' + sku + ':' + user_id, count)
    of_sale.set(sale + ':' + user_id, (of_sale.get(sale + ':' + user_id) ?? 0) + count)
  }
  const late = intents.filter(({ kind }) => kind === 'late')
  const paid = late.length > 0 ? await paidSessions(queries, late) : undefined
  const free = reading === 'survivors' ? await freeUnitsOf(queries, intents) : undefined

  const facts = (sale: string): Facts => {
    const { row, last_orders } = locked.get(sale) as LockedSale
    const numbers = new Map(last_orders)
    return {
      now,
      sale: withMinted(row, minted),
      order: (body) => orders.get(sale + ':' + body),
      claimable: (sku, unit, generation) => !unclaimable.has(unitKey(sale, sku, unit) + ':' + generation),
      buyerUnits: (sku, user) => of_sku.get(sale + ':' + sku + ':' + user) ?? 0,
      buyerUnitsInSale: (user) => of_sale.get(sale + ':' + user) ?? 0,
      paidSession: (body) => paid?.get(sale + ':' + body),
      nextOrder: (shard) => {
        const number = (numbers.get(shard) ?? 0) + 1
        numbers.set(shard, number)
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

export function readBuyersOf(queries: Queries, intents: Intent[]): Promise<BuyerRecord[]> {
  const wanted = [...new Map(intents.map((intent) => [intent.sale + ':' + intent.user, intent])).values()]
  const sales = textArray(column(wanted.map(({ sale }) => sale)))
  return queries.query<BuyerRecord>(readBuyers, [sales, textArray(wanted.map(({ user }) => user))])
}

export async function lockOrderRows(
  queries: Queries,
  wanted: { sale: string; body: string }[],
): Promise<Map<string, OrderRow>> {
  const parameters = [textArray(column(wanted.map(({ sale }) => sale))), textArray(wanted.map(({ body }) => body))]
  const records = await queries.query<OrderRecord>(lockOrders, parameters)
  return new Map(records.map((record) => [record.sale + ':' + record.body, orderRow(record)]))
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

export function unitKey(sale: string, sku: string, unit: number): string {
  return sale + ':' + sku + ':' + unit
}
