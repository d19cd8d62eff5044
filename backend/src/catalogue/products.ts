// The rows of the catalogue, beside the ledger in the same database and never read by it.
//
// Every change takes the next version, one after another; a removed product stays for a while as its id and version, so that
// whoever follows the changes hears of it. Times are ms since 1970.
import { textArray } from '../db/array'
import type { Db, Queries } from '../db/db'
import { LedgerError } from '../ledger/port'
import { removeTerms, removeUnusedWords, writeTerms } from './search/sql-terms'
import askReindex from './sql/ask-reindex.sql'
import findProducts from './sql/find-products.sql'
import forgetRemoved from './sql/forget-removed.sql'
import lockCatalogue from './sql/lock-catalogue.sql'
import noteSqlBuilt from './sql/note-sql-built.sql'
import putProducts from './sql/put-products.sql'
import raiseCatalogueVersion from './sql/raise-catalogue-version.sql'
import raiseForgotten from './sql/raise-forgotten.sql'
import readCatalogueVersion from './sql/read-catalogue-version.sql'
import readChangedProducts from './sql/read-changed-products.sql'
import readChangedRows from './sql/read-changed-rows.sql'
import readOffers from './sql/read-offers.sql'
import readProduct from './sql/read-product.sql'
import readProductIds from './sql/read-product-ids.sql'
import readProductsAfter from './sql/read-products-after.sql'
import removeProduct from './sql/remove-product.sql'
import writeOffers from './sql/write-offers.sql'

const PRODUCTS_MAX = 1_000_000
/** a removed product is remembered for so long */
const REMOVED_KEPT_MS = 7 * 24 * 3_600_000

export interface NewProduct {
  /** also the SKU under which it is sold */
  id: string
  title: string
  /** may have several lines */
  text: string
  /** path on this site; '' for none */
  picture: string
  price: { amount_minor: number; currency: string }
  attributes: Record<string, string>
}

/** A sale that has the product as a SKU, with what it costs there. */
export interface Offer {
  sale: string
  title: string
  opens_ms: number
  closes_ms: number
  price: { amount_minor: number; currency: string }
}

export interface Product extends NewProduct {
  offers: Offer[]
  version: number
  updated_ms: number
}

export interface ProductChange {
  id: string
  version: number
  removed: boolean
}

export interface ChangedProduct extends Product {
  removed: boolean
}

export interface CatalogueVersion {
  version: number
  /** how many there are */
  products: number
  /** who has read no further than this must read everything anew */
  forgotten: number
  /** when indexes were last asked for anew; 0: never */
  reindex_asked_ms: number
  /** when the making of the search tables began; 0: never */
  sql_built_ms: number
}

type PutOutcome = 'made' | 'changed' | 'unchanged'

interface ProductRecord {
  id: string
  title: string
  description: string
  picture: string
  amount_minor: number
  currency: string
  attributes: string
  offers: string
  version: number
  updated_ms: number
}

export function productOf(record: ProductRecord): Product {
  const { description, amount_minor, currency, attributes, offers, ...rest } = record
  return {
    ...rest,
    text: description,
    price: { amount_minor, currency },
    attributes: JSON.parse(attributes),
    offers: JSON.parse(offers),
  }
}

export class Products {
  constructor(
    private readonly db: Db,
    private readonly now: () => number,
  ) {}

  async version(): Promise<CatalogueVersion> {
    const [row] = await this.db.query<CatalogueVersion>(readCatalogueVersion)
    return row as CatalogueVersion
  }

  async find(id: string): Promise<Product | undefined> {
    const [row] = await this.db.query<ProductRecord>(readProduct, [id])
    return row && productOf(row)
  }

  /** In the order of their ids, from the first one after `after`. */
  async list(after: string, limit: number): Promise<Product[]> {
    return (await this.db.query<ProductRecord>(readProductsAfter, [after, limit])).map(productOf)
  }

  /** All there are, and the version at which this was so. */
  ids(): Promise<{ version: number; ids: string[] }> {
    const work = async (queries: Queries) => {
      const [row] = await queries.query<CatalogueVersion>(readCatalogueVersion)
      const ids = (await queries.query<{ id: string }>(readProductIds)).map(({ id }) => id)
      return { version: row?.version ?? 0, ids }
    }
    return this.db.transaction(work, { snapshot: true })
  }

  /** In the order of their versions, each product once with its last change; no further than `until`. */
  changes(after: number, until: number, limit: number): Promise<ProductChange[]> {
    return this.db.query<ProductChange>(readChangedProducts, [after, until, limit])
  }

