// The catalogue as this process follows it: the products, what is on offer, and the feed of what has changed.
//
// A change is announced only after it is durable, so nobody who follows ever goes back to an older version. What a product's page
// says of sales is kept in its row: a sale that is made, changed or ended gives the product a new version like any change.
import type { Db } from '../db/db'
import type { Sale } from '../ledger/port'
import { compareText } from '../ledger/rows'
import type { Logger } from '../log'
import { type Poll, Waiters } from '../long-poll'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import type { SalesFollower } from '../sales/follower'
import { type CatalogueVersion, type Offer, type ProductChange, Products } from './products'

/** How soon a change made by another process is seen. */
const POLL_MS = 250
const FORGET_EVERY_MS = 3_600_000
const CHANGES_MAX = 10_000
/** sales that a product's page names at most: the last made */
const OFFERS_MAX = 5
const OFFERS_AT_ONCE = 500

/** The answer to one who has read up to some version. */
export interface CatalogueChanges {
  /** has been read up to here; ask again with it */
  version: number
  /** `after` was too long ago, or never: begin again with ids(); there are no changes then */
  restart: boolean
  /** by version, each product once; at most CHANGES_MAX: more follow at once */
  changes: ProductChange[]
}

interface CatalogueParts {
  db: Db
  /** of the ledger */
  durable: () => Promise<void>
  now: () => number
  sales: SalesFollower
  log: Logger
  metrics: Metrics
}

export class Catalogue {
  readonly products: Products
  private announced: CatalogueVersion | undefined
  private offered = ''
  private forgot_ms = Number.NEGATIVE_INFINITY
  private readonly waiters = new Waiters()
  private readonly loop: Loop

  constructor(private readonly parts: CatalogueParts) {
    const { db, now, log, metrics } = parts
    this.products = new Products(db, now)
    this.loop = new Loop({ name: 'catalogue', log, metrics, step: () => this.step() })
  }

  start(): void {
    this.loop.start()
  }

  async stop(): Promise<void> {
    this.waiters.stop()
    await this.loop.stop()
  }

  /** This process has changed the catalogue. */
  changed(): void {
    this.loop.kick()
  }

  /** Version up to which changes are durable and may be told; undefined before the first look. */
  version(): number | undefined {
    return this.announced?.version
  }

  /** All ids there are. Changes that come after it are `changesAfter(version)`. */
  ids(): Promise<{ version: number; ids: string[] }> {
    return this.products.ids()
  }

  /** What has changed since `after`. undefined before the first look. */
  async changesAfter(after: number): Promise<CatalogueChanges | undefined> {
    if (this.announced === undefined) return undefined
    const { version, forgotten } = this.announced
    if (after < forgotten) return { version, restart: true, changes: [] }
    const changes = await this.products.changes(after, version, CHANGES_MAX)
    const read_to = changes.length < CHANGES_MAX ? version : (changes.at(-1)?.version ?? version)
    // another process may have announced more than this one
    return { version: Math.max(read_to, after), restart: false, changes }
  }

  /** The same as a long poll: answered as soon as there is anything, or with nothing after the poll's wait. */
  async follow(poll: Poll): Promise<CatalogueChanges | undefined> {
    if ((this.announced?.version ?? -1) <= poll.after) await this.waiters.wait(poll)
    return this.changesAfter(poll.after)
  }

  private async step(): Promise<number> {
    await this.forget()
    let latest = await this.products.version()
    if (await this.keepOffers(latest.version)) latest = await this.products.version()
    if (this.announced === undefined || latest.version > this.announced.version) {
      await this.parts.durable()
      this.announced = latest
      this.parts.metrics.products.set(latest.products)
      this.waiters.announce(latest.version)
    }
    return POLL_MS
  }

  /** Writes to the products which sales have them; several processes that do so write the same. True when it wrote anything. */
  private async keepOffers(version: number): Promise<boolean> {
    const { version: sales_version, sales } = await this.parts.sales.latest()
    const state = `${version} ${sales_version}`
    if (state === this.offered) return false
    const wanted = offersOf(sales)
    const written = await this.products.offers([...wanted.keys()])
    const changes: [id: string, json: string][] = []
    for (const [id, json] of written) {
      const now = JSON.stringify(wanted.get(id) ?? [])
      if (now !== json) changes.push([id, now])
    }
    for (let from = 0; from < changes.length; from += OFFERS_AT_ONCE) {
      await this.products.setOffers(changes.slice(from, from + OFFERS_AT_ONCE))
    }
    this.offered = state
    return changes.length > 0
  }

  private async forget(): Promise<void> {
    const now_ms = this.parts.now()
    if (now_ms - this.forgot_ms < FORGET_EVERY_MS) return
    this.forgot_ms = now_ms
    await this.products.forget()
  }
}

/** By SKU, what the sales offer that are not drafts nor ended by hand; whether one is open is for the reader's clock. */
function offersOf(sales: readonly Sale[]): Map<string, Offer[]> {
  const offers = new Map<string, Offer[]>()
  const latest_first = [...sales].sort((one, other) => other.opens_ms - one.opens_ms || compareText(one.id, other.id))
  for (const { id, title, state, opens_ms, closes_ms, skus } of latest_first) {
    if (state === 'draft' || state === 'ended') continue
    for (const { sku, price } of skus) {
      const of_sku = offers.get(sku) ?? []
      if (of_sku.length < OFFERS_MAX) of_sku.push({ sale: id, title, opens_ms, closes_ms, price })
      offers.set(sku, of_sku)
    }
  }
  return offers
}
