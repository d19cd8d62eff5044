// Carries out purchases: the state machine of purchase.ts with the network, the clock and the storage attached.
import { reserve } from './api'
import { newKey } from './new-key'
import type { Prover } from './prover'
import {
  type Answer,
  type Attempt,
  answered,
  attemptToKeep,
  IDLE,
  type Purchase,
  press,
  type Refusal,
  resume,
  wake,
} from './purchase'
import type { Store } from './store'
import type { ReservationNews } from './wire'

interface BuyerEvents {
  changed(): void
  reserved(news: ReservationNews): void
  /** certain or not: the last answer was a refusal */
  refused(sku: string, refusal: Refusal): void
}

export class Buyer {
  private user: string | undefined
  private readonly purchases = new Map<string, Purchase>()

  constructor(
    private readonly sale: string,
    private readonly store: Store,
    private readonly prover: Prover,
    private readonly pass: () => string | undefined,
    private readonly events: BuyerEvents,
  ) {}

  setUser(user: string | undefined): void {
    this.user = user
    this.purchases.clear()
  }

  purchase(sku: string): Purchase {
    return this.purchases.get(sku) ?? IDLE
  }

  /** Takes up what an earlier page has left without an answer. */
  resume(skus: readonly string[]): void {
    if (this.user === undefined) return
    for (const sku of skus) {
      if (this.purchases.has(sku)) continue
      const attempt = this.store.attempt(this.user, this.sale, sku, Date.now())
      this.purchases.set(sku, attempt === undefined ? IDLE : resume(attempt, performance.now()))
    }
  }

  /** A click that wants `quantity` units. */
  press(sku: string, quantity: number): void {
    if (this.user === undefined) return
    // another tab may have asked for the same a moment ago
    const left = this.store.attempt(this.user, this.sale, sku, Date.now())
    const purchase = this.purchase(sku)
    if (left !== undefined && (purchase.step === 'idle' || purchase.step === 'refused')) {
      this.go(sku, resume(left, performance.now()))
      this.tick()
      return
    }
    const fresh: Attempt = { key: newKey(), quantity, made_ms: Date.now(), tries: 0, unknown: false }
    this.go(sku, press(purchase, fresh, performance.now()))
  }

  /** Called often: sends what has waited long enough. */
  tick(): void {
    for (const [sku, purchase] of this.purchases) this.go(sku, wake(purchase, performance.now()))
  }

  private go(sku: string, next: Purchase): void {
    const before = this.purchase(sku)
    if (next === before || this.user === undefined) return
    this.purchases.set(sku, next)
    // before the request leaves: a page that dies now finds its key again
    this.store.keepAttempt(this.user, this.sale, sku, attemptToKeep(next))
    if (next.step === 'sending') void this.send(sku, next.attempt)
    this.events.changed()
  }

  private async send(sku: string, attempt: Attempt): Promise<void> {
    const { user } = this
    const answer = await this.ask(sku, attempt)
    // another user has signed in meanwhile: the key stays kept under the former one's name
    if (user !== this.user) return
    this.go(sku, answered(this.purchase(sku), answer, performance.now(), Math.random()))
    if (answer.kind === 'ok') {
      this.events.reserved({
        ...answer.value,
        sku: answer.value.sku ?? sku,
        quantity: answer.value.quantity ?? attempt.quantity,
      })
    } else if (answer.kind === 'refused') this.events.refused(sku, answer.refusal)
  }

  /** With a proof where one is asked for; one that is missing or does not count, or not any more, is replaced once. */
  private async ask(sku: string, attempt: Attempt): Promise<Answer<ReservationNews>> {
    const { user } = this
    let answer: Answer<ReservationNews> = { kind: 'lost' }
    for (let tries = 0; tries < 2; tries++) {
      const proof = await this.prover.proof()
      // never with another shopper's session
      if (user !== this.user) break
      answer = await reserve(this.sale, sku, attempt.quantity, attempt.key, attempt.unknown, proof, this.pass())
      const is_refused = answer.kind === 'refused' && answer.refusal.code === 'proof_required'
      if (answer.kind === 'ok' || is_refused) this.prover.drop(proof)
      if (!is_refused || (proof === undefined && !this.prover.demand())) break
    }
    return answer
  }
}
