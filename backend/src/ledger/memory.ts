// The ledger in memory: the model that tests hold the SQL one against. Same decisions as the SQL one, on random histories.
// Each method runs to its end without waiting, so it is one transaction; a method that throws has changed nothing.
import { randomBytes } from 'node:crypto'
import type { DegradeByHand } from '../../../contract/degradation'
import type { SaleState } from '../../../contract/followed-sale'
import { MemoryAccounts } from './accounts'
import { checkIntent, isStorable } from './check-intent'
import { decideBurial, decideIntents, partition } from './decide'
import { decideLateRefund, decidePayment, decidePaymentStart } from './decide-payment'
import { MemoryDraws } from './draws'
import { noEffects } from './effects'
import { MemoryLists } from './lists'
import { bySaleAndBody, bySkuAndUser, isFree, MemoryTables, type SaleTables, setUnit, unitOf } from './memory-tables'
import { tombstoneOrder } from './new-orders'
import type * as port from './port'
import { LedgerError } from './port'
import { MemoryRooms } from './rooms'
import { compareText, keptOfUser, orderOf, type SessionRow, saleOf, sessionOf } from './rows'
import { changedSaleRow, checkStateChange, checkText, ID_KEY_BYTES, newSaleRow, sameSale } from './sale-rows'

export type { MemoryLedgerOptions } from './memory-tables'

export class MemoryLedger extends MemoryTables implements port.Ledger {
  readonly kind = 'memory'
  readonly accounts = new MemoryAccounts()
  readonly lists = new MemoryLists()
  readonly draws = new MemoryDraws()
  readonly rooms = new MemoryRooms()

  now(): number {
    return this.options.clock()
  }

  async close(): Promise<void> {}
  async durable(): Promise<void> {}

  async createSale(sale: port.NewSale): Promise<port.Sale> {
    const id_key = (this.options.random ?? randomBytes)(ID_KEY_BYTES).toString('base64url')
    const row = newSaleRow(structuredClone(sale), id_key)
    if (this.tables.has(sale.id)) throw new LedgerError('exists', `sale ${sale.id} exists`)
    row.version = ++this.version
    const tables: SaleTables = { row, units: new Map(), orders: new Map(), buyers: new Map(), last_orders: [0] }
    this.tables.set(sale.id, tables)
    this.makeUnits(tables)
    return structuredClone(saleOf(row))
  }

  async changeSale(id: string, change: port.SaleChange): Promise<port.Sale> {
    const tables = this.saleTables(id)
    const row = changedSaleRow(tables.row, structuredClone(change))
    if (!sameSale(row, tables.row)) row.version = ++this.version
    tables.row = row
    this.makeUnits(tables)
    return structuredClone(saleOf(row))
  }

  async setSaleState(id: string, state: SaleState): Promise<port.Sale> {
    const { row } = this.saleTables(id)
    checkStateChange(row, state)
    if (row.state !== state) row.version = ++this.version
    row.state = state
    return structuredClone(saleOf(row))
  }

  async sale(id: string): Promise<port.Sale | undefined> {
    const tables = this.tables.get(id)
    return tables && structuredClone(saleOf(tables.row))
  }

  async sales(): Promise<{ version: number; degrade: DegradeByHand; sales: port.Sale[] }> {
    const ids = [...this.tables.keys()].sort(compareText)
    const sales = ids.map((id) => structuredClone(saleOf(this.saleTables(id).row)))
    return { version: this.version, degrade: { ...this.degrade }, sales }
  }

  async salesVersion(): Promise<number> {
    return this.version
  }

  async setDegrade({ level, pinned }: DegradeByHand): Promise<void> {
    this.version += 1
    this.degrade = { level, pinned }
  }

  async replaceSessions(users: string[]): Promise<{ user: string; generation: number }[]> {
    for (const user of users) checkText('user', user)
    for (const user of new Set(users)) {
      this.session_generations.set(user, (this.session_generations.get(user) ?? 0) + 1)
    }
    return users.map((user) => ({ user, generation: this.session_generations.get(user) ?? 0 }))
  }

  async sessionGeneration(user: string): Promise<number> {
    return this.session_generations.get(user) ?? 0
  }

  async settle(
    intents: port.Intent[],
  ): Promise<{ settled: number; deferred: port.Intent[]; announced: port.StatusChange[] }> {
    for (const intent of intents) checkIntent(intent)
    const effects = noEffects()
    const { settling, deferred } = partition(intents, (intent) => this.placeOf(intent), effects)
    for (const [sale, of_sale] of settling) decideIntents(this.facts(this.saleTables(sale)), of_sale, effects)
    const announced = this.apply(effects)
    return { settled: intents.length - deferred.length, deferred, announced }
  }

