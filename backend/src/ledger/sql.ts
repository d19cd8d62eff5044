// The ledger on a database, PostgreSQL or PGlite: every method one transaction, every statement a file in sql/.
// What a method decides is in decide*.ts and sale-rows.ts, shared with the ledger in memory; how it locks, in sql-settlement.ts.
import { randomBytes } from 'node:crypto'
import type { DegradeByHand } from '../../../contract/degradation'
import type { SaleState } from '../../../contract/followed-sale'
import { plainArray, textArray } from '../db/array'
import { codeOf, type Db, type Queries } from '../db/db'
import { SqlAccounts } from './accounts'
import { checkIntent } from './check-intent'
import { PUT_OFF_MS } from './decide-payment'
import { SqlDraws } from './draws'
import { SqlLists } from './lists'
import { SqlPins } from './pins'
import type * as port from './port'
import { SqlRooms } from './rooms'
import { orderOf, saleOf, sessionOf } from './rows'
import { checkText, ID_KEY_BYTES } from './sale-rows'
import closeSession from './sql/close-session.sql'
import deleteOutbox from './sql/delete-outbox.sql'
import deleteReturns from './sql/delete-returns.sql'
import findDueWithOpenSession from './sql/find-due-with-open-session.sql'
import findKnownBodies from './sql/find-known-bodies.sql'
import findReturnShards from './sql/find-return-shards.sql'
import finishRefund from './sql/finish-refund.sql'
import putOffPaymentRow from './sql/put-off-payment.sql'
import putOffRefundRow from './sql/put-off-refund.sql'
import raiseSessionGenerations from './sql/raise-session-generations.sql'
import readDeadIntents from './sql/read-dead-intents.sql'
import readLateOrders from './sql/read-late-orders.sql'
import readOrder from './sql/read-order.sql'
import readOrdersAfter from './sql/read-orders-after.sql'
import readOrdersOfUser from './sql/read-orders-of-user.sql'
import readOutbox from './sql/read-outbox.sql'
import readPendingRefunds from './sql/read-pending-refunds.sql'
import readPendingReturns from './sql/read-pending-returns.sql'
import readSalesVersion from './sql/read-sales-version.sql'
import readSessionGeneration from './sql/read-session-generation.sql'
import setDegradeRow from './sql/set-degrade.sql'
import { NotNew } from './sql-effects'
import { applyEvent, recordSession, refundLateOrder, sessionOfOrder } from './sql-payments'
import {
  type OrderRecord,
  orderRow,
  pendingReturn,
  type ReturnRecord,
  SaleReader,
  type SessionRecord,
  sessionRow,
} from './sql-rows'
import * as sales from './sql-sales'
import * as settlement from './sql-settlement'

interface VersionRecord {
  version: number
  degrade_level: number
  degrade_pinned: boolean
}

interface SqlLedgerOptions {
  db: Db
  clock: () => number
  random?: (bytes: number) => Buffer
}

const UNIQUE_VIOLATION = '23505'

/** What makes, changes or rebuilds a sale touches all of its units. */
const LONG = { long: true }

export class SqlLedger implements port.Ledger {
  readonly kind: string
  readonly accounts: SqlAccounts
  readonly lists: SqlLists
  readonly pins: SqlPins
  readonly draws: SqlDraws
  readonly rooms: SqlRooms
  readonly db: Db
  private readonly reader = new SaleReader()
  /** the last batch was new throughout; after a start the first may have been settled before */
  private expects_new = false

  constructor(private readonly options: SqlLedgerOptions) {
    this.db = options.db
    this.kind = options.db.kind
    this.accounts = new SqlAccounts(options.db)
    this.lists = new SqlLists(options.db)
    this.pins = new SqlPins(options.db)
    this.draws = new SqlDraws(options.db)
    this.rooms = new SqlRooms(options.db)
  }

  get restored(): boolean {
    return this.db.restored
  }

  redelivered(): Promise<void> {
    return this.db.redelivered()
  }

  now(): number {
    return this.options.clock()
  }

  close(): Promise<void> {
    return this.db.close()
  }

  durable(): Promise<void> {
    return this.db.durable()
  }

  createSale(sale: port.NewSale): Promise<port.Sale> {
    const id_key = (this.options.random ?? randomBytes)(ID_KEY_BYTES).toString('base64url')
    return this.db.transaction((queries) => sales.createSale(queries, sale, id_key), LONG)
  }

  changeSale(id: string, change: port.SaleChange): Promise<port.Sale> {
    return this.db.transaction((queries) => sales.changeSale(queries, this.reader, id, change), LONG)
  }

  setSaleState(id: string, state: SaleState): Promise<port.Sale> {
    return this.db.transaction((queries) => sales.setSaleState(queries, this.reader, id, state))
  }

  sale(id: string): Promise<port.Sale | undefined> {
    return this.reading(async (queries) => (await this.reader.read(queries, [id])).map(saleOf)[0])
  }

