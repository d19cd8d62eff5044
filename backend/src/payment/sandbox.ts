// The sandbox payment provider: takes no money, keeps its own books in files, and calls back over real HTTP with signed webhooks.
//
// Its page offers what real providers do to a shop: success, failure, a success after the session was closed, the same webhook
// twice, and a success over the wrong amount.
import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { check, decodeUtf8, parseJson } from '../http/body'
import type { PaymentEvent, Refund } from '../ledger/port'
import type { Logger } from '../log'
import { hmacText, type Keyring } from '../secrets'
import type { OpenedSession, PaymentProvider, PaymentRequest } from './provider'
import { type Decided, type SandboxOutcome, SandboxStore } from './sandbox-store'
import { SIGNATURE_HEADER, signWebhook, verifyWebhook } from './signature'

const DELIVERY_TIMEOUT_MS = 5000
const DELIVERY_TRIES_MAX = 12
const DELIVERY_BACKOFF_MIN_MS = 100
const DELIVERY_BACKOFF_MAX_MS = 5000
const DELIVERIES_MAX = 5000
/** A success "under way" arrives this long after the session was closed. */
const LATE_BY_MS = 500

const webhookBody = z.strictObject({
  event: z.string().regex(/^[\w-]{1,100}$/),
  session: z.string().regex(/^[\w-]{1,100}$/),
  kind: z.enum(['succeeded', 'failed']),
  amount_minor: z.int().min(0),
  currency: z.string().regex(/^[A-Z]{3}$/),
})

interface SandboxOptions {
  folder: string
  keyring: Keyring
  public_url: string
  /** known when the server listens */
  webhook_url: () => string
  now: () => number
  log: Logger
}

export class Sandbox implements PaymentProvider {
  readonly name = 'sandbox'
  readonly store: SandboxStore
  private readonly deliveries = new Map<string, Promise<boolean>>()
  private readonly stopping = new AbortController()

  constructor(private readonly options: SandboxOptions) {
    this.store = new SandboxStore(options.folder)
  }

  /** Delivers what a killed process had still to deliver. */
  async start(): Promise<void> {
    for (const id of await this.store.undelivered()) {
      const decided = await this.store.decided(id)
      if (decided !== undefined && this.isDue(id, decided)) this.deliver(id)
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    await Promise.allSettled(this.deliveries.values())
  }

  async open({ key, amount_minor, currency, reference, return_url }: PaymentRequest): Promise<OpenedSession> {
    // drawn from the key, so that asking again finds the same session; nobody else can guess it
    const session = hmacText(this.options.keyring.signing('sandbox-payment').key, `session ${key}`)
    await this.store.create({ session, amount_minor, currency, reference, return_url })
    return { session, redirect: `${this.options.public_url}/sandbox/pay/${session}` }
  }

  async close(session: string): Promise<{ outcome: 'closed' } | { outcome: 'paid'; event: PaymentEvent }> {
    const decided = await this.store.decide(session, 'closed', this.options.now())
    if (decided.outcome === 'late_success') {
      await this.store.mark(session, 'released')
      this.deliver(session, LATE_BY_MS)
      return { outcome: 'closed' }
    }
    if (decided.outcome === 'closed' || decided.outcome === 'failure') return { outcome: 'closed' }
    const event = await this.eventOf(session, decided)
    return event === undefined ? { outcome: 'closed' } : { outcome: 'paid', event }
  }

  async refund({ id, session, amount_minor, currency }: Refund): Promise<void> {
    await this.store.refund(id, { session, amount_minor, currency })
  }

  verify(headers: IncomingHttpHeaders, body: Buffer, now_ms: number): PaymentEvent {
    verifyWebhook(this.options.keyring, headers[SIGNATURE_HEADER], body, now_ms)
    return { provider: this.name, ...check(webhookBody, parseJson(decodeUtf8(body)), 'body') }
  }

  /** What the shopper chose on the page. Answers what holds: a choice made before, or the session's closing, stays. */
  async choose(session: string, outcome: SandboxOutcome): Promise<{ decided: Decided; delivered: Promise<boolean> }> {
    const decided = await this.store.decide(session, outcome, this.options.now())
    const due = decided.outcome === outcome && this.isDue(session, decided)
    return { decided, delivered: due ? this.deliver(session) : Promise.resolve(false) }
  }

  private isDue(session: string, { outcome }: Decided): boolean {
    if (outcome === 'closed') return false
    return outcome !== 'late_success' || this.store.isMarked(session, 'released')
  }

  private async eventOf(id: string, { outcome }: Decided): Promise<PaymentEvent | undefined> {
    const session = await this.store.session(id)
    if (session === undefined || outcome === 'closed') return undefined
    return {
      provider: this.name,
      event: `evt-${id}`,
      session: id,
      kind: outcome === 'failure' ? 'failed' : 'succeeded',
      amount_minor: session.amount_minor + (outcome === 'wrong_amount' ? 1 : 0),
      currency: session.currency,
    }
  }

  /** Resolves to whether the webhook has arrived; goes on trying in the background up to its ceiling. */
  private deliver(session: string, after_ms = 0): Promise<boolean> {
    const known = this.deliveries.get(session)
    if (known !== undefined) return known
    if (this.deliveries.size >= DELIVERIES_MAX) {
      this.options.log.warn({ session, deliveries_max: DELIVERIES_MAX }, 'webhook waits for the next start')
      return Promise.resolve(false)
    }
    const delivery = this.tryToDeliver(session, after_ms)
      .catch((error: unknown) => {
        if (!this.stopping.signal.aborted) this.options.log.error({ err: error, session }, 'webhook failed')
        return false
      })
      .finally(() => this.deliveries.delete(session))
    this.deliveries.set(session, delivery)
    return delivery
  }

  private async tryToDeliver(session: string, after_ms: number): Promise<boolean> {
    const { signal } = this.stopping
    if (after_ms > 0) await sleep(after_ms, undefined, { signal })
    const decided = await this.store.decided(session)
    const event = decided === undefined ? undefined : await this.eventOf(session, decided)
    if (event === undefined) return false
    const { provider: _, ...said } = event
    const body = Buffer.from(JSON.stringify(said))
    for (let i = 0; i < DELIVERY_TRIES_MAX; i++) {
      if (await this.post(body)) {
        if (decided?.outcome === 'replay') await this.post(body)
        await this.store.mark(session, 'delivered')
        return true
      }
      await sleep(Math.min(DELIVERY_BACKOFF_MAX_MS, DELIVERY_BACKOFF_MIN_MS * 2 ** i), undefined, { signal })
    }
    this.options.log.warn(
      { session, tries: DELIVERY_TRIES_MAX },
      'webhook was not taken; tried again at the next start',
    )
    return false
  }

  private async post(body: Buffer): Promise<boolean> {
    try {
      const response = await fetch(this.options.webhook_url(), {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          [SIGNATURE_HEADER]: signWebhook(this.options.keyring, body, this.options.now()),
        },
        body: new Uint8Array(body),
        signal: AbortSignal.any([this.stopping.signal, AbortSignal.timeout(DELIVERY_TIMEOUT_MS)]),
      })
      await response.arrayBuffer()
      return response.ok
    } catch {
      return false
    }
  }
}
