// Carries the shopper through the waiting room: takes a ticket, keeps it, and asks how it stands when the server says to, never sooner.
//
// The ticket is kept by user and sale before it is used: a reload, another tab or a browser that died come back to the same place.
import { parsePass } from '../../contract/pass'
import { fetchStand, takeTicket } from './api'
import type { Refusal } from './purchase'
import type { RoomStep } from './room'
import { backoff } from './schedule'
import type { Store } from './store'
import type { Stand } from './wire'

/** What a server can ask for at most: a page that misread an answer comes back. */
const POLL_MAX_MS = 120_000
const POLL_MIN_MS = 500
const FINAL: readonly Stand['status'][] = ['sold_out', 'expired']

interface RoomEvents {
  changed(): void
  /** it stands otherwise than before */
  moved(stand: Stand): void
  signedOut(refusal: Refusal): void
}

export class RoomFollower {
  room: RoomStep = { step: 'out', refusal: undefined }
  /** the shopper's own mark in the published list of the draw; '' where there is none */
  entrant = ''
  private user: string | undefined
  private ticket: string | undefined
  private failures = 0
  private timer = 0
  private next_ms = 0
  /** answers to what a former user asked are not this one's */
  private round = 0

  constructor(
    private readonly sale: string,
    private readonly store: Store,
    private readonly now: () => number,
    private readonly events: RoomEvents,
  ) {}

  setUser(user: string | undefined): void {
    if (user === this.user) return
    clearTimeout(this.timer)
    this.round += 1
    this.user = user
    this.failures = 0
    this.entrant = ''
    this.ticket = user === undefined ? undefined : this.store.ticket(user, this.sale)
    this.room = this.ticket === undefined ? { step: 'out', refusal: undefined } : { step: 'in', stand: undefined }
    if (this.ticket !== undefined) this.askIn(0)
  }

  /** The pass to buy with, while it is good. */
  pass(): string | undefined {
    return this.passLeft() > 0 ? this.stand?.pass : undefined
  }

  /** ms; 0 without a pass, or with one that is over */
  passLeft(): number {
    const pass = this.stand?.status === 'admitted' ? this.stand.pass : undefined
    const expires_ms = pass === undefined ? undefined : parsePass(pass)?.expires_ms
    return expires_ms === undefined ? 0 : Math.max(0, expires_ms - this.now())
  }

  async join(): Promise<void> {
    if (this.user === undefined || this.room.step === 'joining') return
    this.go({ step: 'joining' })
    const { round } = this
    const answer = await takeTicket(this.sale)
    if (round !== this.round) return
    if (answer.kind === 'ok') {
      this.failures = 0
      this.keep(answer.value.ticket)
      this.take({ ...answer.value, status: 'waiting' })
      return
    }
    this.failures += 1
    const refusal = answer.kind === 'refused' ? answer.refusal : undefined
    if (refusal !== undefined && isSignedOut(refusal)) this.events.signedOut(refusal)
    this.go({
      step: 'out',
      refusal: refusal ?? { code: 'unavailable', detail: '', receipt: '', retry_after_ms: undefined },
    })
  }

  /** The pass has bought: the ticket's turn is over. */
  used(): void {
    if (this.stand?.status !== 'admitted') return
    this.keep(undefined)
    this.go({ step: 'used' })
  }

  /** The gate did not take the pass: ask at once how it stands. */
  doubt(): void {
    if (this.ticket !== undefined) this.askIn(0)
  }

  /** Timers sleep in background tabs and pockets: what is overdue is asked for when the page is looked at again. */
  wake(): void {
    if (this.ticket !== undefined && performance.now() >= this.next_ms) this.askIn(0)
  }

  private get stand(): Stand | undefined {
    return this.room.step === 'in' ? this.room.stand : undefined
  }

  private keep(ticket: string | undefined): void {
    clearTimeout(this.timer)
    this.ticket = ticket
    if (this.user !== undefined) this.store.keepTicket(this.user, this.sale, ticket)
  }

  private go(room: RoomStep): void {
    this.room = room
    this.events.changed()
  }

  private take(stand: Stand): void {
    const before = this.stand
    if (stand.entrant !== undefined) this.entrant = stand.entrant
    // after a draw: from now on the ticket with the number
    if (stand.ticket !== undefined && stand.ticket !== this.ticket) this.keep(stand.ticket)
    if (FINAL.includes(stand.status)) this.keep(undefined)
    else this.askIn(Math.min(POLL_MAX_MS, Math.max(POLL_MIN_MS, stand.poll_after_ms)))
    this.go({ step: 'in', stand })
    const is_news =
      before?.status !== stand.status ||
      before.draw !== stand.draw ||
      (before.place === undefined && stand.place !== undefined)
    if (is_news) this.events.moved(stand)
  }

  private askIn(delay_ms: number): void {
    clearTimeout(this.timer)
    this.next_ms = performance.now() + delay_ms
    this.timer = window.setTimeout(() => void this.ask(), delay_ms)
  }

  private async ask(): Promise<void> {
    const { ticket, round } = this
    if (ticket === undefined) return
    this.next_ms = Number.POSITIVE_INFINITY
    const answer = await fetchStand(this.sale, ticket)
    if (round !== this.round || ticket !== this.ticket) return
    if (answer.kind === 'ok') {
      this.failures = 0
      this.take(answer.value)
      return
    }
    this.failures += 1
    const refusal = answer.kind === 'refused' ? answer.refusal : undefined
    if (refusal !== undefined && isSignedOut(refusal)) {
      this.events.signedOut(refusal)
    } else if (refusal?.code === 'not_found') {
      // no ticket of this shop any more: a new place is all there is
      this.keep(undefined)
      this.go({ step: 'out', refusal: undefined })
    } else {
      this.askIn(Math.max(refusal?.retry_after_ms ?? 0, backoff(this.failures, Math.random())))
    }
  }
}

function isSignedOut(refusal: Refusal): boolean {
  return refusal.code === 'no_session' || refusal.code === 'session_replaced'
}