  sales(): Promise<{ version: number; degrade: DegradeByHand; sales: port.Sale[] }> {
    return this.reading(async (queries) => {
      const [row] = await queries.query<VersionRecord>(readSalesVersion)
      const degrade = { level: row?.degrade_level ?? 0, pinned: row?.degrade_pinned ?? false }
      return { version: row?.version ?? 0, degrade, sales: (await this.reader.read(queries, 'all')).map(saleOf) }
    })
  }

  async salesVersion(): Promise<number> {
    const [row] = await this.db.query<VersionRecord>(readSalesVersion)
    return row?.version ?? 0
  }

  async setDegrade({ level, pinned }: DegradeByHand): Promise<void> {
    await this.db.transaction((queries) => queries.query(setDegradeRow, [level, pinned]))
  }

  async replaceSessions(users: string[]): Promise<{ user: string; generation: number }[]> {
    for (const user of users) checkText('user', user)
    const distinct = textArray([...new Set(users)])
    const rows = await this.db.transaction((queries) =>
      queries.query<{ user_id: string; generation: number }>(raiseSessionGenerations, [distinct]),
    )
    const generations = new Map(rows.map(({ user_id, generation }) => [user_id, generation]))
    return users.map((user) => ({ user, generation: generations.get(user) ?? 0 }))
  }

  async sessionGeneration(user: string): Promise<number> {
    const [row] = await this.db.query<{ generation: number }>(readSessionGeneration, [user])
    return row?.generation ?? 0
  }

  async settle(
    intents: port.Intent[],
  ): Promise<{ settled: number; deferred: port.Intent[]; announced: port.StatusChange[] }> {
    for (const intent of intents) checkIntent(intent)
    if (intents.length === 0) return { settled: 0, deferred: [], announced: [] }
    const settle = (are_new: boolean) =>
      this.db.transaction((queries) => settlement.settleIntents(queries, this.reader, intents, this.now(), are_new))
    const { all_new, ...result } = await (this.expects_new
      ? settle(true).catch((error: unknown) => {
          if (!showsNotNew(error)) throw error
          return settle(false)
        })
      : settle(false))
    this.expects_new = all_new
    return result
  }

  bury(intent: port.Intent, reason: string): Promise<void> {
    return this.db.transaction((queries) => settlement.buryIntent(queries, this.reader, intent, reason, this.now()))
  }

  async deadIntents(limit: number): Promise<port.DeadIntent[]> {
    const rows = await this.db.query<{ intent: string; reason: string; at_ms: number }>(readDeadIntents, [limit])
    return rows.map((row) => ({ ...row, intent: JSON.parse(row.intent) as port.Intent }))
  }

  async tombstone(
    reservation: { sale: string; shard: number; body: string; user: string },
    status: 'void' | 'cancelled',
  ): Promise<port.Order | undefined> {
    checkText('user', reservation.user)
    return this.db.transaction((queries) =>
      settlement.writeTombstone(queries, this.reader, reservation, status, this.now()),
    )
  }

  expireDue(limit: number, closed_sessions: string[]): Promise<port.Order[]> {
    return this.db.transaction((queries) =>
      settlement.expireOrders(queries, this.reader, limit, closed_sessions, this.now()),
    )
  }

  async dueWithOpenSession(limit: number): Promise<port.PaymentSession[]> {
    const rows = await this.db.query<SessionRecord>(findDueWithOpenSession, [this.now(), limit])
    return rows.map((row) => sessionOf(sessionRow(row)))
  }

  cancel(sale: string, body: string): Promise<port.Order | undefined> {
    return this.db.transaction((queries) => settlement.cancelOrder(queries, this.reader, sale, body, this.now()))
  }

  recordPaymentSession(session: Omit<port.PaymentSession, 'status'>): Promise<port.PaymentSession> {
    return this.db.transaction((queries) => recordSession(queries, this.reader, session, this.now()))
  }

  async paymentSession(sale: string, body: string): Promise<port.PaymentSession | undefined> {
    const row = await sessionOfOrder(this.db, sale, body)
    return row && sessionOf(row)
  }

  async paymentSessionClosed(provider: string, session: string): Promise<void> {
    await this.db.transaction((queries) => queries.query(closeSession, [provider, session]))
  }

  applyPayment(event: port.PaymentEvent): Promise<port.PaymentOutcome> {
    return this.db.transaction((queries) => applyEvent(queries, event, this.now()))
  }

  async lateSuccesses(limit: number): Promise<port.Order[]> {
    return orders(await this.db.query<OrderRecord>(readLateOrders, [limit, this.now()]))
  }

  refundLate(sale: string, body: string): Promise<port.Order> {
    return this.db.transaction((queries) => refundLateOrder(queries, sale, body, this.now()))
  }

  pendingRefunds(limit: number): Promise<port.Refund[]> {
    return this.db.query<port.Refund>(readPendingRefunds, [limit, this.now()])
  }

