// Ends holds that ran out, closes their payment sessions first, and finds units or a refund for money that came late.
//
// One sweeper at a time by a Redis lock, to save double work; two at once would do no harm, because every step is one
// conditional transaction of the ledger. Where Redis is away, holds still end.
// What fails is put off by the ledger, for longer each time, so that nothing waits behind what fails for good.
import type { Redis } from 'ioredis'
import { BreakerOpen } from '../breaker'
import type { Ledger, Order, PaymentSession, Refund } from '../ledger/port'
import { RedisLock } from '../locks/redis-lock'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import type { PaymentProvider } from '../payment/provider'
import { isAway } from '../redis/client'
import type { Shards } from '../redis/shards'
import type { SalesFollower } from '../sales/follower'

const EVERY_MS = 250
const LOCK_MS = 5000
const EXPIRE_AT_ONCE_MAX = 500
const PROVIDER_AT_ONCE_MAX = 20

interface SweeperParts {
  ledger: Ledger
  redis: Redis
  shards: Shards
  sales: SalesFollower
  provider: PaymentProvider
  metrics: Metrics
  log: Logger
  instance: string
  /** called when statuses or returns wait to be carried to Redis */
  onChanged: () => void
}

export class Sweeper {
  private readonly loop: Loop
  private readonly lock: RedisLock

  constructor(private readonly parts: SweeperParts) {
    this.loop = new Loop({ name: 'sweeper', log: parts.log, metrics: parts.metrics, step: () => this.step() })
    this.lock = new RedisLock(parts.redis, 'sweeper', parts.instance, LOCK_MS)
  }

  start(): void {
    this.loop.start()
  }

  async stop(): Promise<void> {
    await this.loop.stop()
    await this.lock.release().catch(() => false)
  }

  /** A payment came late, or a refund waits. */
  kick(): void {
    this.loop.kick()
  }

  private async step(): Promise<number> {
    if (!(await this.isMine())) return EVERY_MS
    await this.expire([])
    await this.closeSessions()
    await this.serveLatePayments()
    await this.refund()
    return EVERY_MS
  }

  private async isMine(): Promise<boolean> {
    try {
      return await this.lock.acquire()
    } catch (error) {
      if (isAway(error)) return true
      throw error
    }
  }

  private async expire(closed_sessions: string[]): Promise<void> {
    const { ledger, metrics, onChanged } = this.parts
    for (;;) {
      const ended = await ledger.expireDue(EXPIRE_AT_ONCE_MAX, closed_sessions)
      for (const { sale } of ended) metrics.expired.inc({ sale })
      if (ended.length > 0) onChanged()
      if (ended.length < EXPIRE_AT_ONCE_MAX) return
    }
  }

  /** The provider's word first: a success that it knows of wins over the clock. */
  private async closeSessions(): Promise<void> {
    const { ledger, log } = this.parts
    const due = await ledger.dueWithOpenSession(PROVIDER_AT_ONCE_MAX)
    if (due.length === 0) return
    const results = await Promise.allSettled(due.map((session) => this.closeSession(session)))
    const closed: string[] = []
    for (const [i, result] of results.entries()) {
      if (result.status === 'fulfilled' && result.value) closed.push((due[i] as PaymentSession).session)
      if (result.status === 'rejected') {
        const { sale, body, session } = due[i] as PaymentSession
        log.warn({ err: result.reason, session }, 'a payment session could not be closed; its hold goes on')
        if (wasAsked(result.reason)) await ledger.putOffPayment(sale, body)
      }
    }
    if (closed.length > 0) await this.expire(closed)
  }

  private async closeSession({ provider, session }: PaymentSession): Promise<boolean> {
    const { ledger, metrics, onChanged } = this.parts
    const answer = await this.parts.provider.close(session)
    if (answer.outcome === 'paid') {
      const outcome = await ledger.applyPayment(answer.event)
      metrics.payments.inc({ provider, outcome })
      onChanged()
      // anything else (a wrong amount, say) has not paid the order, and nothing more will come of the session
      if (outcome === 'paid') return false
    }
    await ledger.paymentSessionClosed(provider, session)
    return true
  }

  private async serveLatePayments(): Promise<void> {
    const { ledger, log } = this.parts
    const late = await ledger.lateSuccesses(PROVIDER_AT_ONCE_MAX)
    if (late.length === 0) return
    await ledger.durable()
    for (const order of late) {
      try {
        if (await this.serveLatePayment(order)) continue
      } catch (error) {
        // the others would fare no better; refunds need no Redis
        if (isAway(error)) return
        log.warn({ err: error, order: order.order }, 'a late payment has neither units nor a refund yet')
      }
      await ledger.putOffPayment(order.sale, order.body)
    }
  }

  /** False when it has to wait: for a rebuild, or for the units it has taken to be settled. */
  private async serveLatePayment(order: Order): Promise<boolean> {
    const { ledger, metrics, onChanged } = this.parts
    const outcome = await this.takeUnits(order)
    if (outcome === 'none') {
      await ledger.refundLate(order.sale, order.body)
      onChanged()
    }
    if (outcome !== 'seen') metrics.late_payments.inc({ outcome })
    return outcome === 'none' || outcome === 'taken'
  }

  /** Looks through all shards, beginning with the order's own. */
  private async takeUnits(order: Order): Promise<'taken' | 'none' | 'stale' | 'seen'> {
    const sale = await this.parts.sales.sale(order.sale)
    if (sale === undefined || sale.rebuilding || sale.epoch === 0) return 'stale'
    for (let i = 0; i < sale.shards; i++) {
      const shard = (order.shard + i) % sale.shards
      const outcome = await this.parts.shards.take(order, shard, sale.epoch)
      if (outcome !== 'none') return outcome
    }
    return 'none'
  }

  private async refund(): Promise<void> {
    const { ledger, log } = this.parts
    const refunds = await ledger.pendingRefunds(PROVIDER_AT_ONCE_MAX)
    if (refunds.length === 0) return
    await ledger.durable()
    const results = await Promise.allSettled(refunds.map((refund) => this.refundOne(refund)))
    for (const [i, result] of results.entries()) {
      if (result.status !== 'rejected') continue
      const { id } = refunds[i] as Refund
      log.warn({ err: result.reason, refund: id }, 'a refund failed and is tried again')
      if (wasAsked(result.reason)) await ledger.putOffRefund(id)
    }
  }

  private async refundOne(refund: Refund): Promise<void> {
    const { ledger, provider, metrics } = this.parts
    await provider.refund(refund)
    await ledger.refundDone(refund.id)
    metrics.refunds.inc({ provider: refund.provider })
  }
}

/** What an open breaker has refused is not at fault. */
function wasAsked(error: unknown): boolean {
  return !(error instanceof BreakerOpen)
}