  /** The same with all that is known of each. */
  async changedRows(after: number, until: number, limit: number): Promise<ChangedProduct[]> {
    const rows = await this.db.query<ProductRecord & { removed: boolean }>(readChangedRows, [after, until, limit])
    return rows.map(({ removed, ...record }) => ({ ...productOf(record), removed }))
  }

  /** All of them or none. A product that is as it was keeps its version. */
  async put(products: NewProduct[]): Promise<PutOutcome[]> {
    return this.change(async (queries, before) => {
      const ids = textArray(products.map(({ id }) => id))
      const known = new Set((await queries.query<{ id: string }>(findProducts, [ids])).map(({ id }) => id))
      const rows = products.map(({ id, title, text, picture, price, attributes }) => ({
        id,
        title,
        description: text,
        picture,
        ...price,
        attributes: JSON.stringify(attributes),
      }))
      const parameters = [JSON.stringify(rows), before.version, this.now()]
      const written = new Set((await queries.query<{ id: string }>(putProducts, parameters)).map(({ id }) => id))
      const outcomes = products.map(({ id }) => (!written.has(id) ? 'unchanged' : known.has(id) ? 'changed' : 'made'))
      const made = outcomes.filter((outcome) => outcome === 'made').length
      if (made > 0 && before.products + made > PRODUCTS_MAX) {
        throw new LedgerError('conflict', `the catalogue has ${PRODUCTS_MAX} products, which is the most`)
      }
      await writeTerms(
        queries,
        products.filter(({ id }) => written.has(id)),
      )
      if (written.size > 0) await queries.query(raiseCatalogueVersion, [before.version + products.length, made])
      return outcomes
    })
  }

  /** False when there is none. */
  remove(id: string): Promise<boolean> {
    return this.change(async (queries, { version }) => {
      const removed = await queries.query(removeProduct, [id, version + 1, this.now()])
      if (removed.length > 0) {
        await removeTerms(queries, [id])
        await queries.query(raiseCatalogueVersion, [version + 1, -1])
      }
      return removed.length > 0
    })
  }

  /** What is offered now, for every product of these ids and every one that was on offer; others are not there. */
  async offers(ids: string[]): Promise<Map<string, string>> {
    const rows = await this.db.query<{ id: string; offers: string }>(readOffers, [textArray(ids)])
    return new Map(rows.map(({ id, offers }) => [id, offers]))
  }

  /** Each product's offers as JSON; those that have them already keep their version. */
  async setOffers(offers: [id: string, json: string][]): Promise<void> {
    await this.change(async (queries, { version }) => {
      const ids = textArray(offers.map(([id]) => id))
      const jsons = textArray(offers.map(([, json]) => json))
      const written = await queries.query(writeOffers, [ids, jsons, version, this.now()])
      if (written.length > 0) await queries.query(raiseCatalogueVersion, [version + offers.length, 0])
    })
  }

  /** Strikes off what was removed long ago. */
  async forget(): Promise<void> {
    await this.change(async (queries) => {
      const rows = await queries.query<{ version: number }>(forgetRemoved, [this.now() - REMOVED_KEPT_MS])
      const last = rows.reduce((most, { version }) => Math.max(most, version), 0)
      if (last > 0) await queries.query(raiseForgotten, [last])
    })
  }

  /** Writes the words of the next products anew, for the tables of search; answers which. */
  writeTermsAfter(after: string, limit: number): Promise<string[]> {
    return this.change(async (queries) => {
      const rows = await queries.query<ProductRecord>(readProductsAfter, [after, limit])
      await writeTerms(queries, rows.map(productOf))
      return rows.map(({ id }) => id)
    })
  }

  async termsWritten(built_ms: number): Promise<void> {
    await this.change(async (queries) => {
      await removeUnusedWords(queries)
      await queries.query(noteSqlBuilt, [built_ms])
    })
  }

  /** Every index is to be made anew; answers the time by which it was asked. */
  async askReindex(): Promise<number> {
    const [row] = await this.db.query<{ reindex_asked_ms: number }>(askReindex, [this.now()])
    return row?.reindex_asked_ms ?? 0
  }

  private change<T>(work: (queries: Queries, before: CatalogueVersion) => Promise<T>): Promise<T> {
    return this.db.transaction(async (queries) => {
      const [before] = await queries.query<CatalogueVersion>(lockCatalogue)
      return work(queries, before as CatalogueVersion)
    })
  }
}
