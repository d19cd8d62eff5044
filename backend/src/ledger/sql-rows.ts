// Rows of the database as the ledger's rows, and back as parameters.
import type { ReservationStatus } from '../../../contract/codes'
import type { SaleState } from '../../../contract/followed-sale'
import { textArray } from '../db/array'
import type { Parameter, Queries } from '../db/db'
import type { PaymentSession, PendingReturn } from './port'
import type { OrderRow, SaleRow, SessionRow, SkuRow, UnitRow, UnitState } from './rows'
import readPrices from './sql/read-prices.sql'
import readSales from './sql/read-sales.sql'
import readSkus from './sql/read-skus.sql'

export interface SaleRecord {
  sale: string
  title: string
  state: string
  version: number
  epoch: number
  shards: number
  redis_replid: string
  id_key: string
  opens_ms: number
  closes_ms: number
  opens_ms_earliest: number
  closes_ms_latest: number
  sale_user_max: number
  sale_user_max_widest: number
  hold_attempts_max: number
  hold_ms: number
  payment_extension_ms: number
  left_shown: string
  gate: string
  rebuilding: boolean
  rebuild_owner: string
  rebuild_lease_ms: number
  rebuild_until_ms: number
  recounted_epoch: number
}

export interface OrderRecord {
  sale: string
  body: string
  shard: number
  order_number: string
  user_id: string
  sku: string
  quantity: number
  units: number[]
  status: string
  version: number
  amount_minor: number
  currency: string
  price_version: number
  reserved_ms: number
  confirmed_ms: number
  pay_by_ms: number
  paid_ms: number
  reason: string
  intent_met: boolean
  late: boolean
  extended: boolean
  late_met: string
  spends: string
}

export type UnitRecord = Omit<UnitRow, 'state'> & { state: string }
export type SessionRecord = Omit<SessionRow, 'status'> & { status: string }

export interface BuyerRecord {
  sale: string
  user_id: string
  sku: string
  units: number
  expired_holds: number
}

export interface ReturnRecord {
  id: number
  sale: string
  shard: number
  epoch: number
  sku: string
  body: string
  user_id: string
  quantity: number
  units: number[]
  generations: number[]
  expired: boolean
}

interface SkuRecord {
  sale: string
  sku: string
  total: number
  minted: number
  price_version: number
}

interface PriceRecord {
  sale: string
  sku: string
  price_version: number
  title: string
  amount_minor: number
  currency: string
  user_max: number
}

export function orderRow(record: OrderRecord): OrderRow {
  return {
    sale: record.sale,
    shard: record.shard,
    body: record.body,
    order: record.order_number,
    user: record.user_id,
    sku: record.sku,
    quantity: record.quantity,
    units: record.units,
    status: record.status as ReservationStatus,
    version: record.version,
    price: { amount_minor: record.amount_minor, currency: record.currency },
    price_version: record.price_version,
    reserved_ms: record.reserved_ms,
    confirmed_ms: record.confirmed_ms,
    pay_by_ms: record.pay_by_ms,
    paid_ms: record.paid_ms,
    reason: record.reason,
    intent_met: record.intent_met,
    late: record.late,
    extended: record.extended,
    late_met: record.late_met,
    spends: record.spends,
  }
}

export function unitRow(record: UnitRecord): UnitRow {
  return { ...record, state: record.state as UnitState }
}

export function sessionRow(record: SessionRecord): SessionRow {
  return { ...record, status: record.status as PaymentSession['status'] }
}

export function pendingReturn(record: ReturnRecord): PendingReturn {
  return {
    id: String(record.id),
    sale: record.sale,
    shard: record.shard,
    epoch: record.epoch,
    sku: record.sku,
    body: record.body,
    user: record.user_id,
    quantity: record.quantity,
    units: record.units.map((unit, i) => ({ unit, generation: record.generations[i] as number })),
    expired: record.expired,
  }
}

