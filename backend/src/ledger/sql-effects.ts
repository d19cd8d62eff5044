// Writes the effects of decisions: a few set-based statements for a batch of any size, in the transaction that decided.
// Each guarded update must meet every row it names; anything else is a bug, and rolls the batch back.
import { column, plainArray, textArray } from '../db/array'
import type { Parameter, Queries } from '../db/db'
import {
  announcements,
  type BuyerChange,
  type ChangedOrder,
  changesInOrder,
  type Effects,
  type UnitChange,
} from './effects'
import type { OrderRow } from './rows'
import addToBuyers from './sql/add-to-buyers.sql'
import changeUnits from './sql/change-units.sql'
import claimNewUnits from './sql/claim-new-units.sql'
import insertBuyers from './sql/insert-buyers.sql'
import insertDeadIntents from './sql/insert-dead-intents.sql'
import insertMintedUnits from './sql/insert-minted-units.sql'
import insertOrders from './sql/insert-orders.sql'
import insertOutbox from './sql/insert-outbox.sql'
import insertRefunds from './sql/insert-refunds.sql'
import insertReturns from './sql/insert-returns.sql'
import takeFromBuyers from './sql/take-from-buyers.sql'
import updateMinted from './sql/update-minted.sql'
import updateOrders from './sql/update-orders.sql'
import updateShards from './sql/update-shards.sql'

/** `sale:sku:user` of the buyers that have a row, as read under their shard's lock. */
export type KnownBuyers = Set<string>

/**
 * All at once: the statements are sent without waiting for each other's answers, and run in this order.
 * Answers the ids of the outbox's rows, in the order of announcements(): inserted orders come before changed ones in each.
 */
export async function writeEffects(
  queries: Queries,
  effects: Effects,
  now: number,
  { known_buyers, are_new = false }: { known_buyers?: KnownBuyers; are_new?: boolean } = {},
): Promise<string[]> {
  const writes: Promise<unknown>[] = []
  const write = (sql: string, parameters: Parameter[], rows_wanted?: number) => {
    const done = queries.query<{ met: number }>(sql, parameters)
    writes.push(rows_wanted === undefined ? done : done.then((rows) => metAll(sql, rows[0]?.met, rows_wanted)))
  }
  writeOrders(effects, write)
  const announced = announcements(effects)
  let ids: string[] = []
  if (announced.length > 0) {
    const outbox = queries.query<{ id: number }>(insertOutbox, outboxParameters(announced))
    writes.push(outbox.then((rows) => (ids = rows.map(({ id }) => String(id)))))
  }
  writeUnits(effects, write, are_new)
  writeBuyers(effects, write, known_buyers)
  if (effects.returns.length > 0) write(insertReturns, returnParameters(effects.returns))
  if (effects.refunds.length > 0) write(insertRefunds, refundParameters(effects.refunds))
  if (effects.dead.length > 0) {
    const intents = effects.dead.map(({ intent }) => JSON.stringify(intent))
    write(insertDeadIntents, [textArray(intents), textArray(effects.dead.map(({ reason }) => reason)), now])
  }
  await Promise.all(writes)
  return ids
}

/** Intents that were taken to be new are not. */
export class NotNew extends Error {}

function outboxParameters(announced: { sale: string; bodies: string[] }[]): Parameter[] {
  return [textArray(announced.map(({ sale }) => sale)), textArray(announced.map(({ bodies }) => textArray(bodies)))]
}

type Write = (sql: string, parameters: Parameter[], rows_wanted?: number) => void

function writeOrders(effects: Effects, write: Write): void {
  if (effects.inserted.length > 0) {
    write(insertOrders, insertParameters(effects.inserted))
    const last = new Map<string, { sale: string; shard: number; number: number }>()
    for (const { sale, shard, order } of effects.inserted) {
      if (order !== '') last.set(sale + ':' + shard, { sale, shard, number: orderNumber(order) })
    }
    const shards = [...last.values()]
    if (shards.length > 0) {
      const sales = textArray(shards.map(({ sale }) => sale))
      const numbers = plainArray(shards.map(({ number }) => number))
      write(updateShards, [sales, plainArray(shards.map(({ shard }) => shard)), numbers])
    }
  }
  for (const rows of eachOnce(effects)) write(updateOrders, updateParameters(rows), rows.length)
}

