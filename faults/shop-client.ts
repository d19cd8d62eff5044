// What a shopper's browser says to the gate: one request, one Answer for the checkers, nothing retried silently.
//
// node:http rather than fetch: a connection that breaks must show as an unknown outcome, never be repeated behind our back.
import { Agent, type IncomingMessage, request } from 'node:http'
import type { RefusalCode, ReservationStatus } from '../contract/codes'
import type { Answer, Ask } from './checkers/evidence'

const ANSWER_TIMEOUT_MS = 5000

export interface Call {
  ask: Ask
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  headers?: Record<string, string>
  body?: unknown
}

export interface Said {
  answer: Answer
  /** where the provider's page is, after `pay` */
  redirect: string
  /** what the answer asks us to wait before the next request */
  wait_ms: number
}

export class ShopClient {
  // the default agent of Node 20 closes an idle connection it was told would stay; ours keeps them as browsers do
  private readonly agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })

  constructor(private readonly gate_url: string) {}

  async call(session: string, call: Call): Promise<Said> {
    const sent_ms = Date.now()
    const { http, text } = await this.send(session, call).catch(() => ({ http: 0, text: '' }))
    return readAnswer(call.ask, sent_ms, Date.now(), http, text)
  }

  close(): void {
    this.agent.destroy()
  }

  private send(session: string, call: Call): Promise<{ http: number; text: string }> {
    const payload = call.body === undefined ? undefined : JSON.stringify(call.body)
    const headers: Record<string, string | number> = { authorization: `Bearer ${session}`, ...call.headers }
    if (payload !== undefined) {
      headers['content-type'] = 'application/json'
      headers['content-length'] = Buffer.byteLength(payload)
    }
    return new Promise((resolve, reject) => {
      const options = { method: call.method, headers, agent: this.agent, timeout: ANSWER_TIMEOUT_MS }
      const asked = request(this.gate_url + call.path, options, (response) => {
        readAll(response).then((text) => resolve({ http: response.statusCode ?? 0, text }), reject)
      })
      asked.once('timeout', () => asked.destroy(new Error('no answer in time')))
      asked.once('error', reject)
      asked.end(payload)
    })
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  if (!response.complete) throw new Error('the answer broke off')
  return Buffer.concat(chunks).toString()
}

export function readAnswer(ask: Ask, sent_ms: number, got_ms: number, http: number, text: string): Said {
  const body = parseObject(text)
  const pay_by = Date.parse(textOf(body.pay_by))
  const answer: Answer = {
    ask,
    sent_ms,
    got_ms,
    http,
    code: textOf(body.code) as RefusalCode | '',
    reservation: textOf(body.reservation),
    status: http < 300 ? (textOf(body.status) as ReservationStatus | '') : '',
    units: Array.isArray(body.units) ? body.units.map(Number) : [],
    order: textOf(body.order),
    pay_by_ms: Number.isNaN(pay_by) ? 0 : pay_by,
  }
  const wait_ms = Number(body.poll_after_ms ?? body.retry_after_ms ?? 0)
  return { answer, redirect: textOf(body.redirect), wait_ms: Number.isFinite(wait_ms) ? wait_ms : 0 }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
