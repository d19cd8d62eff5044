// The tables of the ledger in memory, and how decisions read and change them.
import type { DegradeByHand } from '../../../contract/degradation'
import { decideEnd } from './decide-end'
import { putOff } from './decide-payment'
import { announcements, changesInOrder, type Effects, type Facts } from './effects'
import { MemoryPins } from './pins'
import { type DeadIntent, LedgerError, type PendingReturn, type Refund, type StatusChange } from './port'
import { type BuyerRow, compareText, type OrderRow, orderOf, type SaleRow, type SessionRow, type UnitRow } from './rows'

export interface MemoryLedgerOptions {
  clock: () => number
  random?: (bytes: number) => Buffer
}

export interface SaleTables {
  row: SaleRow
  units: Map<string, UnitRow[]>
  orders: Map<string, OrderRow>
  buyers: Map<string, BuyerRow>
  last_orders: number[]
}

export class MemoryTables {
  readonly pins = new MemoryPins()
  protected readonly tables = new Map<string, SaleTables>()
  protected readonly session_generations = new Map<string, number>()
  protected readonly payment_sessions: SessionRow[] = []
  protected readonly events = new Set<string>()
  protected refunds: (Refund & { done: boolean; failures: number; try_again_ms: number })[] = []
  protected outbox: { id: number; sale: string; bodies: string[] }[] = []
  protected returns: PendingReturn[] = []
  protected readonly dead: DeadIntent[] = []
  protected version = 0
  protected degrade: DegradeByHand = { level: 0, pinned: false }
  protected last_id = 0

  constructor(protected readonly options: MemoryLedgerOptions) {}

  protected saleTables(id: string): SaleTables {
    const tables = this.tables.get(id)
    if (tables === undefined) throw new LedgerError('not_found', `sale ${id} is not known`)
    return tables
  }

  protected placeOf({ sale, shard }: { sale: string; shard: number }): SaleRow | undefined {
    const row = this.tables.get(sale)?.row
    return row !== undefined && shard >= 0 && shard < row.shards ? row : undefined
  }

  protected rebuiltBy(sale: string, owner: string): SaleTables {
    const tables = this.saleTables(sale)
    if (tables.row.rebuild_owner !== owner)
      throw new LedgerError('conflict', `sale ${sale} is not being rebuilt by ${owner}`)
    tables.row.rebuild_until_ms = this.options.clock() + tables.row.rebuild_lease_ms
    return tables
  }

  protected makeUnits(tables: SaleTables): void {
    for (const { sku, total } of tables.row.skus.values()) {
      const units = tables.units.get(sku) ?? []
      tables.units.set(sku, units)
      for (let unit = units.length + 1; unit <= total; unit++) {
        const blank = { generation: 0, epoch: 0, shard: 0, state: 'unlent', reservation: '' } as const
        units.push({ sale: tables.row.id, sku, unit, ...blank })
      }
    }
  }

  protected facts(tables: SaleTables): Facts {
    const { row, orders, buyers, last_orders } = tables
    const numbered = [...last_orders]
    return {
      now: this.options.clock(),
      sale: row,
      order: (body) => orders.get(body),
      claimable: (sku, unit, generation) => {
        const found = unitOf(tables, sku, unit)
        return found?.generation === generation && (found.state === 'granted' || found.state === 'returning')
      },
      buyerUnits: (sku, user) => buyers.get(sku + ':' + user)?.units ?? 0,
      buyerUnitsInSale: (user) => {
        let sum = 0
        for (const sku of row.skus.keys()) sum += buyers.get(sku + ':' + user)?.units ?? 0
        return sum
      },
      paidSession: (body) => this.paidSession(row.id, body),
      nextOrder: (shard) => {
        const number = (numbered[shard] ?? 0) + 1
        numbered[shard] = number
        return `${row.id}-${shard}-${number}`
      },
    }
  }