/** An order that is changed several times in one batch goes through as many statements: one statement changes a row but once. */
function eachOnce(effects: Effects): ChangedOrder[][] {
  const times = new Map<string, number>()
  const statements: ChangedOrder[][] = []
  for (const row of changesInOrder(effects)) {
    const name = row.order.sale + ':' + row.order.body
    const earlier = times.get(name) ?? 0
    times.set(name, earlier + 1)
    const statement = statements[earlier]
    if (statement === undefined) statements.push([row])
    else statement.push(row)
  }
  return statements
}

function writeUnits(effects: Effects, write: Write, are_new: boolean): void {
  const { unit_changes, mints } = effects
  if (unit_changes.length > 0 && are_new) write(claimNewUnits, claimParameters(unit_changes), unit_changes.length)
  else if (unit_changes.length > 0) {
    const parameters = [
      textArray(column(unit_changes.map((change) => change.sale))),
      textArray(column(unit_changes.map((change) => change.sku))),
      plainArray(unit_changes.map((change) => change.unit)),
      plainArray(column(unit_changes.map((change) => change.from_generation))),
      plainArray(column(unit_changes.map((change) => change.generation))),
      plainArray(column(unit_changes.map((change) => change.epoch))),
      plainArray(column(unit_changes.map((change) => change.shard))),
      textArray(column(unit_changes.map((change) => change.state))),
      textArray(unit_changes.map((change) => change.reservation)),
    ]
    write(changeUnits, parameters, unit_changes.length)
  }
  if (mints.length === 0) return
  write(insertMintedUnits, [
    textArray(mints.map((mint) => mint.sale)),
    textArray(mints.map((mint) => mint.sku)),
    plainArray(mints.map((mint) => mint.unit)),
    plainArray(mints.map((mint) => mint.epoch)),
    plainArray(mints.map((mint) => mint.shard)),
    textArray(mints.map((mint) => mint.state)),
    textArray(mints.map((mint) => mint.body)),
  ])
  const last = [...new Map(mints.map((mint) => [mint.sale + ':' + mint.sku, mint])).values()]
  write(updateMinted, [
    textArray(last.map((mint) => mint.sale)),
    textArray(last.map((mint) => mint.sku)),
    plainArray(last.map((mint) => mint.unit)),
  ])
}

function claimParameters(claims: UnitChange[]): Parameter[] {
  return [
    textArray(column(claims.map((claim) => claim.sale))),
    textArray(column(claims.map((claim) => claim.sku))),
    plainArray(claims.map((claim) => claim.unit)),
    plainArray(column(claims.map((claim) => claim.generation))),
    plainArray(column(claims.map((claim) => claim.epoch))),
    plainArray(column(claims.map((claim) => claim.shard))),
    textArray(claims.map((claim) => claim.reservation)),
  ]
}

function insertParameters(orders: OrderRow[]): Parameter[] {
  return [
    textArray(column(orders.map((order) => order.sale))),
    textArray(orders.map((order) => order.body)),
    plainArray(column(orders.map((order) => order.shard))),
    textArray(orders.map((order) => order.order)),
    textArray(orders.map((order) => order.user)),
    textArray(column(orders.map((order) => order.sku))),
    plainArray(column(orders.map((order) => order.quantity))),
    textArray(orders.map((order) => plainArray(order.units))),
    textArray(column(orders.map((order) => order.status))),
    plainArray(column(orders.map((order) => order.version))),
    plainArray(column(orders.map((order) => order.price.amount_minor))),
    textArray(column(orders.map((order) => order.price.currency))),
    plainArray(column(orders.map((order) => order.price_version))),
    plainArray(column(orders.map((order) => order.reserved_ms))),
    plainArray(column(orders.map((order) => order.confirmed_ms))),
    plainArray(column(orders.map((order) => order.pay_by_ms))),
    plainArray(column(orders.map((order) => order.paid_ms))),
    textArray(column(orders.map((order) => order.reason))),
    plainArray(column(orders.map((order) => order.intent_met))),
    textArray(column(orders.map((order) => order.spends))),
  ]
}