/** In the order of insert-sale.sql and update-sale.sql. */
export function saleParameters(row: SaleRow): Parameter[] {
  return [
    ...[row.id, row.title, row.state, row.version, row.epoch, row.shards, row.redis_replid, row.id_key],
    ...[row.opens_ms, row.closes_ms, row.opens_ms_earliest, row.closes_ms_latest],
    ...[row.sale_user_max, row.sale_user_max_widest, row.hold_attempts_max, row.hold_ms, row.payment_extension_ms],
    ...[row.left_shown, JSON.stringify(row.gate), row.rebuilding, row.rebuild_owner],
    ...[row.rebuild_lease_ms, row.rebuild_until_ms, row.recounted_epoch],
  ]
}

/**
 * Sale rows with their SKUs. SKUs are kept by sale version: whatever changes a SKU raises it, except units being minted,
 * which settlement reads under a lock of its own.
 */
export class SaleReader {
  private readonly kept = new Map<string, { version: number; skus: Map<string, SkuRow> }>()

  async read(queries: Queries, ids: string[] | 'all'): Promise<SaleRow[]> {
    const wanted = ids === 'all' ? [] : ids
    return this.complete(queries, await queries.query<SaleRecord>(readSales, [textArray(wanted), ids === 'all']))
  }

  async complete(queries: Queries, records: SaleRecord[]): Promise<SaleRow[]> {
    const of_sale = new Map<string, Map<string, SkuRow>>()
    for (const { sale, version } of records) {
      const kept = this.kept.get(sale)
      if (kept?.version === version) of_sale.set(sale, kept.skus)
    }
    const missing = records.filter(({ sale }) => !of_sale.has(sale))
    if (missing.length > 0) {
      const ids = textArray(missing.map(({ sale }) => sale))
      const skus = await queries.query<SkuRecord>(readSkus, [ids])
      const prices = await queries.query<PriceRecord>(readPrices, [ids])
      for (const { sale, version } of missing) {
        const rows = skuRows(sale, skus, prices)
        this.kept.set(sale, { version, skus: rows })
        of_sale.set(sale, rows)
      }
    }
    // not from what is kept: another reader, of an older state, may have put its own there meanwhile
    return records.map((record) => saleRow(record, of_sale.get(record.sale) ?? new Map()))
  }
}

function skuRows(sale: string, skus: SkuRecord[], prices: PriceRecord[]): Map<string, SkuRow> {
  const rows = new Map<string, SkuRow>()
  for (const { sale: of_sale, ...sku } of skus) if (of_sale === sale) rows.set(sku.sku, { ...sku, prices: new Map() })
  for (const { sale: of_sale, sku, price_version, title, amount_minor, currency, user_max } of prices) {
    if (of_sale !== sale) continue
    rows.get(sku)?.prices.set(price_version, { title, price: { amount_minor, currency }, user_max })
  }
  return rows
}

function saleRow(record: SaleRecord, skus: Map<string, SkuRow>): SaleRow {
  return {
    id: record.sale,
    title: record.title,
    state: record.state as SaleState,
    rebuilding: record.rebuilding,
    epoch: record.epoch,
    redis_replid: record.redis_replid,
    opens_ms: record.opens_ms,
    closes_ms: record.closes_ms,
    shards: record.shards,
    id_key: record.id_key,
    left_shown: record.left_shown as SaleRow['left_shown'],
    gate: JSON.parse(record.gate) as Record<string, unknown>,
    skus,
    hold_ms: record.hold_ms,
    payment_extension_ms: record.payment_extension_ms,
    sale_user_max: record.sale_user_max,
    hold_attempts_max: record.hold_attempts_max,
    version: record.version,
    opens_ms_earliest: record.opens_ms_earliest,
    closes_ms_latest: record.closes_ms_latest,
    sale_user_max_widest: record.sale_user_max_widest,
    rebuild_owner: record.rebuild_owner,
    rebuild_lease_ms: record.rebuild_lease_ms,
    rebuild_until_ms: record.rebuild_until_ms,
    recounted_epoch: record.recounted_epoch,
  }
}
