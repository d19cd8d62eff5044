// What a batch of intents, or the end of an order, does to the ledger: pure decisions, shared by both implementations.
//
// A decision reads rows through `Facts` and returns `Effects`; the caller applies all effects in the same transaction
// under the shard's lock. Rules and reasons: docs of the port, and the comments at each refusal below.
import { decideLateRefund } from './decide-payment'
import type { Effects, Facts } from './effects'
import { blankOrder, priceOf } from './new-orders'
import type { Intent } from './port'
import type { NewReturn, OrderRow, SaleRow, SkuRow, UnitRow } from './rows'

/**
 * Which intents can be decided now, by sale; those of a sale being rebuilt have to wait; those of a shard that there is not are dead.
 * `row` is undefined for an unknown sale or shard.
 */
export function partition(
  intents: Intent[],
  row: (intent: Intent) => SaleRow | undefined,
  effects: Effects,
): { settling: Map<string, Intent[]>; deferred: Intent[] } {
  const settling = new Map<string, Intent[]>()
  const deferred: Intent[] = []
  for (const intent of intents) {
    const sale = row(intent)
    const of_sale = settling.get(intent.sale)
    if (sale === undefined) effects.dead.push({ intent, reason: 'unknown_shard' })
    else if (sale.rebuilding) deferred.push(intent)
    else if (of_sale === undefined) settling.set(intent.sale, [intent])
    else of_sale.push(intent)
  }
  return { settling, deferred }
}

/** Decides intents of one sale in order. `effects` may already hold those of other sales. */
export function decideIntents(facts: Facts, intents: Intent[], effects: Effects): void {
  const batch = new Batch(facts, effects)
  if (facts.freeUnits === undefined) {
    for (const intent of intents) batch.settle(intent)
    return
  }
  // Survivors whose units are all still where they say come first, so that nobody is given one of them in place of another.
  const moved_on: Intent[] = []
  for (const intent of intents) {
    if (batch.namesOwnUnits(intent)) batch.settle(intent)
    else moved_on.push(intent)
  }
  for (const intent of moved_on) batch.settle(intent)
}

/** A failing intent that stands alone: void, its units given back, itself kept for inspection. */
export function decideBurial(facts: Facts, intent: Intent, reason: string, effects: Effects): void {
  const batch = new Batch(facts, effects)
  batch.bury(intent, reason)
  effects.dead.push({ intent, reason })
}

/** One sale's part of a batch, with what earlier intents of the batch have changed on top of the facts. */
class Batch {
  private readonly orders = new Map<string, OrderRow>()
  /** units taken or given back by this batch */
  private readonly touched = new Set<string>()
  private readonly minted = new Map<string, number>()
  private readonly free = new Map<string, UnitRow[]>()
  private readonly buyers = new Map<string, number>()
  private readonly buyers_in_sale = new Map<string, number>()

  constructor(
    private readonly facts: Facts,
    private readonly effects: Effects,
  ) {}

  private get survivors(): boolean {
    return this.facts.freeUnits !== undefined
  }

  private known(intent: Intent): OrderRow | undefined {
    return this.orders.get(intent.body) ?? this.facts.order(intent.body)
  }

  namesOwnUnits(intent: Intent): boolean {
    return intent.units.every(({ unit, generation }) => this.claimable(intent.sku, unit, generation))
  }

  settle(intent: Intent): void {
    const order = this.known(intent)
    if (intent.kind === 'late') this.settleLate(intent, order)
    else if (order === undefined) this.settleNew(intent)
    else this.meetKnown(intent, order)
  }

  bury(intent: Intent, reason: string): void {
    const order = this.known(intent)
    if (intent.kind === 'late') this.refuseLate(intent, order)
    else if (order === undefined) this.refuse(intent, reason)
    else this.meetKnown(intent, order)
  }

  private settleNew(intent: Intent): void {
    const sale = this.facts.sale
    const reason = this.refusal(intent)
    const sku = sale.skus.get(intent.sku)
    const taken = reason === '' && sku !== undefined ? this.take(intent, sku) : undefined
    if (sku === undefined || taken === undefined) {
      this.refuse(intent, reason === '' ? 'unit_moved_on' : reason)
      return
    }
    this.claim(intent, sku, taken, 'confirmed')
    this.insert({
      ...blankOrder(sale, intent),
      order: this.facts.nextOrder(intent.shard),
      units: taken.map((row) => row.unit),
      status: 'confirmed',
      confirmed_ms: this.facts.now,
      pay_by_ms: this.facts.now + sale.hold_ms,
    })
  }