  /** Answers what it has put into the outbox. */
  protected apply(effects: Effects): StatusChange[] {
    for (const { sale, sku, unit, from_generation: _, ...rest } of effects.unit_changes) {
      setUnit(this.saleTables(sale), sku, unit, rest)
    }
    for (const { sale, sku, unit, body, ...rest } of effects.mints) {
      const tables = this.saleTables(sale)
      tables.units.get(sku)?.push({ sale, sku, unit, generation: 1, reservation: body, ...rest })
      const row = tables.row.skus.get(sku)
      if (row !== undefined) row.minted = unit
    }
    for (const order of effects.inserted) {
      const tables = this.saleTables(order.sale)
      tables.orders.set(order.body, order)
      if (order.order !== '')
        tables.last_orders[order.shard] = Number(order.order.slice(order.order.lastIndexOf('-') + 1))
    }
    for (const refund of effects.refunds) this.queueRefund(refund)
    for (const { order } of changesInOrder(effects)) this.saleTables(order.sale).orders.set(order.body, order)
    for (const { sale, sku, user, units, expired_holds } of effects.buyer_changes) {
      const { buyers } = this.saleTables(sale)
      const key = sku + ':' + user
      const row = buyers.get(key) ?? { sale, sku, user, units: 0, expired_holds: 0 }
      row.units += units
      row.expired_holds += expired_holds
      buyers.set(key, row)
    }
    for (const row of effects.returns) this.returns.push({ id: String(++this.last_id), ...row })
    const announced = announcements(effects).map((each) => ({ id: ++this.last_id, ...each }))
    this.outbox.push(...announced)
    for (const { intent, reason } of effects.dead) {
      this.dead.push({ intent: structuredClone(intent), reason, at_ms: this.options.clock() })
    }
    return announced.flatMap((each) => this.statusChanges(each))
  }

  protected statusChanges({ id, sale, bodies }: { id: number; sale: string; bodies: string[] }): StatusChange[] {
    return bodies.map((body) => {
      const order = orderOf(this.saleTables(sale).orders.get(body) as OrderRow)
      return { id: String(id), sale, shard: order.shard, order }
    })
  }

  protected end(order: OrderRow, status: 'expired' | 'cancelled', effects: Effects): OrderRow {
    const tables = this.saleTables(order.sale)
    const unit = (sku: string, number: number) => unitOf(tables, sku, number)
    return decideEnd(tables.row, order, status, this.options.clock(), unit, effects)
  }

  protected allOrders(): OrderRow[] {
    return [...this.tables.values()].flatMap(({ orders }) => [...orders.values()])
  }

  protected dueOrders(): OrderRow[] {
    const now = this.options.clock()
    const due = this.allOrders().filter((order) => order.status === 'confirmed' && order.pay_by_ms <= now)
    return due.sort((a, b) => a.pay_by_ms - b.pay_by_ms || bySaleAndBody(a, b))
  }

  protected presentSession(sale: string, body: string): SessionRow | undefined {
    return this.payment_sessions.findLast((row) => row.sale === sale && row.body === body)
  }

  protected openSession(sale: string, body: string): SessionRow | undefined {
    return this.payment_sessions.find((row) => row.sale === sale && row.body === body && row.status === 'open')
  }

  protected paidSession(sale: string, body: string): SessionRow | undefined {
    return this.payment_sessions.find((row) => row.sale === sale && row.body === body && row.status === 'paid')
  }

  protected sessionNamed(provider: string, session: string): SessionRow | undefined {
    return this.payment_sessions.find((row) => row.provider === provider && row.session === session)
  }

  protected queueRefund(refund: Refund): void {
    if (!this.refunds.some((row) => row.id === refund.id)) {
      this.refunds.push({ ...refund, done: false, failures: 0, try_again_ms: 0 })
    }
  }

  async putOffPayment(sale: string, body: string): Promise<void> {
    for (const row of this.payment_sessions) {
      if (row.sale === sale && row.body === body && row.status !== 'closed') putOff(row, this.options.clock())
    }
  }

  async putOffRefund(id: string): Promise<void> {
    for (const row of this.refunds) if (row.id === id) putOff(row, this.options.clock())
  }

  protected isLateDue({ sale, body }: OrderRow): boolean {
    const paid = this.payment_sessions.filter((row) => row.sale === sale && row.body === body && row.status === 'paid')
    return paid.every((row) => this.isDue(row))
  }

  protected isDue({ try_again_ms }: { try_again_ms: number }): boolean {
    return try_again_ms <= this.options.clock()
  }
}

export function unitOf(tables: SaleTables, sku: string, unit: number): UnitRow | undefined {
  return tables.units.get(sku)?.[unit - 1]
}

export function setUnit(tables: SaleTables, sku: string, unit: number, change: Partial<UnitRow>): void {
  const row = unitOf(tables, sku, unit)
  if (row === undefined) throw new Error(`unit ${unit} of SKU ${sku} is not in the ledger`)
  Object.assign(row, change)
}

export function isFree(unit: UnitRow): boolean {
  return unit.state !== 'confirmed' && unit.state !== 'paid'
}

export function bySaleAndBody(a: OrderRow, b: OrderRow): number {
  return compareText(a.sale, b.sale) || compareText(a.body, b.body)
}

export function bySkuAndUser(a: BuyerRow, b: BuyerRow): number {
  return compareText(a.sku, b.sku) || compareText(a.user, b.user)
}
