// Rate limits under four real workers: what is counted in shared memory is never over-admitted, and nearly never less.
import { Agent, request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askFrom, type OwnAnswer, startOwnGate } from './own-plugin'
import { type Shop, sleep, until } from './shop'

const WORKERS = 4
const CONNECTIONS = 48
/** so many connections are answered far more often */
const PAUSE_MS = 50

interface Counted {
  admitted: number
  refused: number
  /** from before the first was asked to after the last was answered */
  span_ms: number
  /** of it, pauses without any answer: a machine that stands still uses nothing of what the rate brings */
  idle_ms: number
  workers: Set<string>
}

/** Asks on many connections at once, until `is_over` says so. */
async function load(shop: Shop, key: string, is_over: (asked: number) => boolean): Promise<Counted> {
  // a new connection each time, so that every worker gets its share
  const agent = new Agent({ keepAlive: false, maxSockets: CONNECTIONS })
  const counted: Counted = { admitted: 0, refused: 0, span_ms: 0, idle_ms: 0, workers: new Set() }
  const began = Date.now()
  let last_ms = began
  let asked = 0
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request(`${shop.stack.urls.gate}/sales`, { agent, headers: { 'x-key': key } }, (answer) => {
        let text = ''
        answer.on('data', (part) => (text += part))
        answer.on('end', () => {
          const gap_ms = Date.now() - last_ms
          last_ms += gap_ms
          if (gap_ms > PAUSE_MS) counted.idle_ms += gap_ms
          if (answer.statusCode === 200) {
            counted.admitted += 1
            counted.workers.add(text)
          } else if (answer.statusCode === 429) counted.refused += 1
          else reject(new Error(`${answer.statusCode} ${text}`))
          resolve()
        })
      })
      sent.on('error', reject)
      sent.end()
    })
  const connection = async (): Promise<void> => {
    while (!is_over(asked)) {
      asked += 1
      await one()
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, connection))
  counted.span_ms = Date.now() - began
  agent.destroy()
  return counted
}

function limit(name: string, settings: Record<string, unknown>): Record<string, unknown> {
  return { name, by: 'header', header: name, ...settings }
}

describe('limits of a node with four workers', () => {
  let shop: Shop
  beforeAll(async () => {
    const limits = [{ name: 'address', by: 'address', rate: 1_000_000 }]
    const config = {
      plugins: {
        'rate-limit': { limits: [...limits, limit('x_key', { rate: 100, burst: 300 })] },
      },
    }
    shop = await startOwnGate('tostring(ngx.worker.id())', config, ['rate-limit'], { workers: WORKERS })
  })
  afterAll(() => shop?.close())

  it('admit the burst and what the rate brings, and no more; after a pause the same again', async () => {
    for (const pause_ms of [0, 1500, 4000]) {
      await sleep(pause_ms)
      const counted = await load(shop, 'a', (asked) => asked >= 3000)
      const allowed = 300 + counted.span_ms / 10
      expect(counted.admitted).toBeLessThanOrEqual(allowed)
      expect(counted.refused).toBeGreaterThan(0)
      const used_ms = counted.span_ms - counted.idle_ms
      if (pause_ms !== 1500) expect(counted.admitted).toBeGreaterThan(300 + (used_ms / 10) * 0.8 - 20)
    }
  })

  it('admit many beginnings of idle subjects exactly', async () => {
    for (let i = 0; i < 8; i++) {
      const counted = await load(shop, `b${i % 2}`, (asked) => asked >= 600)
      expect(counted.admitted).toBeLessThanOrEqual(300 + counted.span_ms / 10)
    }
  })

  it('say so in headers', async () => {
    await load(shop, 'c', (asked) => asked >= 700)
    // more at once than the rate brings meanwhile, on however slow a machine
    let refused: OwnAnswer | undefined
    await until(async () => {
      const asked = Array.from({ length: 100 }, () => askFrom(shop, '127.0.0.1', { 'x-key': 'c' }))
      refused = (await Promise.all(asked)).find(({ status }) => status === 429)
      return refused !== undefined
    })
    if (refused === undefined) throw new Error('nobody was refused')
    expect(refused.headers['ratelimit-policy']).toBe('"x_key";q=100;w=1')
    expect(refused.headers.ratelimit).toBe('"x_key";r=0;t=1')
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(JSON.parse(refused.text).code).toBe('rate_limited')
    expect(await shop.metric('rushgate_plugin_events_total{plugin="rate-limit",event="x_key"}')).toBeGreaterThan(0)
  })
})

describe('a burst that is not refilled', () => {
  let shop: Shop
  beforeAll(async () => {
    const limits = [limit('x_key', { rate: 500, per_s: 86400, algorithm: 'token_bucket' })]
    const waiting = { name: 'slow', by: 'header', header: 'x_slow', algorithm: 'leaky_bucket', rate: 20, per_s: 1 }
    const config = { plugins: { 'rate-limit': { limits: [...limits, { ...waiting, delay_ms_max: 400 }] } } }
    shop = await startOwnGate('tostring(ngx.worker.id())', config, ['rate-limit'], { workers: WORKERS })
  })
  afterAll(() => shop?.close())

  it('is admitted to the last request, and not one more', async () => {
    const workers = new Set<string>()
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const counted = await load(shop, key, (asked) => asked >= 1500)
      expect(counted.admitted).toBe(500)
      for (const worker of counted.workers) workers.add(worker)
    }
    expect(workers.size).toBeGreaterThan(1)
  })

  it('leaky bucket lets through evenly', async () => {
    const began = Date.now()
    const ends: number[] = []
    const ask = async (): Promise<number> => {
      const answer = await askFrom(shop, '127.0.0.1', { 'x-slow': 'a' })
      if (answer.status === 200) ends.push(Date.now() - began)
      return answer.status
    }
    const statuses = await Promise.all(Array.from({ length: 20 }, ask))
    const admitted = statuses.filter((status) => status === 200).length
    expect(admitted).toBeGreaterThanOrEqual(8)
    expect(admitted).toBeLessThanOrEqual(9 + Math.ceil((Math.max(...ends) + 50) / 50))
    expect(Math.max(...ends)).toBeGreaterThanOrEqual((admitted - 2) * 50 - 20)
  })
})
