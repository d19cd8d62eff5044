// Random histories of a ledger's whole life, and a small Redis beside it, so that what is asked for makes sense most of the time.
//
// A step is drawn once and carried out on every ledger; `Histories` compares what they answer. Decisions of the model (which unit is
// taken, which intent is delivered again) come from the step's own numbers, so that a failing history repeats and shrinks.
import fc from 'fast-check'
import type { Intent, NewSale, Order, PendingReturn, ShardImage, UnitGeneration } from '../src/ledger/port'

export const SALES = ['apple', 'pear']
export const SKUS = ['red', 'green', 'free']
export const USERS = ['ann', 'bob', 'čen "\\" ,{}', 'dee|:']
export const OWNERS = ['owner-1', 'owner-2']

export type Step =
  | { do: 'create'; sale: number; totals: number; sale_user_max: number }
  | { do: 'change'; sale: number; what: number; value: number }
  | { do: 'state'; sale: number; state: number }
  | { do: 'load'; sale: number }
  | { do: 'begin'; sale: number; owner: number }
  | { do: 'survivors'; sale: number; owner: number }
  | { do: 'recount'; sale: number; owner: number }
  | { do: 'finish'; sale: number; owner: number }
  | { do: 'reserve'; sale: number; user: number; sku: number; quantity: number }
  /** the answer to a hold is lost, Redis is loaded anew without its intent having been seen, and the shopper repeats the key */
  | { do: 'hold_again'; sale: number; which: number }
  | { do: 'odd'; sale: number; user: number; sku: number; kind: number; unit: number }
  | { do: 'settle'; count: number; again: number; reverse: boolean }
  | { do: 'roll_back'; sale: number }
  | { do: 'bury' }
  | { do: 'tombstone'; sale: number; user: number; which: number; cancelled: boolean; known: boolean }
  | { do: 'clock'; by: number }
  | { do: 'expire'; limit: number; name_sessions: boolean }
  | { do: 'cancel'; sale: number; which: number }
  | { do: 'start_payment'; sale: number; which: number; wrong: boolean }
  | { do: 'close_session'; which: number }
  | { do: 'pay'; which: number; kind: number; again: boolean }
  /** a success for an order that has just run out */
  | { do: 'pay_late'; which: number }
  | { do: 'late'; limit: number; refund: boolean }
  | { do: 'refund_done' }
  | { do: 'put_off'; sale: number; which: number }
  | { do: 'apply_returns'; count: number; strike: boolean }
  | { do: 'publish'; count: number }
  | { do: 'sessions'; users: number[] }

const sale = fc.constantFrom(0, 0, 0, 1)
const user = fc.nat(USERS.length - 1)
const sku = fc.constantFrom(0, 0, 1, 2)
const which = fc.nat(30)

/** Weighted so that most of a history is buying, paying and expiring in a loaded sale. */
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('create' as const), sale, totals: fc.nat(3), sale_user_max: fc.nat(3) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('change' as const), sale, what: fc.nat(7), value: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('state' as const), sale, state: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('load' as const), sale }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('begin' as const), sale, owner: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('survivors' as const), sale, owner: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('recount' as const), sale, owner: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('finish' as const), sale, owner: fc.nat(1) }) },
  {
    weight: 25,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      sale,
      user,
      sku,
      quantity: fc.constantFrom(1, 1, 2, 3),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('hold_again' as const), sale, which }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('odd' as const),
      sale,
      user,
      sku,
      kind: fc.nat(9),
      unit: fc.integer({ min: 1, max: 7 }),
    }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      count: fc.integer({ min: 1, max: 6 }),
      again: fc.constantFrom(0, 0, 1, 2),
      reverse: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('roll_back' as const), sale }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('bury' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('tombstone' as const),
      sale,
      user,
      which,
      cancelled: fc.boolean(),
      known: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('clock' as const), by: fc.constantFrom(1, 10, 60, 120) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('expire' as const),
      limit: fc.integer({ min: 1, max: 4 }),
      name_sessions: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('cancel' as const), sale, which }) },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant('start_payment' as const),
      sale,
      which,
      wrong: fc.constantFrom(false, false, false, true),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close_session' as const), which }) },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant('pay' as const),
      which,
      kind: fc.constantFrom(0, 0, 0, 0, 1, 2, 3),
      again: fc.constantFrom(false, false, false, true),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('pay_late' as const), which }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('late' as const),
      limit: fc.integer({ min: 1, max: 2 }),
      refund: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refund_done' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('put_off' as const), sale, which }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('apply_returns' as const),
      count: fc.integer({ min: 1, max: 3 }),
      strike: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('sessions' as const), users: fc.array(user, { maxLength: 3 }) }),
  },
)