  async bury(intent: port.Intent, reason: string): Promise<void> {
    const row = this.placeOf(intent)
    const effects = noEffects()
    if (row === undefined || row.rebuilding || !isStorable(intent)) effects.dead.push({ intent, reason })
    else decideBurial(this.facts(this.saleTables(intent.sale)), intent, reason, effects)
    this.apply(effects)
  }

  async deadIntents(limit: number): Promise<port.DeadIntent[]> {
    return structuredClone(this.dead.slice(-limit).reverse())
  }

  async tombstone(
    reservation: { sale: string; shard: number; body: string; user: string },
    status: 'void' | 'cancelled',
  ): Promise<port.Order | undefined> {
    checkText('user', reservation.user)
    const { sale, shard, body } = reservation
    const row = this.placeOf(reservation)
    if (row === undefined) throw new LedgerError('not_found', `sale ${sale}, shard ${shard} is not known`)
    if (row.rebuilding) return undefined
    const known = this.saleTables(sale).orders.get(body)
    if (known !== undefined) return orderOf(known)
    const order = tombstoneOrder(reservation, status)
    this.apply({ ...noEffects(), inserted: [order] })
    return orderOf(order)
  }

  async expireDue(limit: number, closed_sessions: string[]): Promise<port.Order[]> {
    const closed = new Set(closed_sessions)
    const due = this.dueOrders().filter((order) => {
      const session = this.openSession(order.sale, order.body)
      return !this.saleTables(order.sale).row.rebuilding && (session === undefined || closed.has(session.session))
    })
    const effects = noEffects()
    const ended = due.slice(0, limit).map((order) => this.end(order, 'expired', effects))
    this.apply(effects)
    for (const order of ended) {
      const session = this.openSession(order.sale, order.body)
      if (session !== undefined) session.status = 'closed'
    }
    return ended.map(orderOf)
  }

  async dueWithOpenSession(limit: number): Promise<port.PaymentSession[]> {
    const sessions = this.dueOrders().map((order) => this.openSession(order.sale, order.body))
    return sessions
      .filter((session) => session !== undefined)
      .filter((session) => this.isDue(session))
      .slice(0, limit)
      .map(sessionOf)
  }

  async cancel(sale: string, body: string): Promise<port.Order | undefined> {
    const tables = this.tables.get(sale)
    const order = tables?.orders.get(body)
    if (tables === undefined || order === undefined) return undefined
    if (order.status !== 'confirmed' || tables.row.rebuilding) return orderOf(order)
    const effects = noEffects()
    const ended = this.end(order, 'cancelled', effects)
    this.apply(effects)
    return orderOf(ended)
  }

  async recordPaymentSession(wanted: Omit<port.PaymentSession, 'status'>): Promise<port.PaymentSession> {
    const tables = this.tables.get(wanted.sale)
    const present = this.presentSession(wanted.sale, wanted.body)
    const order = tables?.orders.get(wanted.body)
    const started = decidePaymentStart(this.now(), tables?.row, order, present, wanted)
    if (started.recorded !== undefined) return sessionOf(started.recorded)
    if (this.sessionNamed(wanted.provider, wanted.session) !== undefined)
      throw new LedgerError('exists', `session ${wanted.session} of provider ${wanted.provider} is recorded already`)
    const session: SessionRow = { ...wanted, status: 'open', id: ++this.last_id, failures: 0, try_again_ms: 0 }
    this.payment_sessions.push(session)
    if (started.order !== undefined) this.apply({ ...noEffects(), changed: [started.order] })
    return sessionOf(session)
  }

  async paymentSession(sale: string, body: string): Promise<port.PaymentSession | undefined> {
    const session = this.presentSession(sale, body)
    return session && sessionOf(session)
  }

  async paymentSessionClosed(provider: string, session: string): Promise<void> {
    const row = this.sessionNamed(provider, session)
    if (row?.status === 'open') row.status = 'closed'
  }

