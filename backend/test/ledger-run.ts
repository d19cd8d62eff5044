// Carries a history out on several ledgers at once and compares every answer; see ledger-history.ts.
// long because each kind of step is carried out here.
import { expect } from 'vitest'
import { type Intent, type Ledger, LedgerError, type PaymentSession, type PendingReturn } from '../src/ledger/port'
import { FakeShard, newSale, OWNERS, SALES, SKUS, type Step, type StreamItem, USERS } from './ledger-history'
import { brokenInvariants } from './ledger-invariants'

const ALL = 1_000_000

export interface Clock {
  now: number
}

export class Run {
  private readonly shards = new Map(SALES.map((sale) => [sale, new FakeShard()]))
  /** free lists as they were at an earlier moment: what a rolled-back Redis has */
  private readonly earlier = new Map<string, ReturnType<FakeShard['copy']>>()
  private readonly stream: StreamItem[] = []
  private readonly sessions: PaymentSession[] = []
  private readonly events: { session: number; kind: number; event: string }[] = []
  private last_key = 0
  /** since its last load nothing happened to a sale's Redis that loses or invents units */
  private readonly intact = new Set<string>()
  /** what the history came upon: steps, statuses, reasons, outcomes, refusals */
  readonly seen = new Set<string>()

  constructor(
    private readonly ledgers: Ledger[],
    private readonly clock: Clock,
  ) {}

  async step(step: Step): Promise<void> {
    this.seen.add(step.do)
    switch (step.do) {
      case 'create':
        return void (await this.all((ledger) => ledger.createSale(newSale(step))))
      case 'change':
        return void (await this.all((ledger) => ledger.changeSale(saleOf(step), change(step.what, step.value))))
      case 'state': {
        const state = (['draft', 'ready', 'paused', 'ended'] as const)[step.state] ?? 'ready'
        // An ended sale would end the history: seldom is enough.
        if (state === 'ended' && this.clock.now % 3 !== 0) return
        return void (await this.all((ledger) => ledger.setSaleState(saleOf(step), state)))
      }
      case 'load':
        return this.load(saleOf(step))
      case 'begin':
        return void (await this.all((ledger) => ledger.beginRebuild(saleOf(step), ownerOf(step), 70)))
      case 'survivors':
        return this.survivors(saleOf(step), ownerOf(step))
      case 'recount':
        return void (await this.all((ledger) => ledger.recountUnits(saleOf(step), ownerOf(step))))
      case 'finish':
        return this.finish(saleOf(step), ownerOf(step))
      case 'reserve':
        return this.reserve(step)
      case 'hold_again':
        return this.holdAgain(step)
      case 'odd':
        return this.odd(step)
      case 'settle':
        return this.settle(step)
      case 'roll_back':
        return this.rollBack(saleOf(step))
      case 'bury':
        return this.bury()
      case 'tombstone': {
        const item = this.stream[step.which % Math.max(this.stream.length, 1)]
        const sale = saleOf(step)
        const of_stream = step.known && item !== undefined
        const reservation = of_stream
          ? { sale: item.intent.sale, shard: 0, body: item.intent.body, user: item.intent.user }
          : { sale, shard: 0, body: bodyOf(900 + step.which), user: userOf(step) }
        return void (await this.all((ledger) => ledger.tombstone(reservation, step.cancelled ? 'cancelled' : 'void')))
      }
      case 'clock':
        this.clock.now += step.by
        return
      case 'expire': {
        const due = await this.all((ledger) => ledger.dueWithOpenSession(ALL))
        const names = step.name_sessions && Array.isArray(due) ? due.map(({ session }) => session) : []
        return void (await this.all((ledger) => ledger.expireDue(step.limit, names)))
      }
      case 'cancel':
        return void (await this.all((ledger) => ledger.cancel(saleOf(step), this.someBody(step.which))))
      case 'start_payment':
        return this.startPayment(step)
      case 'close_session': {
        const session = this.sessions[step.which % Math.max(this.sessions.length, 1)]
        return void (await this.all((ledger) => ledger.paymentSessionClosed('sandbox', session?.session ?? 'none')))
      }
      case 'pay':
        return this.pay(step)
      case 'pay_late':
        return this.payLate(step.which)
      case 'late':
        return this.late(step)
      case 'refund_done':
        return this.refundDone()
      case 'put_off':
        return this.putOff(step)
      case 'apply_returns':
        return this.applyReturns(step.count, step.strike)
      case 'publish':
        return this.publish(step.count)
      case 'sessions':
        return void (await this.all((ledger) =>
          ledger.replaceSessions(step.users.map((user) => USERS[user] as string)),
        ))
    }
  }

