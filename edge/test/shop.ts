// A stack with one open sale, and shoppers to buy there, for tests of the gate.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Stack, type StackOptions, startStack } from '../../scripts/stack'

export interface DemoSession {
  user: string
  session: string
}

export interface Answer {
  status: number
  headers: Headers
  body: Record<string, unknown>
}

const TIMEOUT_MS = 20_000

export class Shop {
  constructor(
    readonly stack: Stack,
    readonly dir: string,
  ) {}

  async open(id: string, sku: Record<string, unknown>, more: Record<string, unknown> = {}): Promise<void> {
    const now = Date.now()
    await this.stack.admin('POST', '/admin/sales', {
      id,
      title: `Sale ${id}`,
      opens_at: new Date(now - 1000).toISOString(),
      closes_at: new Date(now + 3_600_000).toISOString(),
      skus: [{ sku: 'shoe', title: 'Shoe', price: { amount_minor: 4999, currency: 'EUR' }, ...sku }],
      ...more,
    })
    await this.stack.admin('POST', `/admin/sales/${id}/open`)
    // every worker says so then (sales.spec.ts)
    await until(async () => (await this.get(`/sales/${id}/state`)).body.phase === 'open')
  }

  async sessions(count: number, prefix: string): Promise<DemoSession[]> {
    const answer = await this.stack.admin<{ sessions: DemoSession[] }>('POST', '/admin/demo-sessions', {
      count,
      prefix,
    })
    return answer.sessions
  }

  async get(path: string, session?: string): Promise<Answer> {
    return this.call('GET', path, session === undefined ? {} : { authorization: `Bearer ${session}` })
  }

  async buy(
    sale: string,
    session: string,
    key: string,
    quantity = 1,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const all = {
      authorization: `Bearer ${session}`,
      'content-type': 'application/json',
      'idempotency-key': key,
      ...headers,
    }
    return this.call('POST', `/sales/${sale}/reservations`, all, JSON.stringify({ sku: 'shoe', quantity }))
  }

  /** Buys, and asks again with the same key for as long as the outcome is not known. */
  async buyForSure(sale: string, session: string, key: string): Promise<Answer> {
    for (let attempt = 0; ; attempt++) {
      const headers: Record<string, string> = attempt === 0 ? {} : { 'x-rush-retry': '1' }
      const answer = await this.buy(sale, session, key, 1, headers).catch(() => undefined)
      if (answer !== undefined && answer.status !== 503 && answer.status !== 429) return answer
      if (attempt > 60) throw new Error(`no answer after ${attempt} tries: ${JSON.stringify(answer?.body)}`)
      await sleep(150)
    }
  }

  async call(
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: string | Uint8Array,
  ): Promise<Answer> {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const response = await fetch(this.stack.urls.gate + path, { method, headers, body, signal, redirect: 'manual' })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: parse(text) }
  }

  /** Value of a series in the gate's metrics; 0 when it is not there. */
  async metric(series: string): Promise<number> {
    const text = await (await fetch(this.stack.urls.metrics, { signal: AbortSignal.timeout(TIMEOUT_MS) })).text()
    const line = text.split('\n').find((each) => each.startsWith(`${series} `))
    return line === undefined ? 0 : Number(line.slice(series.length + 1))
  }

  async close(): Promise<void> {
    await this.stack.stop()
    rmSync(this.dir, { recursive: true, force: true })
  }
}

export async function startShop(options: Omit<StackOptions, 'dir'> = {}): Promise<Shop> {
  const dir = mkdtempSync(join(tmpdir(), 'rushgate-gate-'))
  return new Shop(await startStack({ ...options, dir }), dir)
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export async function until(is_so: () => Promise<boolean>, timeout_ms = 15_000): Promise<void> {
  const deadline = Date.now() + timeout_ms
  while (!(await is_so().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`not so after ${timeout_ms} ms: ${is_so}`)
    await sleep(50)
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return { text }
  }
}