  /** '' when the intent may have its units, judged as of its own time and price version. */
  private refusal(intent: Intent): string {
    const sale = this.facts.sale
    // After the barrier of its epoch's rebuild: its units belong to a newer generation already.
    if (!this.survivors && intent.epoch !== sale.epoch) return 'older_epoch'
    const sku = sale.skus.get(intent.sku)
    if (sku === undefined) return 'unknown_sku'
    const terms = sku.prices.get(intent.price_version)
    if (terms === undefined) return 'unknown_price_version'
    if (!(intent.quantity >= 1)) return 'bad_quantity'
    if (intent.reserved_ms < sale.opens_ms_earliest) return 'not_open'
    if (intent.reserved_ms >= sale.closes_ms_latest) return 'ended'
    const units = this.buyerUnits(intent.sku, intent.user)
    if (terms.user_max > 0 && units + intent.quantity > terms.user_max) return 'limit_reached'
    const in_sale = this.buyerUnitsInSale(intent.user)
    if (sale.sale_user_max_widest > 0 && in_sale + intent.quantity > sale.sale_user_max_widest) return 'limit_reached'
    return ''
  }

  /** Void, with whatever of its units are still its own given back. */
  private refuse(intent: Intent, reason: string): void {
    this.insert({ ...blankOrder(this.facts.sale, intent), status: 'void', reason })
    this.giveBack(intent, intent.quantity)
  }

  /**
   * An order that has met an intent mostly meets the same again, whose units are with an order or under a newer generation. Units that
   * are still the intent's own were held a second time, after Redis had forgotten the first.
   */
  private meetKnown(intent: Intent, order: OrderRow): void {
    if (!order.intent_met) this.meetTombstone(intent, order)
    else if (this.facts.sale.skus.get(intent.sku)?.total === -1) this.meetUnlimited(intent, order)
    else this.giveBackClaimable(intent)
  }

  /**
   * No units tell a second hold of an unlimited SKU from the first delivered again, but its time does, which the order then takes over.
   * Redis has counted it once in its epoch, where its record stays. An order with units was never forgotten.
   */
  private meetUnlimited(intent: Intent, order: OrderRow): void {
    if (order.units.length > 0 || intent.reserved_ms <= order.reserved_ms) return
    if (this.survivors || intent.epoch !== this.facts.sale.epoch) return
    const met: OrderRow = { ...order, reserved_ms: intent.reserved_ms }
    this.orders.set(order.body, met)
    this.effects.quiet.push(met)
    this.giveBack(intent, intent.quantity)
  }

  /** Nothing of an intent that has been here before: it has no units left. */
  private giveBackClaimable(intent: Intent): void {
    const some = intent.units.some(({ unit, generation }) => this.claimable(intent.sku, unit, generation))
    if (some) this.giveBack(intent, intent.quantity)
  }

  /** Cancelled or declared void before its intent came: the intent gives its units back; what it spent stays spent. */
  private meetTombstone(intent: Intent, order: OrderRow): void {
    const met: OrderRow = {
      ...order,
      intent_met: true,
      sku: intent.sku,
      quantity: intent.quantity,
      price: priceOf(this.facts.sale, intent),
      price_version: intent.price_version,
      reserved_ms: intent.reserved_ms,
      spends: intent.spends,
      version: order.version + 1,
    }
    this.change(met)
    this.giveBack(intent, intent.quantity)
  }

  /** Units taken for a payment that came after expiry; in a rebuild any free ones will do. */
  private settleLate(intent: Intent, order: OrderRow | undefined): void {
    const sale = this.facts.sale
    const sku = sale.skus.get(intent.sku)
    if (order?.late_met === lateName(intent)) return
    const current = this.survivors || intent.epoch === sale.epoch
    const taken = current && sku !== undefined && isWaitingFor(intent, order) ? this.take(intent, sku) : undefined
    if (order === undefined || sku === undefined || taken === undefined) {
      this.refuseLate(intent, order)
      return
    }
    this.claim(intent, sku, taken, 'paid')
    this.change({
      ...order,
      units: taken.map((row) => row.unit),
      status: 'paid',
      late: false,
      late_met: lateName(intent),
      paid_ms: this.facts.now,
      version: order.version + 1,
    })
  }

  /**
   * The take script has counted the units as unpaid and as the buyer's, so a return lowers both. It takes once an epoch, so an
   * order that still waits is refunded; after an epoch's end the script takes again.
   */
  private refuseLate(intent: Intent, order: OrderRow | undefined): void {
    if (this.survivors || intent.epoch !== this.facts.sale.epoch) return
    if (order === undefined) {
      this.giveBackClaimable(intent)
      return
    }
    this.giveBack(intent, intent.quantity)
    const met: OrderRow = { ...order, late_met: lateName(intent) }
    const refunded = isWaitingFor(intent, order) ? decideLateRefund(met, this.facts.paidSession(order.body)) : undefined
    if (refunded === undefined) {
      this.orders.set(order.body, met)
      this.effects.quiet.push(met)
      return
    }
    this.effects.refunds.push(refunded.refund)
    this.change(refunded.order)
  }