  /** Compares everything that can be read, and checks what must always hold. */
  async check(): Promise<void> {
    const answers = []
    for (const ledger of this.ledgers) {
      expect(await brokenInvariants(ledger), ledger.kind).toEqual([])
      answers.push(await readAll(ledger))
    }
    for (const [i, answer] of answers.entries()) expect(answer, this.ledgers[i]?.kind).toEqual(answers[0])
    for (const [orders] of answers[0]?.of_sales ?? []) {
      for (const { status, reason, order, version } of orders) {
        this.seen.add(reason || (order === '' ? `${status} tombstone` : status))
        // confirmed, extended, expired, paid
        if (status === 'paid' && version >= 4) this.seen.add('paid late')
      }
    }
  }

  /** Drains stream and returns; then Redis has exactly the units that the ledger says it lent, and the same counts. */
  async checkAtRest(): Promise<void> {
    await this.settle({ do: 'settle', count: ALL, again: 0, reverse: false })
    await this.applyReturns(ALL, true)
    await this.publish(ALL)
    for (const sale of this.intact) {
      // Its intents wait for the end of the rebuild, which the history has not come to.
      if ((await this.ledgers[0]?.sale(sale))?.rebuilding) continue
      const image = await this.ledgers[0]?.shardImage(sale, 0)
      const shard = this.shard(sale)
      for (const { sku, units } of image?.free ?? []) {
        const in_redis = (shard.free.get(sku) ?? []).map(text).sort()
        expect(in_redis, `free list of ${sale}/${sku}`).toEqual(units.map(text).sort())
      }
      const counts = (image?.buyers ?? []).flatMap(({ sku, user, units }) =>
        units > 0 ? [[`${sku} ${user}`, units]] : [],
      )
      expect([...shard.counts].sort(), `buyers of ${sale}`).toEqual(counts.sort())
      const unpaid = (image?.unpaid ?? []).flatMap(({ sku, units }) => (units > 0 ? [[sku, units]] : []))
      expect([...shard.unpaid].sort(), `unpaid units of ${sale}`).toEqual(unpaid.sort())
    }
  }

  private async all<T>(ask: (ledger: Ledger) => Promise<T>): Promise<T | { refused: string }> {
    const answers: (T | { refused: string })[] = []
    for (const ledger of this.ledgers) {
      answers.push(
        await ask(ledger).catch((error: unknown) => {
          if (error instanceof LedgerError) return { refused: error.code, message: error.message }
          throw error
        }),
      )
    }
    for (const [i, answer] of answers.entries()) expect(answer, this.ledgers[i]?.kind).toEqual(answers[0])
    const first: unknown = answers[0]
    if (typeof first === 'string') this.seen.add(`outcome ${first}`)
    if (first !== null && typeof first === 'object' && 'refused' in first) this.seen.add(`refused ${first.refused}`)
    return answers[0] as T | { refused: string }
  }

  private async load(sale: string, sees_survivors = true): Promise<void> {
    const begun = await this.all((ledger) => ledger.beginRebuild(sale, 'loader', 70))
    if (begun === undefined || 'refused' in begun) return
    if (sees_survivors) await this.survivors(sale, 'loader')
    await this.all((ledger) => ledger.recountUnits(sale, 'loader'))
    await this.finish(sale, 'loader')
    const { state } = (await this.ledgers[0]?.sale(sale)) ?? {}
    if (state === 'paused') await this.all((ledger) => ledger.setSaleState(sale, 'ready'))
  }

  private async survivors(sale: string, owner: string): Promise<void> {
    const items = this.stream.filter(({ intent, acknowledged }) => intent.sale === sale && !acknowledged)
    const intents = items.map(({ intent }) => intent)
    const settled = await this.all((ledger) => ledger.settleSurvivors(sale, owner, intents))
    if ('refused' in settled) return
    for (const item of items) item.acknowledged = true
  }