/** Every history starts with a loaded sale: most of what is interesting needs one. */
export const history: fc.Arbitrary<Step[]> = fc
  .tuple(fc.nat(3), fc.nat(3), fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }))
  .map(([totals, sale_user_max, steps]): Step[] => [
    { do: 'create', sale: 0, totals, sale_user_max },
    { do: 'load', sale: 0 },
    ...steps,
  ])

export function newSale(step: { sale: number; totals: number; sale_user_max: number }): NewSale {
  const price = { amount_minor: 250, currency: 'EUR' }
  return {
    id: SALES[step.sale] as string,
    title: 'Fruit',
    opens_ms: 1_000,
    closes_ms: 100_000,
    skus: [
      { sku: 'red', title: 'Red', price, total: 2 + step.totals, user_max: 2 },
      { sku: 'green', title: 'Green', price, total: step.totals, user_max: 0 },
      { sku: 'free', title: 'No end of it', price, total: -1, user_max: 3 },
    ],
    hold_ms: 100,
    payment_extension_ms: 50,
    sale_user_max: step.sale_user_max === 0 ? 0 : step.sale_user_max + 1,
    hold_attempts_max: 2,
    left_shown: 'exact',
    gate: { tickets: { b: 1, a: [2] } },
  }
}

/** What a shard of Redis holds of one sale, kept by the scripts' rules. */
export class FakeShard {
  epoch = 0
  free = new Map<string, UnitGeneration[]>()
  /** units by "sku user" */
  readonly counts = new Map<string, number>()
  readonly unpaid = new Map<string, number>()
  private readonly records = new Map<string, { version: number; status: string }>()
  private readonly returned = new Set<string>()

  load(epoch: number, image: ShardImage): void {
    this.epoch = epoch
    this.free = new Map(image.free.map(({ sku, units }) => [sku, [...units]]))
    this.returned.clear()
    this.records.clear()
    for (const { body, version, status } of image.orders) this.records.set(body, { version, status })
    this.counts.clear()
    for (const { sku, user, units } of image.buyers) add(this.counts, `${sku} ${user}`, units)
    this.unpaid.clear()
    for (const { sku, units } of image.unpaid) add(this.unpaid, sku, units)
  }

  knows(body: string): boolean {
    return this.records.has(body)
  }

  /** reserve and take alike; undefined when there are not enough units */
  take(
    { sku, user, body }: { sku: string; user: string; body: string },
    quantity: number,
  ): UnitGeneration[] | undefined {
    const free = this.free.get(sku) ?? []
    if (sku !== 'free' && free.length < quantity) return undefined
    add(this.counts, `${sku} ${user}`, quantity)
    add(this.unpaid, sku, quantity)
    if (!this.records.has(body)) this.records.set(body, { version: 0, status: 'held' })
    return sku === 'free' ? [] : free.splice(0, quantity)
  }

  /** Each return once, and only of this epoch. */
  giveBack(pending: PendingReturn): void {
    if (pending.epoch !== this.epoch || this.returned.has(pending.id)) return
    this.returned.add(pending.id)
    this.free.get(pending.sku)?.push(...pending.units)
    add(this.counts, `${pending.sku} ${pending.user}`, -pending.quantity)
    add(this.unpaid, pending.sku, -pending.quantity)
  }

  publish({ body, version, status, sku, quantity }: Order): void {
    const before = this.records.get(body)
    if (before !== undefined && before.version >= version) return
    this.records.set(body, { version, status })
    if (status === 'paid' && before !== undefined && before.status !== 'paid') add(this.unpaid, sku, -quantity)
  }

  copy(): Map<string, UnitGeneration[]> {
    return new Map([...this.free].map(([sku, units]) => [sku, [...units]]))
  }
}

function add(counts: Map<string, number>, key: string, change: number): void {
  const sum = (counts.get(key) ?? 0) + change
  if (sum === 0) counts.delete(key)
  else counts.set(key, sum)
}

export interface StreamItem {
  intent: Intent
  acknowledged: boolean
}