  async applyPayment(event: port.PaymentEvent): Promise<port.PaymentOutcome> {
    const key = JSON.stringify([event.provider, event.event])
    if (this.events.has(key)) return 'seen_before'
    const session = this.sessionNamed(event.provider, event.session)
    if (session === undefined) return 'unknown_session'
    const tables = this.saleTables(session.sale)
    const order = tables.orders.get(session.body)
    if (order === undefined) throw new Error(`session ${session.session} has no order`)
    const decided = decidePayment(this.now(), event, session, order)
    this.events.add(key)
    if (decided.session !== undefined) Object.assign(session, decided.session, { failures: 0, try_again_ms: 0 })
    const { paid, late, refund } = decided
    this.apply({
      ...noEffects(),
      changed: paid ? [paid] : [],
      quiet: late ? [late] : [],
      refunds: refund ? [refund] : [],
    })
    if (paid !== undefined) for (const unit of paid.units) setUnit(tables, paid.sku, unit, { state: 'paid' })
    return decided.outcome
  }

  async lateSuccesses(limit: number): Promise<port.Order[]> {
    const late = this.allOrders().filter((order) => order.late && this.isLateDue(order))
    return late.sort(bySaleAndBody).slice(0, limit).map(orderOf)
  }

  async refundLate(sale: string, body: string): Promise<port.Order> {
    const order = this.tables.get(sale)?.orders.get(body)
    if (order === undefined) throw new LedgerError('not_found', `reservation ${body} of sale ${sale} is not known`)
    const decided = decideLateRefund(order, this.paidSession(sale, body))
    if (decided === undefined) return orderOf(order)
    this.apply({ ...noEffects(), changed: [decided.order], refunds: [decided.refund] })
    return orderOf(decided.order)
  }

  async pendingRefunds(limit: number): Promise<port.Refund[]> {
    const pending = this.refunds.filter((refund) => !refund.done && this.isDue(refund))
    pending.sort((a, b) => a.try_again_ms - b.try_again_ms || compareText(a.id, b.id))
    return pending.slice(0, limit).map(({ done: _, failures: __, try_again_ms: ___, ...refund }) => refund)
  }

  async refundDone(id: string): Promise<void> {
    for (const refund of this.refunds) if (refund.id === id) refund.done = true
  }

  async pendingStatuses(limit: number, except: string[] = []): Promise<port.StatusChange[]> {
    const changes: port.StatusChange[] = []
    for (const row of this.outbox) {
      if (changes.length >= limit) break
      if (!except.includes(String(row.id))) changes.push(...this.statusChanges(row))
    }
    return changes
  }

  async statusesPublished(ids: string[]): Promise<void> {
    const done = new Set(ids)
    this.outbox = this.outbox.filter((row) => !done.has(String(row.id)))
  }

  async pendingReturns(limit: number): Promise<port.PendingReturn[]> {
    const ready = this.returns.filter((row) => !this.saleTables(row.sale).row.rebuilding)
    return structuredClone(ready.slice(0, limit))
  }

  async returnsApplied(ids: string[]): Promise<void> {
    const done = new Set(ids)
    for (const { id, sale, sku, units } of this.returns) {
      if (!done.has(id)) continue
      const tables = this.saleTables(sale)
      for (const { unit, generation } of units) {
        const row = unitOf(tables, sku, unit)
        if (row?.state === 'returning' && row.generation === generation)
          setUnit(tables, sku, unit, { state: 'granted' })
      }
    }
    this.returns = this.returns.filter((row) => !done.has(row.id))
  }

  async beginRebuild(sale: string, owner: string, lease_ms: number): Promise<{ epoch: number } | undefined> {
    const { row } = this.saleTables(sale)
    const held = row.rebuild_owner !== '' && row.rebuild_owner !== owner
    if (held && this.now() < row.rebuild_until_ms) return undefined
    row.epoch++
    row.rebuilding = true
    row.rebuild_owner = owner
    row.rebuild_lease_ms = lease_ms
    row.rebuild_until_ms = this.now() + lease_ms
    row.version = ++this.version
    return { epoch: row.epoch }
  }

  async settleSurvivors(sale: string, owner: string, intents: port.Intent[]): Promise<{ settled: number }> {
    for (const intent of intents) checkIntent(intent)
    const tables = this.rebuiltBy(sale, owner)
    const of_sale = intents.filter((intent) => intent.sale === sale)
    const freeUnits = (sku: string) => (tables.units.get(sku) ?? []).filter((row) => isFree(row))
    const effects = noEffects()
    const unlocked = (intent: port.Intent) => this.placeOf(intent) && { ...tables.row, rebuilding: false }
    const settling = partition(of_sale, unlocked, effects).settling.get(sale) ?? []
    decideIntents({ ...this.facts(tables), freeUnits }, settling, effects)
    this.apply(effects)
    return { settled: of_sale.length }
  }

