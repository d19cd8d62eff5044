// What is on sale at this moment, and of what there is anything left: for search, where a second more or less does not matter.
import type { Redis } from 'ioredis'
import { freeKey } from '../../../../contract/keys'
import type { Sale } from '../../ledger/port'
import { execAll } from '../../redis/scripts'
import type { SalesFollower } from '../../sales/follower'

import type { Offer } from '../products'

const FRESH_MS = 1000
/** SKUs of open sales that are looked at, of the sales that opened last */
export const SKUS_MAX = 10_000

export class StockView {
  private left: { at_ms: number; of: Promise<Set<string>> } | undefined

  constructor(
    private readonly sales: SalesFollower,
    private readonly redis: Redis,
    private readonly now: () => number,
  ) {}

  /** SKUs that can be bought now, were there enough of them. */
  async onSale(): Promise<Set<string>> {
    return new Set((await this.open()).flatMap(({ skus }) => skus.map(({ sku }) => sku)))
  }

  openOffer(offers: readonly Offer[]): Offer | undefined {
    const now_ms = this.now()
    return offers.find(({ opens_ms, closes_ms }) => opens_ms <= now_ms && now_ms < closes_ms)
  }

  /** Those of which units are free. Asks Redis once a second at most; throws when it is away. */
  inStock(): Promise<Set<string>> {
    const at_ms = performance.now()
    if (this.left === undefined || at_ms - this.left.at_ms > FRESH_MS) {
      const of = this.look()
      this.left = { at_ms, of }
      of.catch(() => {
        if (this.left?.of === of) this.left = undefined
      })
    }
    return this.left.of
  }

  private async open(): Promise<Sale[]> {
    const now_ms = this.now()
    const sales = (await this.sales.latest()).sales.filter(
      ({ state, opens_ms, closes_ms }) => state === 'ready' && opens_ms <= now_ms && now_ms < closes_ms,
    )
    sales.sort((one, other) => other.opens_ms - one.opens_ms)
    let skus = 0
    return sales.filter((sale) => {
      skus += sale.skus.length
      return skus <= SKUS_MAX
    })
  }

  private async look(): Promise<Set<string>> {
    const left = new Set<string>()
    const asked: string[] = []
    const pipeline = this.redis.pipeline()
    for (const { id, shards, skus } of await this.open()) {
      for (const { sku, total } of skus) {
        if (total < 0) left.add(sku)
        for (let shard = 0; total > 0 && shard < shards; shard++) {
          asked.push(sku)
          pipeline.exists(freeKey(id, shard, sku))
        }
      }
    }
    if (asked.length === 0) return left
    const replies = await execAll(pipeline)
    asked.forEach((sku, i) => {
      if (replies[i] === 1) left.add(sku)
    })
    return left
  }
}