  async putOffPayment(sale: string, body: string): Promise<void> {
    const parameters = [sale, body, this.now(), PUT_OFF_MS.first, PUT_OFF_MS.longest]
    await this.db.transaction((queries) => queries.query(putOffPaymentRow, parameters))
  }

  async putOffRefund(id: string): Promise<void> {
    const parameters = [id, this.now(), PUT_OFF_MS.first, PUT_OFF_MS.longest]
    await this.db.transaction((queries) => queries.query(putOffRefundRow, parameters))
  }

  async refundDone(id: string): Promise<void> {
    await this.db.transaction((queries) => queries.query(finishRefund, [id]))
  }

  async pendingStatuses(limit: number, except: string[] = []): Promise<port.StatusChange[]> {
    const parameters = [limit, plainArray(except.map(Number))]
    const rows = await this.db.query<OrderRecord & { id: number }>(readOutbox, parameters)
    return rows.map((row) => ({ id: String(row.id), sale: row.sale, shard: row.shard, order: orderOf(orderRow(row)) }))
  }

  async statusesPublished(ids: string[]): Promise<void> {
    if (ids.length === 0) return
    await this.db.transaction((queries) => queries.query(deleteOutbox, [plainArray(ids.map(Number))]))
  }

  async pendingReturns(limit: number): Promise<port.PendingReturn[]> {
    return (await this.db.query<ReturnRecord>(readPendingReturns, [limit])).map(pendingReturn)
  }

  async returnsApplied(ids: string[]): Promise<void> {
    if (ids.length === 0) return
    const wanted = plainArray(ids.map(Number))
    await this.db.transaction(async (queries) => {
      const places = await queries.query<{ sale: string; shard: number }>(findReturnShards, [wanted])
      await settlement.lockPlaces(queries, this.reader, places)
      await queries.query(deleteReturns, [wanted])
    })
  }

  beginRebuild(sale: string, owner: string, lease_ms: number): Promise<{ epoch: number } | undefined> {
    return this.db.transaction(
      (queries) => sales.beginRebuild(queries, this.reader, sale, owner, lease_ms, this.now()),
      LONG,
    )
  }

  async settleSurvivors(sale: string, owner: string, intents: port.Intent[]): Promise<{ settled: number }> {
    for (const intent of intents) checkIntent(intent)
    const of_sale = intents.filter((intent) => intent.sale === sale)
    await this.db.transaction(async (queries) => {
      const row = await sales.ownedSale(queries, this.reader, sale, owner, this.now())
      await settlement.settleSurvivors(queries, this.reader, row, of_sale, this.now())
    }, LONG)
    return { settled: of_sale.length }
  }

  recountUnits(sale: string, owner: string): Promise<void> {
    return this.db.transaction(async (queries) => {
      const row = await sales.ownedSale(queries, this.reader, sale, owner, this.now())
      await sales.recountUnits(queries, row, () => this.now())
    }, LONG)
  }

  shardImage(sale: string, shard: number): Promise<port.ShardImage> {
    return this.reading((queries) => sales.shardImage(queries, this.reader, sale, shard))
  }

  finishRebuild(sale: string, owner: string, redis_replid: string): Promise<port.Sale> {
    return this.db.transaction(async (queries) => {
      const row = await sales.ownedSale(queries, this.reader, sale, owner, this.now())
      return sales.finishRebuild(queries, row, redis_replid)
    }, LONG)
  }

  async order(sale: string, body: string): Promise<port.Order | undefined> {
    return orders(await this.db.query<OrderRecord>(readOrder, [sale, body]))[0]
  }

  orders(sale: string, after: string, limit: number): Promise<port.Order[]> {
    return this.reading(async (queries) => {
      await sales.knownSale(queries, this.reader, sale)
      // without statistics (PGlite) the planner would rather gather and sort all that come after: 90 ms a page of a sale of 100,000
      await queries.query('SET LOCAL enable_bitmapscan = off')
      return orders(await queries.query<OrderRecord>(readOrdersAfter, [sale, after, limit]))
    })
  }

  async ordersOfUser(sale: string, user: string, limit: number): Promise<port.Order[]> {
    checkText('user', user)
    return orders(await this.db.query<OrderRecord>(readOrdersOfUser, [sale, user, limit]))
  }

  terms(sale: string): Promise<port.Terms[]> {
    return this.reading((queries) => sales.readTerms(queries, this.reader, sale))
  }

  async knows(sale: string, bodies: string[]): Promise<string[]> {
    const rows = await this.db.query<{ body: string }>(findKnownBodies, [sale, textArray(bodies)])
    const known = new Set(rows.map(({ body }) => body))
    return bodies.filter((body) => known.has(body))
  }

  private reading<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    return this.db.transaction(work, { snapshot: true })
  }
}

function orders(records: OrderRecord[]): port.Order[] {
  return records.map((record) => orderOf(orderRow(record)))
}

/** Intents that were taken to be new are not: the order is there, or its unit has gone elsewhere. */
function showsNotNew(error: unknown): boolean {
  return error instanceof NotNew || codeOf(error) === UNIQUE_VIOLATION
}
