// One client of the shop in k6: what it sends as headers, and the steps of a purchase. Who does what, and how fast, is in mixed.ts
// and bots.ts. Imports name the file with its ending, as k6 wants it.
import { sleep } from 'k6'
import { sha256 } from 'k6/crypto'
import { b64encode } from 'k6/encoding'
import http, { type RefinedResponse } from 'k6/http'
import type { Account, MixedRun, PrintedVisit } from '../population.ts'
import type { PrintedAnswer } from '../run-file.ts'
import { signatureOf } from './signing.ts'

const REQUEST_TIMEOUT = '10s'
const RETRIES_MAX = 8
/** nobody sleeps longer, whatever was told */
export const POLL_MAX_MS = 30_000
const POLL_MIN_MS = 100
const ASK_AGAIN_MS = 1000
const STOCK_MAY_COME_BACK = ['all_held', 'not_enough_left']
const FINAL = ['paid', 'expired', 'cancelled', 'void', 'refunded']

export interface Body {
  code?: string
  reservation?: string
  status?: string
  units?: number[]
  order?: string
  pay_by?: string
  poll_after_ms?: number
  retry_after_ms?: number
  redirect?: string
  ticket?: string
  pass?: string
  challenge?: string
  salt?: string
  maxnumber?: number
  algorithm?: string
  signature?: string
}

export interface Told {
  http: number
  body: Body
}

export interface Ask {
  name: string
  method: 'GET' | 'POST'
  path: string
  body?: object
  headers?: Record<string, string>
  /** under which the checkers find it */
  key?: string
}

export interface Purchase {
  pass: string
  proof: string
  is_signed: boolean
}

export class Visitor {
  readonly visit: PrintedVisit

  constructor(
    readonly run: MixedRun,
    who: string,
    readonly account: Account | undefined,
    /** asked for each request: a farm has many */
    private readonly address: () => string,
    private readonly headers: Record<string, string>,
  ) {
    this.visit = { who, user: account?.user ?? '', began_ms: Date.now(), requests: 0, results: {}, attempts: [] }
  }

  tell(ask: Ask): Told {
    const sent_ms = Date.now()
    const headers: Record<string, string> = { ...this.headers, 'X-Forwarded-For': this.address(), ...ask.headers }
    if (this.account !== undefined) headers.Cookie = `rush_session=${this.account.session}`
    if (ask.body !== undefined) headers['Content-Type'] = 'application/json'
    // as browsers do, and those who copy them
    if (ask.method === 'POST' && headers['Sec-Fetch-Site'] !== undefined) headers.Origin = this.run.gate_url
    const response = http.request(
      ask.method,
      this.run.gate_url + ask.path,
      ask.body === undefined ? null : JSON.stringify(ask.body),
      { headers, timeout: REQUEST_TIMEOUT, redirects: 0, tags: { name: ask.name } },
    )
    const body = readBody(response)
    this.visit.requests += 1
    const result = `${ask.name} ${response.status === 0 ? 'no answer' : (body.code ?? response.status)}`
    this.visit.results[result] = (this.visit.results[result] ?? 0) + 1
    if (ask.key !== undefined) this.keep(ask.key, printed(ask.name, sent_ms, response, body))
    return { http: response.status, body }
  }

  private keep(key: string, answer: PrintedAnswer): void {
    const known = this.visit.attempts.find((attempt) => attempt.key === key)
    if (known === undefined) this.visit.attempts.push({ key, answers: [answer] })
    else known.answers.push(answer)
  }

  look(): Told {
    const { sale } = this.run
    return this.tell({ name: 'state', method: 'GET', path: `/sales/${sale}/state` })
  }

  /** The ticket; '' for none. */
  enter(): string {
    const told = this.tell({ name: 'enter', method: 'POST', path: `/sales/${this.run.sale}/tickets`, body: {} })
    return told.body.ticket ?? ''
  }

  pollTicket(ticket: string): Told {
    return this.tell({ name: 'wait', method: 'GET', path: `/sales/${this.run.sale}/tickets/${ticket}` })
  }