  private async finish(sale: string, owner: string): Promise<void> {
    const image = await this.all((ledger) => ledger.shardImage(sale, 0))
    const finished = await this.all((ledger) => ledger.finishRebuild(sale, owner, 'replid'))
    if ('refused' in finished || 'refused' in image) return
    this.shard(sale).load(finished.epoch, image)
    this.intact.add(sale)
  }

  private async reserve(step: Extract<Step, { do: 'reserve' }>): Promise<void> {
    const sale = saleOf(step)
    const known = await this.ledgers[0]?.sale(sale)
    const sku = SKUS[step.sku] as string
    const price_version = known?.skus.find((row) => row.sku === sku)?.price_version
    if (known === undefined || price_version === undefined || known.rebuilding || known.state !== 'ready') return
    const shard = this.shard(sale)
    if (this.last_key % 5 === 0) this.earlier.set(sale, shard.copy())
    const intent = { ...this.intent(sale, sku, userOf(step)), quantity: step.quantity, price_version }
    const units = shard.take(intent, step.quantity)
    if (units !== undefined) this.push({ ...intent, units })
  }

  private async holdAgain(step: Extract<Step, { do: 'hold_again' }>): Promise<void> {
    const sale = saleOf(step)
    // not those of a clock that was wrong: by their times the two are told apart
    const lost = this.stream.filter(
      ({ intent, acknowledged }) =>
        !acknowledged && intent.sale === sale && intent.kind === 'purchase' && intent.reserved_ms <= this.clock.now,
    )
    const first = lost[step.which % Math.max(lost.length, 1)]?.intent
    if (first === undefined) return
    // a rebuild takes its time
    this.clock.now += 1
    await this.load(sale, false)
    const known = await this.ledgers[0]?.sale(sale)
    const shard = this.shard(sale)
    if (known === undefined || known.rebuilding || known.state !== 'ready' || shard.knows(first.body)) return
    const units = shard.take(first, first.quantity)
    if (units === undefined) return
    this.push({ ...first, shard: 0, epoch: shard.epoch, reserved_ms: this.clock.now, units })
    this.seen.add(first.sku === 'free' ? 'an unlimited body with two intents' : 'a body with two intents')
  }

  /** Intents that a healthy Redis never writes. */
  private odd(step: Extract<Step, { do: 'odd' }>): void {
    const sale = saleOf(step)
    const unit = { unit: step.unit, generation: step.kind < 5 ? 1 : 2 }
    const intent = { ...this.intent(sale, SKUS[step.sku] as string, userOf(step)), units: [unit] }
    this.intact.delete(sale)
    const odd: Partial<Intent>[] = [
      {},
      { quantity: 2 },
      { quantity: 2, units: [unit, unit] },
      { price_version: 9 },
      { sku: 'none' },
      { reserved_ms: 10 },
      { reserved_ms: 100_000_000 },
      { epoch: intent.epoch - 1 },
      { kind: 'late', body: this.someBody(step.unit) },
      { shard: 3 },
    ]
    this.push({ ...intent, ...odd[step.kind] })
  }

  private async settle(step: Extract<Step, { do: 'settle' }>): Promise<void> {
    const waiting = this.stream.filter(({ acknowledged }) => !acknowledged).slice(0, step.count)
    if (step.reverse) waiting.reverse()
    const again = this.stream.filter(({ acknowledged }) => acknowledged).slice(-step.again || this.stream.length)
    const items = step.again > 0 ? [...again, ...waiting] : waiting
    const answer = await this.all(async (ledger) => {
      const { announced, ...rest } = await ledger.settle(items.map(({ intent }) => intent))
      return { ...rest, announced: announced.map(({ id: _, ...change }) => change) }
    })
    if ('refused' in answer) return
    const deferred = new Set(answer.deferred.map(({ body }) => body))
    for (const item of waiting) item.acknowledged = !deferred.has(item.intent.body)
  }

  private async refundDone(): Promise<void> {
    const refunds = await this.all((ledger) => ledger.pendingRefunds(1))
    const id = Array.isArray(refunds) ? (refunds[0]?.id ?? 'none') : 'none'
    await this.all((ledger) => ledger.refundDone(id))
  }

