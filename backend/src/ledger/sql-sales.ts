// Sales and their rebuilds on the database. Whatever changes a sale takes its row exclusively and raises the sales version last.
import { crc32 } from 'node:zlib'
import type { SaleState } from '../../../contract/followed-sale'
import { shardOfUser } from '../../../contract/shard'
import { plainArray, textArray } from '../db/array'
import type { Queries } from '../db/db'
import { LedgerError, type NewSale, type Sale, type SaleChange, type ShardImage, type Terms } from './port'
import { orderOf, type SaleRow, saleOf } from './rows'
import { changedSaleRow, checkStateChange, newSaleRow, sameSale } from './sale-rows'
import countUnits from './sql/count-units.sql'
import deleteReturnsOfSale from './sql/delete-returns-of-sale.sql'
import grantFreeUnits from './sql/grant-free-units.sql'
import insertPrices from './sql/insert-prices.sql'
import insertSale from './sql/insert-sale.sql'
import insertShards from './sql/insert-shards.sql'
import insertUnits from './sql/insert-units.sql'
import lockSale from './sql/lock-sale.sql'
import raiseSalesVersion from './sql/raise-sales-version.sql'
import readBuyersOfSale from './sql/read-buyers-of-sale.sql'
import readGrantedUnits from './sql/read-granted-units.sql'
import readOrdersOfShard from './sql/read-orders-of-shard.sql'
import readReplacedSessions from './sql/read-replaced-sessions.sql'
import updateSale from './sql/update-sale.sql'
import writeSkus from './sql/write-skus.sql'
import {
  type BuyerRecord,
  type OrderRecord,
  orderRow,
  type SaleReader,
  type SaleRecord,
  saleParameters,
} from './sql-rows'

export async function createSale(queries: Queries, sale: NewSale, id_key: string): Promise<Sale> {
  const row = newSaleRow(sale, id_key)
  const inserted = await queries.query(insertSale, saleParameters(row))
  if (inserted.length === 0) throw new LedgerError('exists', `sale ${sale.id} exists`)
  await queries.query(insertShards, [row.id, row.shards])
  await writeSkuRows(queries, row, undefined)
  return saleOf(await writeVersion(queries, row))
}

export async function changeSale(queries: Queries, reader: SaleReader, id: string, change: SaleChange): Promise<Sale> {
  const row = await lockedSale(queries, reader, id)
  const changed = changedSaleRow(row, change)
  if (sameSale(changed, row)) return saleOf(row)
  await writeSkuRows(queries, changed, row)
  return saleOf(await writeVersion(queries, changed))
}

export async function setSaleState(queries: Queries, reader: SaleReader, id: string, state: SaleState): Promise<Sale> {
  const row = await lockedSale(queries, reader, id)
  checkStateChange(row, state)
  return row.state === state ? saleOf(row) : saleOf(await writeVersion(queries, { ...row, state }))
}

export async function beginRebuild(
  queries: Queries,
  reader: SaleReader,
  id: string,
  owner: string,
  lease_ms: number,
  now: number,
): Promise<{ epoch: number } | undefined> {
  const row = await lockedSale(queries, reader, id)
  if (row.rebuild_owner !== '' && row.rebuild_owner !== owner && now < row.rebuild_until_ms) return undefined
  const epoch = row.epoch + 1
  await writeVersion(queries, {
    ...row,
    epoch,
    rebuilding: true,
    rebuild_owner: owner,
    rebuild_lease_ms: lease_ms,
    rebuild_until_ms: now + lease_ms,
  })
  return { epoch }
}

/** The sale, locked, if `owner` rebuilds it; its lease starts anew. */
export async function ownedSale(
  queries: Queries,
  reader: SaleReader,
  id: string,
  owner: string,
  now: number,
): Promise<SaleRow> {
  const row = await lockedSale(queries, reader, id)
  if (row.rebuild_owner !== owner) throw new LedgerError('conflict', `sale ${id} is not being rebuilt by ${owner}`)
  const renewed = { ...row, rebuild_until_ms: now + row.rebuild_lease_ms }
  await queries.query(updateSale, saleParameters(renewed))
  return renewed
}

/** The lease starts anew when all is counted, however long that took: the load follows. */
export async function recountUnits(queries: Queries, row: SaleRow, now: () => number): Promise<void> {
  await queries.query(deleteReturnsOfSale, [row.id])
  await queries.query(grantFreeUnits, [row.id, row.epoch, row.shards])
  await queries.query(
    updateSale,
    saleParameters({ ...row, recounted_epoch: row.epoch, rebuild_until_ms: now() + row.rebuild_lease_ms }),
  )
}

export async function finishRebuild(queries: Queries, row: SaleRow, redis_replid: string): Promise<Sale> {
  if (row.recounted_epoch !== row.epoch)
    throw new LedgerError('conflict', `sale ${row.id}: units are not counted again for epoch ${row.epoch}`)
  const state = row.state === 'draft' ? 'ready' : row.state
  const ended = { rebuilding: false, rebuild_owner: '', rebuild_until_ms: 0 }
  return saleOf(await writeVersion(queries, { ...row, ...ended, redis_replid, state }))
}