  /** Computes what the challenge asks; '' where the sale asks for none or gives none. */
  prove(): string {
    const { body } = this.tell({ name: 'challenge', method: 'GET', path: `/sales/${this.run.sale}/challenge` })
    const { challenge, salt, maxnumber, algorithm, signature } = body
    if (challenge === undefined || maxnumber === undefined) return ''
    for (let number = 0; number <= maxnumber; number++) {
      if (sha256(`${salt}${number}`, 'hex') === challenge) {
        return b64encode(JSON.stringify({ algorithm, challenge, number, salt, signature }))
      }
    }
    return ''
  }

  /** What POST …/reservations is sent with; made once, so that it can be sent again byte by byte. */
  purchase(key: string, { pass, proof, is_signed }: Purchase): Ask {
    const path = `/sales/${this.run.sale}/reservations`
    const body = { sku: this.run.sku, quantity: 1 }
    const headers: Record<string, string> = { 'Idempotency-Key': key }
    if (pass !== '') headers['X-Rush-Pass'] = pass
    if (proof !== '') headers['X-Rush-Proof'] = proof
    if (is_signed && this.account !== undefined) {
      const call = { method: 'POST', path, time_ms: Date.now(), key, body: JSON.stringify(body) }
      headers['X-Rush-Signature'] = signatureOf(this.account.signing_key, call)
    }
    return { name: 'reserve', method: 'POST', path, body, headers, key }
  }

  /** Buys as a page does: again with the same key after an unknown outcome, and while units may come back. The reservation or ''. */
  buy(key: string, means: Purchase): string {
    let is_retry = false
    for (let tries = 0; tries <= RETRIES_MAX && Date.now() < this.run.ends_ms; tries++) {
      const ask = this.purchase(key, means)
      if (is_retry) (ask.headers as Record<string, string>)['X-Rush-Retry'] = '1'
      const { http: status, body } = this.tell(ask)
      if (body.reservation !== undefined) return body.reservation
      const is_unknown = status === 0 || status >= 500
      const is_worth = is_unknown || status === 429 || STOCK_MAY_COME_BACK.includes(body.code ?? '')
      if (!is_worth) return ''
      is_retry = is_retry || is_unknown
      pause(body.retry_after_ms ?? ASK_AGAIN_MS)
    }
    return ''
  }

  follow(key: string, reservation: string, pays_after_ms: number): void {
    let has_paid = pays_after_ms < 0
    while (Date.now() < this.run.ends_ms) {
      const { body } = this.tell({ name: 'poll', method: 'GET', path: `/reservations/${reservation}`, key })
      if (FINAL.includes(body.status ?? '')) return
      if (body.status === 'confirmed') {
        if (has_paid) return
        sleep(pays_after_ms / 1000)
        this.pay(key, reservation)
        has_paid = true
      }
      pause(Math.max(POLL_MIN_MS, body.poll_after_ms ?? body.retry_after_ms ?? ASK_AGAIN_MS))
    }
  }

  private pay(key: string, reservation: string): void {
    const { body } = this.tell({ name: 'pay', method: 'POST', path: `/reservations/${reservation}/payment`, key })
    if (body.redirect === undefined) return
    const path = body.redirect.replace(/^https?:\/\/[^/]+/, '')
    this.tell({ name: 'settle', method: 'POST', path, body: { outcome: 'success' }, key })
  }

  /** Prints what happened, for the runner. */
  leave(): void {
    console.log(JSON.stringify(this.visit))
  }
}

/** With some spread, so that those who were told the same time do not come back in step. */
export function pause(wait_ms: number): void {
  sleep((wait_ms * (0.9 + Math.random() * 0.2)) / 1000)
}

function readBody(response: RefinedResponse<'text'>): Body {
  try {
    return (JSON.parse(response.body) as Body | null) ?? {}
  } catch {
    return {} // a page
  }
}

function printed(ask: string, sent_ms: number, response: RefinedResponse<'text'>, body: Body): PrintedAnswer {
  const { duration, connecting } = response.timings
  const latency_ms = Math.round((duration + connecting) * 1000) / 1000
  const status = response.status < 300 ? (body.status ?? '') : ''
  const { code = '', reservation = '', units = [], order = '', pay_by = '' } = body
  return [ask, sent_ms, Date.now(), latency_ms, response.status, code, reservation, status, units, order, pay_by]
}
