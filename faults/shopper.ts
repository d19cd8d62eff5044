// One shopper: asks, asks again with the same key after an unknown outcome, polls to the end, and pays, cancels
// or lets the hold run out, as its plan says. All it was told is kept for the checkers.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../scripts/random'
import { type Answer, type Attempt, isUnknown } from './checkers/evidence'
import type { Call, Said, ShopClient } from './shop-client'

export type Intention = 'pay' | 'pay_after_decline' | 'pay_late' | 'cancel' | 'cancel_at_once' | 'let_expire'

export interface Plan {
  arrives_ms: number
  sku: string
  quantity: number
  intention: Intention
  /** asks again for a second one when the first has ended */
  buys_again: boolean
  /** sends the same request twice at the same moment */
  doubles: boolean
  /** tries its key with another quantity too */
  reuses_key: boolean
}

const POLL_MIN_MS = 100
const POLL_MAX_MS = 700
const RETRY_MIN_MS = 60
const RETRY_MAX_MS = 900
/** How often a shopper asks again where units may come back. */
const PATIENCE = 8

const WORTH_WAITING = ['all_held', 'not_enough_left', 'not_open', 'paused', 'rate_limited']
const FINAL = ['paid', 'expired', 'cancelled', 'void', 'refunded']

export class Shopper {
  readonly attempts: Attempt[] = []

  constructor(
    private readonly client: ShopClient,
    private readonly sale: string,
    readonly user: string,
    private readonly session: string,
    private readonly random: Random,
    /** after this time nothing is retried any more */
    private readonly gives_up_ms: number,
  ) {}

  async live(plan: Plan): Promise<void> {
    await sleep(plan.arrives_ms)
    await this.buy(plan)
    if (plan.buys_again) await this.buy({ ...plan, intention: 'pay', doubles: false, reuses_key: false })
  }

  private async buy(plan: Plan): Promise<void> {
    const attempt = this.newAttempt(randomUUID(), plan.sku, plan.quantity)
    if (plan.doubles) {
      await Promise.all([this.reserveOnce(attempt, false), this.reserveOnce(attempt, false)])
    }
    const reservation = await this.reserve(attempt)
    if (plan.reuses_key && reservation !== '') {
      const other = this.newAttempt(attempt.key, plan.sku, plan.quantity + 1)
      await this.reserve(other)
    }
    if (reservation !== '') await this.follow(attempt, reservation, plan.intention)
  }

  newAttempt(key: string, sku: string, quantity: number): Attempt {
    const attempt: Attempt = { user: this.user, key, sku, quantity, answers: [] }
    this.attempts.push(attempt)
    return attempt
  }

  /** Asks until the answer is definite; returns the reservation, '' when there is none. */
  async reserve(attempt: Attempt): Promise<string> {
    let patience = PATIENCE
    let is_retry = attempt.answers.some(isUnknown)
    for (;;) {
      const { answer, wait_ms } = await this.reserveOnce(attempt, is_retry)
      if (answer.reservation !== '') return answer.reservation
      if (isUnknown(answer)) is_retry = true
      else if (!WORTH_WAITING.includes(answer.code) || patience-- <= 0) return ''
      if (!(await this.pause(wait_ms))) return ''
    }
  }

  private reserveOnce(attempt: Attempt, is_retry: boolean): Promise<Said> {
    const { key, sku, quantity } = attempt
    const headers: Record<string, string> = { 'idempotency-key': key }
    if (is_retry) headers['x-rush-retry'] = '1'
    const path = `/sales/${this.sale}/reservations`
    return this.say(attempt, { ask: 'reserve', method: 'POST', path, headers, body: { sku, quantity } })
  }

  /** Polls to the end, doing what it intends once the reservation is confirmed. */
  private async follow(attempt: Attempt, reservation: string, intention: Intention): Promise<void> {
    let acted = false
    if (intention === 'cancel_at_once') {
      await this.insist(attempt, this.cancelCall(reservation))
      acted = true
    }
    for (;;) {
      const { answer, wait_ms } = await this.poll(attempt, reservation)
      if (FINAL.includes(answer.status)) return
      if (answer.status === 'confirmed' && !acted) {
        acted = true
        await this.act(attempt, reservation, intention, answer)
      } else if (!(await this.pause(Math.min(POLL_MAX_MS, Math.max(POLL_MIN_MS, wait_ms))))) {
        return
      }
    }
  }

  poll(attempt: Attempt, reservation: string): Promise<Said> {
    return this.say(attempt, { ask: 'poll', method: 'GET', path: `/reservations/${reservation}` })
  }

  /** Polls until it has an answer; at rest that is what the shopper is left with. */
  async pollToAnswer(attempt: Attempt, reservation: string): Promise<Said> {
    return this.insist(attempt, { ask: 'poll', method: 'GET', path: `/reservations/${reservation}` })
  }

  cancel(attempt: Attempt, reservation: string): Promise<Said> {
    return this.insist(attempt, this.cancelCall(reservation))
  }

  private cancelCall(reservation: string): Call {
    return { ask: 'cancel', method: 'DELETE', path: `/reservations/${reservation}` }
  }

  private async act(attempt: Attempt, reservation: string, intention: Intention, confirmed: Answer): Promise<void> {
    if (intention === 'let_expire') return
    if (intention === 'cancel') {
      await this.cancel(attempt, reservation)
      return
    }
    const started = await this.insist(attempt, {
      ask: 'pay',
      method: 'POST',
      path: `/reservations/${reservation}/payment`,
    })
    if (started.redirect === '') return
    const { pathname } = new URL(started.redirect, 'http://gate')
    if (intention === 'pay_late') {
      await sleep(Math.max(0, confirmed.pay_by_ms - Date.now()) + this.random.between(0, 2500))
    }
    if (intention === 'pay_after_decline') {
      await this.insist(attempt, { ask: 'decline', method: 'POST', path: pathname, body: { outcome: 'failure' } })
      const again = await this.insist(attempt, {
        ask: 'pay',
        method: 'POST',
        path: `/reservations/${reservation}/payment`,
      })
      if (again.redirect === '') return
      const next = new URL(again.redirect, 'http://gate').pathname
      await this.insist(attempt, { ask: 'settle', method: 'POST', path: next, body: { outcome: 'success' } })
      return
    }
    await this.insist(attempt, { ask: 'settle', method: 'POST', path: pathname, body: { outcome: 'success' } })
  }

  /** Repeats until the outcome is known. */
  private async insist(attempt: Attempt, call: Call): Promise<Said> {
    for (;;) {
      const said = await this.say(attempt, call)
      if (!isUnknown(said.answer) && said.answer.http !== 429) return said
      if (!(await this.pause(said.wait_ms))) return said
    }
  }

  private async say(attempt: Attempt, call: Call): Promise<Said> {
    const said = await this.client.call(this.session, call)
    attempt.answers.push(said.answer)
    return said
  }

  /** Waits as asked, within reason and with some spread; false when it is time to give up. */
  private async pause(wait_ms: number): Promise<boolean> {
    if (Date.now() > this.gives_up_ms) return false
    const asked_ms = Math.min(RETRY_MAX_MS, Math.max(RETRY_MIN_MS, wait_ms))
    await sleep(asked_ms * (0.75 + this.random.next() / 2))
    return true
  }
}
