// How a sale comes to be and changes: pure, shared by both implementations. Every change returns a new row.
import type { SaleState } from '../../../contract/followed-sale'
import { LedgerError, type NewSale, type SaleChange } from './port'
import { type SaleRow, type SkuRow, saleOf, termsOf } from './rows'

/** Units of one SKU: bounds what one transaction inserts and one rebuild loads. */
const TOTAL_MAX = 10_000_000

export const ID_KEY_BYTES = 32

// What PostgreSQL cannot keep in text: NUL, and halves of surrogate pairs.
const UNSTORABLE = /\0|\p{Surrogate}/u

export function checkText(field: string, value: string): void {
  if (UNSTORABLE.test(value)) throw new LedgerError('bad_request', `${field}: NUL and lone surrogates cannot be kept`)
}

export function newSaleRow(sale: NewSale, id_key: string): SaleRow {
  checkText('id', sale.id)
  const skus = new Map<string, SkuRow>()
  for (const sku of sale.skus) {
    checkText('sku', sku.sku)
    if (skus.has(sku.sku)) throw new LedgerError('bad_request', `skus: ${sku.sku} is there twice`)
    const terms = { title: sku.title, price: { ...sku.price }, user_max: sku.user_max }
    skus.set(sku.sku, {
      sku: sku.sku,
      total: sku.total,
      minted: 0,
      price_version: 1,
      prices: new Map([[1, terms]]),
    })
  }
  const row: SaleRow = {
    id: sale.id,
    title: sale.title,
    state: 'draft',
    rebuilding: false,
    epoch: 0,
    redis_replid: '',
    opens_ms: sale.opens_ms,
    closes_ms: sale.closes_ms,
    shards: 1,
    id_key,
    left_shown: sale.left_shown,
    gate: sale.gate,
    skus,
    hold_ms: sale.hold_ms,
    payment_extension_ms: sale.payment_extension_ms,
    sale_user_max: sale.sale_user_max,
    hold_attempts_max: sale.hold_attempts_max,
    version: 0,
    opens_ms_earliest: sale.opens_ms,
    closes_ms_latest: sale.closes_ms,
    sale_user_max_widest: sale.sale_user_max,
    rebuild_owner: '',
    rebuild_lease_ms: 0,
    rebuild_until_ms: 0,
    recounted_epoch: 0,
  }
  check(row)
  return row
}

/** The row after a change; units to be made for grown totals stay unlent until the next rebuild. */
export function changedSaleRow(row: SaleRow, change: SaleChange): SaleRow {
  const changed: SaleRow = { ...row, skus: new Map(row.skus) }
  if (change.title !== undefined) changed.title = change.title
  if (change.opens_ms !== undefined) changed.opens_ms = change.opens_ms
  if (change.closes_ms !== undefined) changed.closes_ms = change.closes_ms
  if (change.hold_ms !== undefined) changed.hold_ms = change.hold_ms
  if (change.sale_user_max !== undefined) changed.sale_user_max = change.sale_user_max
  if (change.hold_attempts_max !== undefined) changed.hold_attempts_max = change.hold_attempts_max
  if (change.left_shown !== undefined) changed.left_shown = change.left_shown
  if (change.gate !== undefined) changed.gate = change.gate
  for (const sku_change of change.skus ?? []) {
    const sku = changed.skus.get(sku_change.sku)
    if (sku === undefined) throw new LedgerError('bad_request', `skus: ${sku_change.sku} is not in sale ${row.id}`)
    changed.skus.set(sku.sku, changedSku(sku, sku_change))
  }
  // Nothing was sold before the first load: there is no earlier window or limit to honour.
  const fresh = row.epoch === 0
  changed.opens_ms_earliest = fresh ? changed.opens_ms : Math.min(row.opens_ms_earliest, changed.opens_ms)
  changed.closes_ms_latest = fresh ? changed.closes_ms : Math.max(row.closes_ms_latest, changed.closes_ms)
  changed.sale_user_max_widest = fresh
    ? changed.sale_user_max
    : row.sale_user_max_widest === 0 || changed.sale_user_max === 0
      ? 0
      : Math.max(row.sale_user_max_widest, changed.sale_user_max)
  check(changed)
  return changed
}

function changedSku(sku: SkuRow, change: NonNullable<SaleChange['skus']>[number]): SkuRow {
  const total = change.total ?? sku.total
  if (total !== sku.total && (sku.total === -1 || total < sku.total))
    throw new LedgerError('bad_request', `skus.${sku.sku}.total: may only grow from ${sku.total}, got ${total}`)
  const now = termsOf(sku)
  const terms = {
    title: change.title ?? now.title,
    price: { ...(change.price ?? now.price) },
    user_max: change.user_max ?? now.user_max,
  }
  const same =
    terms.title === now.title &&
    terms.user_max === now.user_max &&
    terms.price.amount_minor === now.price.amount_minor &&
    terms.price.currency === now.price.currency
  if (same) return { ...sku, total }
  const price_version = sku.price_version + 1
  return { ...sku, total, price_version, prices: new Map(sku.prices).set(price_version, terms) }
}

/** Which states may follow which: `ready` from `draft` comes only from a rebuild, `ended` is for good. */
export function checkStateChange(row: SaleRow, state: SaleState): void {
  if (row.state === state) return
  const from_loaded = row.state === 'ready' || row.state === 'paused'
  if (state === 'ended' || (from_loaded && (state === 'ready' || state === 'paused'))) {
    if (row.state !== 'ended') return
  }
  throw new LedgerError('conflict', `sale ${row.id} is ${row.state}: it cannot become ${state}`)
}

/** The same in all that a follower can see: no new version is needed. */
export function sameSale(a: SaleRow, b: SaleRow): boolean {
  return JSON.stringify(saleOf(a)) === JSON.stringify(saleOf(b))
}

function check(row: SaleRow): void {
  checkText('title', row.title)
  if (!(row.opens_ms < row.closes_ms))
    throw new LedgerError('bad_request', `closes_ms: must be after opens_ms ${row.opens_ms}, got ${row.closes_ms}`)
  for (const field of ['hold_ms', 'payment_extension_ms', 'sale_user_max', 'hold_attempts_max'] as const) {
    whole(field, row[field], 0, Number.MAX_SAFE_INTEGER)
  }
  for (const sku of row.skus.values()) {
    const terms = termsOf(sku)
    checkText(`skus.${sku.sku}.title`, terms.title)
    checkText(`skus.${sku.sku}.price.currency`, terms.price.currency)
    whole(`skus.${sku.sku}.total`, sku.total, -1, TOTAL_MAX)
    whole(`skus.${sku.sku}.user_max`, terms.user_max, 0, 1_000_000)
    whole(`skus.${sku.sku}.price.amount_minor`, terms.price.amount_minor, 0, 1e12)
  }
}

function whole(field: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return
  throw new LedgerError('bad_request', `${field}: must be a whole number from ${min} to ${max}, got ${value}`)
}
