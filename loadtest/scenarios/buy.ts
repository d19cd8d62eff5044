// A shopper comes, buys once, polls a 202 to the end and pays or not: every scenario is this one with other figures.
//
// Arrivals keep their rate whatever the gate does (a closed loop would slow down with it and hide its collapse).
// Sessions are minted beforehand. What each shopper was told is printed as one line of JSON for the checkers.
import { sleep } from 'k6'
import { SharedArray } from 'k6/data'
import exec from 'k6/execution'
import http, { type RefinedResponse } from 'k6/http'
import type { Options } from 'k6/options'
import type { PrintedAnswer, PrintedBeginning, PrintedShopper, ScenarioRun } from '../run-file'

const run: ScenarioRun = JSON.parse(open(`${__ENV.RUN_DIR}/run.json`))
const sessions = new SharedArray<string>('sessions', () => JSON.parse(open(`${__ENV.RUN_DIR}/sessions.json`)))

const REQUEST_TIMEOUT = '10s'
const POLL_MIN_MS = 100
const SLIP_MS = 2000
const POLLS_MAX = 200
const RETRIES_MAX = 40
const FINAL = ['paid', 'expired', 'cancelled', 'void', 'refunded']

export const options: Options = {
  discardResponseBodies: false,
  summaryTrendStats: ['med', 'p(99)'],
  scenarios: {
    buy: {
      executor: 'constant-arrival-rate',
      rate: run.shoppers,
      timeUnit: `${run.seconds}s`,
      // a little longer, because the last arrivals may slip over the end; who is one too many finds no session
      duration: `${run.seconds * 1000 + SLIP_MS}ms`,
      preAllocatedVUs: run.vus_start,
      maxVUs: run.vus_max,
      gracefulStop: `${run.ending_s}s`,
    },
  },
}

interface Body {
  code?: string
  reservation?: string
  status?: string
  units?: number[]
  order?: string
  pay_by?: string
  poll_after_ms?: number
  retry_after_ms?: number
  redirect?: string
}

interface Told {
  http: number
  body: Body
}

export default function shopper(): void {
  const index = exec.scenario.iterationInTest
  const session = sessions[index]
  if (session === undefined) return
  // k6 cuts off who is not done at the end, and then nothing below runs: that it may have bought must be known all the same
  const begun: PrintedBeginning = [index, Date.now()]
  console.log(JSON.stringify(begun))
  const answers: PrintedAnswer[] = []
  const tell = (ask: string, method: string, path: string, body?: object, headers?: Record<string, string>): Told => {
    const sent_ms = Date.now()
    const response = http.request(method, run.gate_url + path, body === undefined ? null : JSON.stringify(body), {
      headers: { authorization: `Bearer ${session}`, 'content-type': 'application/json', ...headers },
      timeout: REQUEST_TIMEOUT,
      redirects: 0,
      tags: { name: ask },
    })
    const told = readBody(response)
    answers.push(printed(ask, sent_ms, response, told))
    return { http: response.status, body: told }
  }

  try {
    const reservation = reserve(tell, `load-${index}`)
    if (reservation !== '') follow(tell, reservation, pays(index))
  } finally {
    const line: PrintedShopper = [index, answers]
    console.log(JSON.stringify(line))
  }
}

type Tell = (ask: string, method: string, path: string, body?: object, headers?: Record<string, string>) => Told

function reserve(tell: Tell, key: string): string {
  const headers: Record<string, string> = { 'idempotency-key': key }
  for (let tries = 0; tries <= RETRIES_MAX; tries++) {
    const { http: status, body } = tell(
      'reserve',
      'POST',
      `/sales/${run.sale}/reservations`,
      { sku: run.sku, quantity: run.quantity },
      headers,
    )
    if (body.reservation !== undefined) return body.reservation
    const is_unknown = status === 0 || status >= 500
    if (is_unknown) headers['x-rush-retry'] = '1'
    else if (!run.waits_for.includes(body.code ?? '')) return ''
    pause(is_unknown ? (body.retry_after_ms ?? run.wait_ms) : run.wait_ms)
  }
  return ''
}

function follow(tell: Tell, reservation: string, will_pay: boolean): void {
  let has_paid = false
  for (let polls = 0; polls < POLLS_MAX; polls++) {
    const { body } = tell('poll', 'GET', `/reservations/${reservation}`)
    if (FINAL.includes(body.status ?? '')) return
    if (body.status === 'confirmed' && !has_paid) {
      if (!will_pay && !run.follows_unpaid) return
      if (will_pay) {
        const [least_ms, most_ms] = run.pays_after_ms
        sleep((least_ms + Math.random() * (most_ms - least_ms)) / 1000)
        has_paid = pay(tell, reservation)
        if (has_paid) continue
      }
    }
    pause(Math.max(POLL_MIN_MS, body.poll_after_ms ?? body.retry_after_ms ?? run.wait_ms))
  }
}

function pay(tell: Tell, reservation: string): boolean {
  const { body } = tell('pay', 'POST', `/reservations/${reservation}/payment`)
  if (body.redirect === undefined) return false
  const path = body.redirect.replace(/^https?:\/\/[^/]+/, '')
  return tell('settle', 'POST', path, { outcome: 'success' }).http < 400
}

function pays(index: number): boolean {
  return index >= run.unpaid_first && (index * 37) % 100 < run.pay_of_100
}

/** With some spread, so that shoppers told the same time do not come back in step. */
function pause(wait_ms: number): void {
  sleep((wait_ms * (0.8 + Math.random() * 0.4)) / 1000)
}

function readBody(response: RefinedResponse<'text'>): Body {
  try {
    return (JSON.parse(response.body) as Body | null) ?? {} // null: no answer
  } catch {
    return {} // a page of the payment provider
  }
}

function printed(ask: string, sent_ms: number, response: RefinedResponse<'text'>, body: Body): PrintedAnswer {
  const { duration, connecting } = response.timings
  const latency_ms = Math.round((duration + connecting) * 1000) / 1000
  return [
    ask,
    sent_ms,
    Date.now(),
    latency_ms,
    response.status,
    body.code ?? '',
    body.reservation ?? '',
    response.status < 300 ? (body.status ?? '') : '',
    body.units ?? [],
    body.order ?? '',
    body.pay_by ?? '',
  ]
}

export function handleSummary(data: { metrics: Record<string, { values: Record<string, number> }> }) {
  return { [`${__ENV.RUN_DIR}/summary.json`]: JSON.stringify(data.metrics) }
}