export async function shardImage(queries: Queries, reader: SaleReader, id: string, shard: number): Promise<ShardImage> {
  const sale = await knownSale(queries, reader, id)
  const granted = await queries.query<{ sku: string; units: number[]; generations: number[] }>(readGrantedUnits, [
    id,
    shard,
  ])
  const orders = (await queries.query<OrderRecord>(readOrdersOfShard, [id, shard])).map(orderRow)
  const buyers = await queries.query<BuyerRecord>(readBuyersOfSale, [id])
  const sessions = await queries.query<{ user_id: string; generation: number }>(readReplacedSessions)
  const here = (user: string) => shardOfUser(crc32, user, sale.shards) === shard

  const free = new Map(granted.map((row) => [row.sku, row]))
  const unpaid = new Map<string, number>()
  const bodies = new Map<string, string[]>()
  for (const { sku, user, body, quantity, status } of orders) {
    if (status !== 'confirmed' && status !== 'paid') continue
    if (status === 'confirmed') unpaid.set(sku, (unpaid.get(sku) ?? 0) + quantity)
    const key = sku + ':' + user
    const of_buyer = bodies.get(key)
    if (of_buyer === undefined) bodies.set(key, [body])
    else of_buyer.push(body)
  }
  return {
    free: [...sale.skus.values()]
      .filter(({ total }) => total !== -1)
      .map(({ sku }) => {
        const row = free.get(sku) ?? { units: [], generations: [] }
        return { sku, units: row.units.map((unit, i) => ({ unit, generation: row.generations[i] as number })) }
      }),
    orders: orders.map(orderOf),
    unpaid: [...sale.skus.keys()].map((sku) => ({ sku, units: unpaid.get(sku) ?? 0 })),
    buyers: buyers
      .filter(({ user_id }) => here(user_id))
      .map(({ sku, user_id: user, units, expired_holds }) => {
        return { sku, user, units, expired_holds, bodies: bodies.get(sku + ':' + user) ?? [] }
      }),
    sessions: sessions
      .filter(({ user_id }) => here(user_id))
      .map(({ user_id: user, generation }) => ({ user, generation })),
  }
}

export async function readTerms(queries: Queries, reader: SaleReader, id: string): Promise<Terms[]> {
  const sale = await knownSale(queries, reader, id)
  const counts = await queries.query<{ sku: string; state: string; units: number }>(countUnits, [id])
  const by_state = new Map(counts.map(({ sku, state, units }) => [sku + ':' + state, units]))
  return [...sale.skus.values()].map(({ sku, total }) => {
    const count = (state: string) => by_state.get(sku + ':' + state) ?? 0
    const [returning, moving] = [count('returning'), count('moving')]
    const [confirmed, paid] = [count('confirmed'), count('paid')]
    return {
      sku,
      total,
      granted: count('granted') + returning + moving + confirmed + paid,
      returning,
      moving,
      confirmed,
      paid,
    }
  })
}

export async function knownSale(queries: Queries, reader: SaleReader, id: string): Promise<SaleRow> {
  const row = (await reader.read(queries, [id]))[0]
  if (row === undefined) throw new LedgerError('not_found', `sale ${id} is not known`)
  return row
}

async function lockedSale(queries: Queries, reader: SaleReader, id: string): Promise<SaleRow> {
  const row = (await reader.complete(queries, await queries.query<SaleRecord>(lockSale, [id])))[0]
  if (row === undefined) throw new LedgerError('not_found', `sale ${id} is not known`)
  return row
}

async function writeVersion(queries: Queries, row: SaleRow): Promise<SaleRow> {
  const raised = await queries.query<{ version: number }>(raiseSalesVersion)
  const written = { ...row, version: raised[0]?.version as number }
  await queries.query(updateSale, saleParameters(written))
  return written
}

/** SKUs with their newest prices, and units up to their totals; `before` is what is there already. */
async function writeSkuRows(queries: Queries, row: SaleRow, before: SaleRow | undefined): Promise<void> {
  const skus = [...row.skus.values()]
  const ids = textArray(skus.map(({ sku }) => sku))
  const versions = plainArray(skus.map(({ price_version }) => price_version))
  const positions = plainArray(skus.map((_, i) => i))
  await queries.query(writeSkus, [row.id, ids, positions, plainArray(skus.map(({ total }) => total)), versions])
  const terms = skus.map(({ prices, price_version }) => prices.get(price_version))
  await queries.query(insertPrices, [
    row.id,
    ids,
    versions,
    textArray(terms.map((term) => term?.title ?? '')),
    plainArray(terms.map((term) => term?.price.amount_minor ?? 0)),
    textArray(terms.map((term) => term?.price.currency ?? '')),
    plainArray(terms.map((term) => term?.user_max ?? 0)),
  ])
  const firsts = skus.map(({ sku }) => Math.max(before?.skus.get(sku)?.total ?? 0, 0) + 1)
  await queries.query(insertUnits, [row.id, ids, plainArray(firsts), plainArray(skus.map(({ total }) => total))])
}