  private async putOff(step: Extract<Step, { do: 'put_off' }>): Promise<void> {
    const refunds = await this.all((ledger) => ledger.pendingRefunds(ALL))
    if (Array.isArray(refunds)) await this.all((ledger) => ledger.putOffRefund(refunds.at(-1)?.id ?? 'none'))
    await this.all((ledger) => ledger.putOffPayment(saleOf(step), this.someBody(step.which)))
  }

  private rollBack(sale: string): void {
    const earlier = this.earlier.get(sale)
    if (earlier === undefined) return
    this.shard(sale).free = new Map([...earlier].map(([sku, units]) => [sku, [...units]]))
    this.intact.delete(sale)
  }

  private async bury(): Promise<void> {
    const item = this.stream.find(({ acknowledged }) => !acknowledged)
    if (item === undefined) return
    item.acknowledged = true
    await this.all((ledger) => ledger.bury(item.intent, 'seven failures'))
  }

  private async startPayment(step: Extract<Step, { do: 'start_payment' }>): Promise<void> {
    const body = this.someBody(step.which)
    const order = await this.ledgers[0]?.order(saleOf(step), body)
    const session = {
      provider: 'sandbox',
      session: `session-${++this.last_key % 40}`,
      sale: saleOf(step),
      body,
      amount_minor: step.wrong ? 1 : (order?.price.amount_minor ?? 0) * (order?.quantity ?? 0),
      currency: 'EUR',
      redirect: 'http://127.0.0.1/pay',
    }
    const recorded = await this.all((ledger) => ledger.recordPaymentSession(session))
    if (!('refused' in recorded)) this.sessions.push(recorded)
  }

  private async pay(step: Extract<Step, { do: 'pay' }>): Promise<void> {
    const past = this.events[step.which % Math.max(this.events.length, 1)]
    const again = step.again && past !== undefined
    const number = again ? past.session : step.which % Math.max(this.sessions.length, 1)
    const kind = again ? past.kind : step.kind
    const event = again ? past.event : `event-${++this.last_key}`
    const session = this.sessions[number]
    this.events.push({ session: number, kind, event })
    await this.all((ledger) =>
      ledger.applyPayment({
        provider: 'sandbox',
        event,
        session: kind === 3 ? 'no such session' : (session?.session ?? 'none'),
        kind: kind === 1 ? 'failed' : 'succeeded',
        amount_minor: (session?.amount_minor ?? 0) + (kind === 2 ? 1 : 0),
        currency: 'EUR',
      }),
    )
  }

  private async payLate(which: number): Promise<void> {
    this.clock.now += 200
    const closed = this.sessions.map(({ session }) => session)
    const expired = await this.all((ledger) => ledger.expireDue(ALL, closed))
    if (!Array.isArray(expired)) return
    const bodies = new Set(expired.map(({ sale, body }) => sale + body))
    const paid = this.sessions.filter(({ sale, body }) => bodies.has(sale + body))
    const session = paid[which % Math.max(paid.length, 1)]
    if (session === undefined) return
    const { provider, amount_minor, currency } = session
    const event = `event-${++this.last_key}`
    await this.all((ledger) =>
      ledger.applyPayment({ provider, event, session: session.session, kind: 'succeeded', amount_minor, currency }),
    )
  }

  private async late(step: Extract<Step, { do: 'late' }>): Promise<void> {
    const late = await this.all((ledger) => ledger.lateSuccesses(step.limit))
    if (!Array.isArray(late)) return
    for (const order of late) {
      const sale = await this.ledgers[0]?.sale(order.sale)
      const under_way = this.stream.some(({ intent, acknowledged }) => {
        return intent.kind === 'late' && intent.body === order.body && !acknowledged
      })
      const may_take = !step.refund && sale?.state === 'ready' && !sale.rebuilding && !under_way
      const units = may_take ? this.shard(order.sale).take(order, order.quantity) : undefined
      if (units === undefined) await this.all((ledger) => ledger.refundLate(order.sale, order.body))
      else this.push({ ...this.intent(order.sale, order.sku, order.user), ...pick(order), kind: 'late', units })
    }
  }

  private async publish(count: number): Promise<void> {
    const published = await this.all(async (ledger) => {
      const changes = await ledger.pendingStatuses(count)
      await ledger.statusesPublished(changes.map(({ id }) => id))
      return changes.map(({ order }) => order)
    })
    if (Array.isArray(published)) for (const order of published) this.shard(order.sale).publish(order)
  }