  /** The units an intent gets: all those it names, for a survivor any free one in place of one that has moved on. */
  private take(intent: Intent, sku: SkuRow): { unit: number; generation: number }[] | undefined {
    if (sku.total === -1) {
      const minted = this.minted.get(sku.sku) ?? sku.minted
      return Array.from({ length: intent.quantity }, (_, i) => ({ unit: minted + i + 1, generation: 1 }))
    }
    const taken: { unit: number; generation: number }[] = []
    for (const { unit, generation } of intent.units) {
      const twice = taken.some((row) => row.unit === unit)
      if (!twice && this.claimable(intent.sku, unit, generation)) taken.push({ unit, generation })
    }
    if (this.survivors) {
      const used = new Set(taken.map((row) => row.unit))
      for (const row of this.freeUnits(intent.sku)) {
        if (taken.length >= intent.quantity) break
        const key = unitKey(intent.sku, row.unit)
        if (this.touched.has(key) || used.has(row.unit)) continue
        taken.push({ unit: row.unit, generation: row.generation })
      }
    }
    const exact = this.survivors || intent.units.length === intent.quantity
    return exact && taken.length === intent.quantity ? taken : undefined
  }

  private claim(
    intent: Intent,
    sku: SkuRow,
    taken: { unit: number; generation: number }[],
    state: 'confirmed' | 'paid',
  ): void {
    const sale = this.facts.sale
    for (const { unit, generation } of taken) {
      this.touched.add(unitKey(intent.sku, unit))
      if (sku.total === -1) {
        this.minted.set(sku.sku, unit)
        this.effects.mints.push({
          sale: sale.id,
          sku: intent.sku,
          unit,
          epoch: sale.epoch,
          shard: intent.shard,
          state,
          body: intent.body,
        })
        continue
      }
      this.effects.unit_changes.push({
        sale: sale.id,
        sku: intent.sku,
        unit,
        from_generation: generation,
        generation,
        epoch: sale.epoch,
        shard: intent.shard,
        state,
        reservation: intent.body,
      })
    }
    this.count(intent.sku, intent.user, intent.quantity)
  }

  /**
   * Units that are still the intent's go back under a new generation; `quantity` lowers the buyer's count in Redis.
   * Not for another epoch, and not in a rebuild: there Redis is loaded anew from the ledger, which never counted it.
   */
  private giveBack(intent: Intent, quantity: number): void {
    const sale = this.facts.sale
    if (this.survivors || intent.epoch !== sale.epoch) return
    const units: NewReturn['units'] = []
    for (const { unit, generation } of intent.units) {
      if (!this.claimable(intent.sku, unit, generation)) continue
      this.touched.add(unitKey(intent.sku, unit))
      units.push({ unit, generation: generation + 1 })
      this.effects.unit_changes.push({
        sale: sale.id,
        sku: intent.sku,
        unit,
        from_generation: generation,
        generation: generation + 1,
        epoch: sale.epoch,
        shard: intent.shard,
        state: 'returning',
        reservation: '',
      })
    }
    if (quantity === 0 && units.length === 0) return
    this.effects.returns.push({
      sale: sale.id,
      shard: intent.shard,
      epoch: sale.epoch,
      sku: intent.sku,
      body: intent.body,
      user: intent.user,
      quantity,
      units,
      expired: false,
    })
  }

  private claimable(sku: string, unit: number, generation: number): boolean {
    if (this.touched.has(unitKey(sku, unit))) return false
    return this.facts.claimable(sku, unit, generation)
  }

  private freeUnits(sku: string): UnitRow[] {
    let rows = this.free.get(sku)
    if (rows === undefined) {
      rows = this.facts.freeUnits?.(sku) ?? []
      this.free.set(sku, rows)
    }
    return rows
  }

  private buyerUnits(sku: string, user: string): number {
    return this.facts.buyerUnits(sku, user) + (this.buyers.get(sku + ':' + user) ?? 0)
  }

  private buyerUnitsInSale(user: string): number {
    return this.facts.buyerUnitsInSale(user) + (this.buyers_in_sale.get(user) ?? 0)
  }

  private count(sku: string, user: string, units: number): void {
    this.buyers.set(sku + ':' + user, (this.buyers.get(sku + ':' + user) ?? 0) + units)
    this.buyers_in_sale.set(user, (this.buyers_in_sale.get(user) ?? 0) + units)
    this.effects.buyer_changes.push({ sale: this.facts.sale.id, sku, user, units, expired_holds: 0 })
  }

  private insert(order: OrderRow): void {
    this.orders.set(order.body, order)
    this.effects.inserted.push(order)
  }

  private change(order: OrderRow): void {
    this.orders.set(order.body, order)
    this.effects.changed.push(order)
  }
}

/** One take of one shard: the take script takes once an epoch. */
function lateName(intent: Intent): string {
  return `${intent.epoch}.${intent.shard}.${intent.reserved_ms}`
}

function isWaitingFor(intent: Intent, order: OrderRow | undefined): boolean {
  if (order?.status !== 'expired' || !order.late) return false
  return order.sku === intent.sku && order.quantity === intent.quantity && order.user === intent.user
}

function unitKey(sku: string, unit: number): string {
  return sku + ':' + unit
}
