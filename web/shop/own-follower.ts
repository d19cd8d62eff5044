// Follows the shopper's own reservations until nothing more can happen to them; pays and gives back.
import { fetchOwn, fetchReservation, giveBack, startPayment } from './api'
import { mergeNews, type Own } from './cart'
import type { Refusal } from './purchase'
import { backoff, reservationPollDelay } from './schedule'
import type { Store } from './store'
import type { ReservationNews } from './wire'

interface OwnEvents {
  changed(): void
  /** a reservation has got another status */
  moved(own: Own): void
  /** the session is not valid (any more): noticed by the way, or where the shopper wanted something */
  signedOut(refusal: Refusal, how: 'noticed' | 'wanted'): void
}

/** What the shopper has asked for on one reservation. */
export interface Errand {
  doing: 'pay' | 'give_back' | undefined
  /** undefined: no answer */
  failure: Refusal | 'lost' | undefined
}

export class OwnFollower {
  own: Own[] = []
  readonly errands = new Map<string, Errand>()
  private user: string | undefined
  private timers = new Map<string, number>()
  private failures = new Map<string, number>()

  constructor(
    private readonly sale: string,
    private readonly store: Store,
    private readonly events: OwnEvents,
  ) {}

  /** Another user, or nobody: forgets the former one's. */
  setUser(user: string | undefined): void {
    for (const timer of this.timers.values()) clearTimeout(timer)
    this.timers.clear()
    this.failures.clear()
    this.errands.clear()
    this.own = []
    this.user = user
    if (user === undefined) return
    for (const one of this.store.own(user, this.sale).toReversed()) this.take(one, 'quiet')
    void this.load(0)
  }

  /** The list from the server; polls go on beside it. */
  async load(failures: number): Promise<void> {
    const { user } = this
    if (user === undefined) return
    const answer = await fetchOwn(this.sale)
    if (user !== this.user) return
    if (answer.kind === 'ok') {
      // newest last, as the list has them: each goes to the top
      for (const news of answer.value) this.take(news, 'quiet')
      this.events.changed()
      return
    }
    if (answer.kind === 'refused' && isSignedOut(answer.refusal)) {
      this.events.signedOut(answer.refusal, 'noticed')
      return
    }
    const asked_ms = answer.kind === 'refused' ? (answer.refusal.retry_after_ms ?? 0) : 0
    const delay_ms = Math.max(asked_ms, backoff(failures + 1, Math.random()))
    this.timers.set(
      '',
      window.setTimeout(() => void this.load(failures + 1), delay_ms),
    )
  }

  /** News from a purchase: remembered, shown and followed. */
  add(news: ReservationNews): void {
    this.take(news, 'said')
  }

  /** A reservation that a link names: shown once the server has said what it is. */
  look(reservation: string): void {
    if (this.user !== undefined) this.pollIn(reservation, 0)
  }

  pollAll(): void {
    for (const one of this.own) if (this.timers.has(one.reservation)) this.pollIn(one.reservation, 0)
  }

  private take(news: ReservationNews, how: 'said' | 'quiet'): void {
    const before = this.find(news.reservation)
    this.own = mergeNews(this.own, news)
    const after = this.find(news.reservation)
    if (after === undefined) return
    this.remember()
    // what was there before the page is not news, but what becomes of it is
    const is_news = how === 'said' || before !== undefined
    if (is_news && before?.status !== after.status) this.events.moved(after)
    this.schedule(after)
  }

  private find(reservation: string): Own | undefined {
    return this.own.find((one) => one.reservation === reservation)
  }

  private remember(): void {
    if (this.user === undefined) return
    const kept = this.own
      .filter(({ status }) => status === 'held' || status === 'confirmed')
      .map(({ reservation, status, sku, quantity }) => ({ reservation, status, sku, quantity }))
    this.store.keepOwn(this.user, this.sale, kept)
  }

  private forget(reservation: string): void {
    this.own = this.own.filter((one) => one.reservation !== reservation)
    this.remember()
  }

  private schedule(one: Own): void {
    const failures = this.failures.get(one.reservation) ?? 0
    const delay_ms = reservationPollDelay(one.status, one.poll_after_ms, failures, Math.random())
    clearTimeout(this.timers.get(one.reservation))
    this.timers.delete(one.reservation)
    if (delay_ms !== undefined) this.pollIn(one.reservation, delay_ms)
  }

  private pollIn(reservation: string, delay_ms: number): void {
    clearTimeout(this.timers.get(reservation))
    this.timers.set(
      reservation,
      window.setTimeout(() => void this.poll(reservation), delay_ms),
    )
  }

  private async poll(reservation: string): Promise<void> {
    const { user } = this
    const answer = await fetchReservation(reservation)
    if (user !== this.user) return
    if (answer.kind === 'ok') {
      this.failures.delete(reservation)
      this.take({ ...answer.value, reservation }, 'said')
      this.events.changed()
      return
    }
    if (answer.kind === 'refused') {
      if (isSignedOut(answer.refusal)) return this.events.signedOut(answer.refusal, 'noticed')
      if (answer.refusal.code === 'not_found' || answer.refusal.code === 'bad_request') {
        this.forget(reservation)
        this.events.changed()
        return
      }
    }
    const failures = (this.failures.get(reservation) ?? 0) + 1
    this.failures.set(reservation, failures)
    const asked_ms = answer.kind === 'refused' ? (answer.refusal.retry_after_ms ?? 0) : 0
    this.pollIn(reservation, Math.max(asked_ms, backoff(failures, Math.random())))
  }

  /** Answers the provider's address to go to; undefined when that did not work out (see errands). */
  async pay(reservation: string): Promise<string | undefined> {
    if (this.errands.get(reservation)?.doing !== undefined) return undefined
    this.setErrand(reservation, 'pay', undefined)
    const answer = await startPayment(reservation)
    if (answer.kind === 'ok') return answer.value
    this.failed(reservation, answer.kind === 'lost' ? 'lost' : answer.refusal)
    return undefined
  }

  async giveBack(reservation: string): Promise<void> {
    if (this.errands.get(reservation)?.doing !== undefined) return
    this.setErrand(reservation, 'give_back', undefined)
    const answer = await giveBack(reservation)
    if (answer.kind === 'ok') {
      this.errands.delete(reservation)
      this.take({ ...answer.value, reservation }, 'said')
      this.events.changed()
      return
    }
    this.failed(reservation, answer.kind === 'lost' ? 'lost' : answer.refusal)
  }

  private failed(reservation: string, failure: Refusal | 'lost'): void {
    if (failure !== 'lost' && isSignedOut(failure)) {
      this.errands.delete(reservation)
      this.events.signedOut(failure, 'wanted')
      return
    }
    // whatever was in the way: the present status says more
    this.pollIn(reservation, 0)
    this.setErrand(reservation, undefined, failure)
  }

  private setErrand(reservation: string, doing: Errand['doing'], failure: Errand['failure']): void {
    this.errands.set(reservation, { doing, failure })
    this.events.changed()
  }

  /** Back from the provider by the browser's own button: the page may be the one that left. */
  resetErrands(): void {
    this.errands.clear()
    this.pollAll()
  }
}

function isSignedOut(refusal: Refusal): boolean {
  return refusal.code === 'no_session' || refusal.code === 'session_replaced'
}