  private async applyReturns(count: number, strike: boolean): Promise<void> {
    const pending = new Map<Ledger, PendingReturn[]>()
    await this.all(async (ledger) => {
      const returns = await ledger.pendingReturns(count)
      pending.set(ledger, returns)
      return returns.map(({ id: _, ...rest }) => rest)
    })
    const returns = pending.get(this.ledgers[0] as Ledger) ?? []
    for (const row of returns) this.shard(row.sale).giveBack(row)
    if (!strike) return
    await this.all((ledger) => ledger.returnsApplied((pending.get(ledger) ?? []).map(({ id }) => id)))
  }

  private shard(sale: string): FakeShard {
    return this.shards.get(sale) as FakeShard
  }

  private intent(sale: string, sku: string, user: string): Intent {
    const { epoch } = this.shard(sale)
    const body = bodyOf(++this.last_key)
    const reserved_ms = this.clock.now
    return {
      sale,
      shard: 0,
      epoch,
      reserved_ms,
      body,
      sku,
      quantity: 1,
      price_version: 1,
      kind: 'purchase',
      units: [],
      user,
      spends: `p${body},w${body}`,
    }
  }

  private push(intent: Intent): void {
    this.stream.push({ intent, acknowledged: false })
  }

  /** A body that the stream has seen, if there is any: the newest are asked for most. */
  private someBody(which: number): string {
    const index = this.stream.length - 1 - (which % Math.max(Math.min(this.stream.length, 12), 1))
    return this.stream[index]?.intent.body ?? 'none'
  }
}

async function readAll(ledger: Ledger) {
  const { version, degrade, sales } = await ledger.sales()
  const of_sales = []
  for (const { id } of sales) {
    const orders = await ledger.orders(id, '', ALL)
    const bodies = orders.map(({ body }) => body)
    const of_users = []
    for (const user of USERS)
      of_users.push(await ledger.ordersOfUser(id, user, ALL), await ledger.ordersOfUser(id, user, 2))
    const sessions = []
    for (const body of bodies) sessions.push(await ledger.paymentSession(id, body))
    const page = await ledger.orders(id, bodies[0] ?? '', 2)
    const known = await ledger.knows(id, [...bodies, 'none'])
    const [terms, image] = [await ledger.terms(id), await ledger.shardImage(id, 0)]
    of_sales.push([orders, { of_users, sessions, page, known, terms, image }] as const)
  }
  const strip = ({ id: _, ...rest }: { id: string }) => rest
  return {
    version,
    degrade,
    same_version: await ledger.salesVersion(),
    sales,
    of_sales,
    statuses: (await ledger.pendingStatuses(ALL)).map(strip),
    returns: (await ledger.pendingReturns(ALL)).map(strip),
    refunds: await ledger.pendingRefunds(ALL),
    late: await ledger.lateSuccesses(ALL),
    due: await ledger.dueWithOpenSession(ALL),
    dead: await ledger.deadIntents(ALL),
  }
}

function change(what: number, value: number) {
  const changes = [
    { title: `Title ${value}` },
    { opens_ms: 900 + value },
    { closes_ms: value === 0 ? 1 : 90_000 + value },
    { hold_ms: 100 + value, left_shown: 'band' as const, gate: { value } },
    { sale_user_max: value, hold_attempts_max: value },
    { skus: [{ sku: 'red', price: { amount_minor: 300 + value, currency: 'EUR' }, user_max: value }] },
    { skus: [{ sku: 'green', total: value, title: `Green ${value}` }] },
    { skus: [{ sku: value === 0 ? 'none' : 'free', total: value - 2 }] },
  ]
  return changes[what] ?? {}
}

function pick(order: { body: string; quantity: number; price_version: number }) {
  return { body: order.body, quantity: order.quantity, price_version: order.price_version }
}

function saleOf(step: { sale: number }): string {
  return SALES[step.sale] as string
}

function userOf(step: { user: number }): string {
  return USERS[step.user] as string
}

function ownerOf(step: { owner: number }): string {
  return OWNERS[step.owner] as string
}

function bodyOf(number: number): string {
  return `body-${String(number).padStart(5, '0')}`
}

function text({ unit, generation }: { unit: number; generation: number }): string {
  return `${unit}:${generation}`
}