  async recountUnits(sale: string, owner: string): Promise<void> {
    const tables = this.rebuiltBy(sale, owner)
    const { row } = tables
    this.returns = this.returns.filter((pending) => pending.sale !== sale)
    row.recounted_epoch = row.epoch
    for (const sku of row.skus.values()) {
      if (sku.total === -1) continue
      for (const unit of tables.units.get(sku.sku) ?? []) {
        if (!isFree(unit)) continue
        unit.generation++
        unit.epoch = row.epoch
        unit.shard = (unit.unit - 1) % row.shards
        unit.state = 'granted'
      }
    }
  }

  async shardImage(sale: string, shard: number): Promise<port.ShardImage> {
    const tables = this.saleTables(sale)
    const orders = [...tables.orders.values()].filter((order) => order.shard === shard).sort(bySaleAndBody)
    const live = orders.filter((order) => order.status === 'confirmed' || order.status === 'paid')
    const unpaid = (sku: string) =>
      live.reduce((sum, order) => sum + (order.sku === sku && order.status === 'confirmed' ? order.quantity : 0), 0)
    const limited = [...tables.row.skus.values()].filter((sku) => sku.total !== -1)
    const buyers = [...tables.buyers.values()].filter((buyer) => buyer.units > 0 || buyer.expired_holds > 0)
    return {
      free: limited.map(({ sku }) => ({
        sku,
        units: (tables.units.get(sku) ?? [])
          .filter((row) => row.state === 'granted' && row.shard === shard)
          .map(({ unit, generation }) => ({ unit, generation })),
      })),
      orders: orders.map(orderOf),
      unpaid: [...tables.row.skus.keys()].map((sku) => ({ sku, units: unpaid(sku) })),
      buyers: buyers.sort(bySkuAndUser).map(({ sku, user, units, expired_holds }) => ({
        sku,
        user,
        units,
        expired_holds,
        bodies: live.filter((order) => order.sku === sku && order.user === user).map((order) => order.body),
      })),
      sessions: [...this.session_generations]
        .map(([user, generation]) => ({ user, generation }))
        .filter(({ generation }) => generation > 1)
        .sort((a, b) => compareText(a.user, b.user)),
    }
  }

  async finishRebuild(sale: string, owner: string, redis_replid: string): Promise<port.Sale> {
    const until_ms = this.saleTables(sale).row.rebuild_until_ms
    const { row } = this.rebuiltBy(sale, owner)
    if (row.recounted_epoch !== row.epoch) {
      // nothing happens at all, as in a transaction: the lease is not renewed either
      row.rebuild_until_ms = until_ms
      throw new LedgerError('conflict', `sale ${sale}: units are not counted again for epoch ${row.epoch}`)
    }
    row.rebuilding = false
    row.rebuild_owner = ''
    row.rebuild_until_ms = 0
    row.redis_replid = redis_replid
    if (row.state === 'draft') row.state = 'ready'
    row.version = ++this.version
    return structuredClone(saleOf(row))
  }

  async order(sale: string, body: string): Promise<port.Order | undefined> {
    const order = this.tables.get(sale)?.orders.get(body)
    return order && orderOf(order)
  }

  async orders(sale: string, after: string, limit: number): Promise<port.Order[]> {
    const orders = [...this.saleTables(sale).orders.values()].filter((order) => compareText(order.body, after) > 0)
    return orders.sort(bySaleAndBody).slice(0, limit).map(orderOf)
  }

  async ordersOfUser(sale: string, user: string, limit: number): Promise<port.Order[]> {
    const orders = [...(this.tables.get(sale)?.orders.values() ?? [])].filter((order) => order.user === user)
    return keptOfUser(orders, limit).map(orderOf)
  }

  async terms(sale: string): Promise<port.Terms[]> {
    const tables = this.saleTables(sale)
    return [...tables.row.skus.values()].map(({ sku, total }) => {
      const units = tables.units.get(sku) ?? []
      const count = (state: string) => units.filter((unit) => unit.state === state).length
      const granted = units.length - count('unlent')
      const [returning, moving] = [count('returning'), count('moving')]
      return { sku, total, granted, returning, moving, confirmed: count('confirmed'), paid: count('paid') }
    })
  }

  async knows(sale: string, bodies: string[]): Promise<string[]> {
    return bodies.filter((body) => this.tables.get(sale)?.orders.has(body))
  }
}
