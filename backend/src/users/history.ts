// What a user has looked at and bought: bounded lists, read from the database that is right about both.
import { plainArray, textArray } from '../db/array'
import type { Db } from '../db/db'
import deleteOldVisits from './sql/delete-old-visits.sql'
import deleteVisits from './sql/delete-visits.sql'
import putVisits from './sql/put-visits.sql'
import readPurchases from './sql/read-purchases.sql'
import readVisits from './sql/read-visits.sql'

const VISITS_MAX = 100
const PURCHASES_MAX = 100

export interface Visit {
  user: string
  item: string
  at_ms: number
}

export interface Purchase {
  order: string
  sale: string
  item: string
  quantity: number
  price: { amount_minor: number; currency: string }
  status: string
  confirmed_at: string
  paid_at?: string
}

export interface History {
  /** newest first */
  visits: { item: string; at: string }[]
  /** newest first */
  purchases: Purchase[]
}

interface PurchaseRecord {
  order_number: string
  sale: string
  sku: string
  quantity: number
  status: string
  amount_minor: number
  currency: string
  confirmed_ms: number
  paid_ms: number
}

const time = (ms: number) => new Date(ms).toISOString()

export class Histories {
  constructor(private readonly db: Db) {}

  async read(user: string): Promise<History> {
    const visits = await this.db.query<{ item: string; at_ms: number }>(readVisits, [user])
    const purchases = await this.db.query<PurchaseRecord>(readPurchases, [user, PURCHASES_MAX])
    return {
      visits: visits.map(({ item, at_ms }) => ({ item, at: time(at_ms) })),
      purchases: purchases.map(({ order_number, sku, amount_minor, currency, confirmed_ms, paid_ms, ...rest }) => ({
        ...rest,
        order: order_number,
        item: sku,
        price: { amount_minor, currency },
        confirmed_at: time(confirmed_ms),
        ...(paid_ms > 0 ? { paid_at: time(paid_ms) } : {}),
      })),
    }
  }

  /** The last of each user and item; visits of what is no product are left out. */
  async add(visits: Visit[]): Promise<void> {
    const users = [...new Set(visits.map(({ user }) => user))]
    await this.db.transaction(async (queries) => {
      await queries.query(putVisits, [
        textArray(visits.map(({ user }) => user)),
        textArray(visits.map(({ item }) => item)),
        plainArray(visits.map(({ at_ms }) => Math.floor(at_ms))),
      ])
      await queries.query(deleteOldVisits, [textArray(users), VISITS_MAX])
    })
  }

  async forgetVisits(user: string): Promise<void> {
    await this.db.transaction((queries) => queries.query(deleteVisits, [user]))
  }
}