function updateParameters(rows: ChangedOrder[]): Parameter[] {
  const orders = rows.map(({ order }) => order)
  return [
    textArray(orders.map((order) => order.sale)),
    textArray(orders.map((order) => order.body)),
    textArray(orders.map((order) => order.sku)),
    plainArray(orders.map((order) => order.quantity)),
    textArray(orders.map((order) => plainArray(order.units))),
    textArray(orders.map((order) => order.status)),
    plainArray(orders.map((order) => order.version)),
    plainArray(orders.map((order) => order.price.amount_minor)),
    textArray(orders.map((order) => order.price.currency)),
    plainArray(orders.map((order) => order.price_version)),
    plainArray(orders.map((order) => order.reserved_ms)),
    plainArray(orders.map((order) => order.pay_by_ms)),
    plainArray(orders.map((order) => order.paid_ms)),
    plainArray(orders.map((order) => order.intent_met)),
    plainArray(orders.map((order) => order.late)),
    plainArray(orders.map((order) => order.extended)),
    textArray(orders.map((order) => order.late_met)),
    textArray(orders.map((order) => order.spends)),
    plainArray(rows.map(({ is_published }) => is_published)),
  ]
}

/** One row a buyer and SKU, because a statement may meet each row once. A decision either adds or takes, never both. */
function writeBuyers(effects: Effects, write: Write, known?: KnownBuyers): void {
  const sums = new Map<string, BuyerChange>()
  for (const change of effects.buyer_changes) {
    const key = change.sale + ':' + change.sku + ':' + change.user
    const sum = sums.get(key)
    if (sum === undefined) sums.set(key, { ...change })
    else {
      sum.units += change.units
      sum.expired_holds += change.expired_holds
    }
  }
  const rows = [...sums.values()]
  const isKnown = ({ sale, sku, user }: BuyerChange) => known?.has(sale + ':' + sku + ':' + user) ?? true
  const added = rows.filter(({ units }) => units > 0)
  const more = added.filter(isKnown)
  if (more.length > 0) write(addToBuyers, [...buyerKeys(more), plainArray(more.map(({ units }) => units))])
  const first = added.filter((row) => !isKnown(row))
  if (first.length > 0) {
    write(insertBuyers, [
      textArray(column(first.map(({ sale }) => sale))),
      textArray(first.map(({ user }) => user)),
      textArray(column(first.map(({ sku }) => sku))),
      plainArray(column(first.map(({ units }) => units))),
    ])
  }
  const taken = rows.filter(({ units }) => units <= 0)
  if (taken.length > 0) {
    const units = plainArray(taken.map((row) => -row.units))
    const expired_holds = plainArray(taken.map((row) => row.expired_holds))
    write(takeFromBuyers, [...buyerKeys(taken), units, expired_holds], taken.length)
  }
}

function buyerKeys(rows: BuyerChange[]): Parameter[] {
  return [
    textArray(rows.map(({ sale }) => sale)),
    textArray(rows.map(({ user }) => user)),
    textArray(rows.map(({ sku }) => sku)),
  ]
}

function returnParameters(returns: Effects['returns']): Parameter[] {
  return [
    textArray(returns.map((row) => row.sale)),
    plainArray(returns.map((row) => row.shard)),
    plainArray(returns.map((row) => row.epoch)),
    textArray(returns.map((row) => row.sku)),
    textArray(returns.map((row) => row.body)),
    textArray(returns.map((row) => row.user)),
    plainArray(returns.map((row) => row.quantity)),
    textArray(returns.map((row) => plainArray(row.units.map(({ unit }) => unit)))),
    textArray(returns.map((row) => plainArray(row.units.map(({ generation }) => generation)))),
    plainArray(returns.map((row) => row.expired)),
  ]
}

function refundParameters(refunds: Effects['refunds']): Parameter[] {
  return [
    textArray(refunds.map((refund) => refund.id)),
    textArray(refunds.map((refund) => refund.provider)),
    textArray(refunds.map((refund) => refund.session)),
    plainArray(refunds.map((refund) => refund.amount_minor)),
    textArray(refunds.map((refund) => refund.currency)),
  ]
}

/** Order numbers end in a count of their shard. */
function orderNumber(order: string): number {
  return Number(order.slice(order.lastIndexOf('-') + 1))
}

function metAll(sql: string, met: number | undefined, wanted: number): void {
  if (met === wanted) return
  if (sql === claimNewUnits) throw new NotNew(`${met} of ${wanted} units were to be had`)
  throw new Error(`met ${met} of ${wanted} rows, which its locks should have kept as they were: ${sql.slice(0, 120)}`)
}
