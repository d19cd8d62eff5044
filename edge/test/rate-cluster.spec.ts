// Limits of scope cluster before a real Redis: two gates with two workers each never admit more than the limit together, nor, while
// Redis is away, more than what they declare. The seed of each run is in its name.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestRedis, type TestRedis } from '../../backend/test/redis'
import { Random } from '../../scripts/random'
import { type AnotherGate, startAnotherGate } from '../../scripts/stack'
import { askFrom, OWN_PLUGIN } from './own-plugin'
import { type Shop, sleep, startShop } from './shop'

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)
const CONNECTIONS = 8
const RATE = 200
const BURST = 300
const SHARE = 0.25
const NODES = 2
const WINDOW_STEP_MS = 100
/** sixteen connections are answered far more often */
const PAUSE_MS = 50
const LOAD_MS_MAX = 15_000

const LIMIT = { by: 'header', rate: RATE, burst: BURST, scope: 'cluster', share_when_alone: SHARE * 100 }
const LIMITS = [
  { ...LIMIT, name: 'exact', header: 'x_exact', lease_ms: 0 },
  { ...LIMIT, name: 'leased', header: 'x_leased', lease_ms: 200 },
  { ...LIMIT, name: 'ample', header: 'x_ample', rate: 20_000, burst: 20_000, lease_ms: 200 },
  { ...LIMIT, name: 'slow', header: 'x_slow', rate: 1, per_s: 60, burst: 2, algorithm: 'sliding_window' },
]

let folder: string
let volatile: TestRedis
let shop: Shop
let other: AnotherGate
let redis: Redis

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rushgate-cluster-'))
  volatile = await startTestRedis()
  redis = new Redis(volatile.server.url)
  // it is killed and comes back
  redis.on('error', () => {})
  writeFileSync(join(folder, 'own.lua'), OWN_PLUGIN.replace('BODY', '"hello"'))
  const config = join(folder, 'rushgate.json')
  const plugins = { 'rate-limit': { limits: LIMITS } }
  writeFileSync(config, JSON.stringify({ version: 1, plugins, routes: { sales: { plugins: ['rate-limit', 'own'] } } }))
  const env = {
    RUSHGATE_PLUGINS: 'own',
    RUSHGATE_PLUGIN_PATH: join(folder, '?.lua'),
    REDIS_VOLATILE_URL: volatile.server.url,
  }
  shop = await startShop({ config, env, workers: 2 })
  other = await startAnotherGate(shop.stack, 'gate2', { config, env, workers: 2 })
})

afterAll(async () => {
  await other?.gate.stop()
  await shop?.close()
  redis?.disconnect()
  await volatile?.remove()
  rmSync(folder, { recursive: true, force: true })
})

interface Counted {
  admitted: number
  refused: number
  /** of the admitted: when each was asked and when it was answered */
  asked_ms: number[]
  answered_ms: number[]
  /** from before the first was asked to after the last was answered */
  span_ms: number
  /** of it, pauses without any answer: a machine that stands still uses nothing of what the rate brings */
  idle_ms: number
}

/** Asks both gates on many connections for so long; `pause_ms` between two asks of a connection. */
async function load(
  headers: Record<string, string>,
  for_ms: number,
  pause_ms = 0,
  until_refused = false,
): Promise<Counted> {
  const counted: Counted = { admitted: 0, refused: 0, asked_ms: [], answered_ms: [], span_ms: 0, idle_ms: 0 }
  const began = Date.now()
  let last_ms = began
  const connection = async (url: string): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    // a machine that is slow at first goes on until all that may be admitted is
    const isOver = () => Date.now() - began >= (counted.refused > 0 ? for_ms : LOAD_MS_MAX)
    while (until_refused ? !isOver() : Date.now() - began < for_ms) {
      const asked_ms = Date.now() - began
      const status = await new Promise<number>((resolve, reject) => {
        const sent = request(`${url}/sales`, { agent, headers }, (answer) => {
          answer.resume()
          answer.on('end', () => resolve(answer.statusCode ?? 0))
        })
        sent.on('error', reject)
        sent.end()
      })
      const gap_ms = Date.now() - last_ms
      last_ms += gap_ms
      if (gap_ms > PAUSE_MS) counted.idle_ms += gap_ms
      if (status === 200) {
        counted.admitted += 1
        counted.asked_ms.push(asked_ms)
        counted.answered_ms.push(Date.now() - began)
      } else if (status === 429) counted.refused += 1
      else throw new Error(`status ${status}`)
      if (pause_ms > 0) await sleep(pause_ms)
    }
    agent.destroy()
  }
  const urls = [shop.stack.urls.gate, other.urls.gate]
  await Promise.all(urls.flatMap((url) => Array.from({ length: CONNECTIONS }, () => connection(url))))
  counted.span_ms = Date.now() - began
  return counted
}

function whole(span_ms: number): number {
  return BURST + (span_ms / 1000) * RATE
}

/** In every window: of those asked and answered within it, not more than `factor` times the whole, and `more`. */
function expectBounded(counted: Counted, factor: number, more = 0): void {
  for (let from = 0; from < counted.span_ms; from += WINDOW_STEP_MS) {
    const answered = counted.answered_ms.filter((_, i) => (counted.asked_ms[i] as number) >= from).sort((a, b) => a - b)
    for (const [i, to] of answered.entries()) {
      // clocks of this test have a resolution of a millisecond
      expect(i + 1).toBeLessThanOrEqual(factor * whole(to - from + 2) + more)
    }
  }
}

async function trips(): Promise<number> {
  await sleep(2200) // counts are handed over once a second
  return shop.metric('rushgate_volatile_lane_items_total')
}

/** Each of both kinds under a load of its own, at the same time. */
function loadBoth(subject: string, for_ms: number, until_refused = false): Promise<Counted[]> {
  const loadOne = (name: string) => load({ [name]: `${subject}-${SEED}` }, for_ms, 0, until_refused)
  return Promise.all(['x-exact', 'x-leased'].map(loadOne))
}

describe(`limits that two gates share, asked for each time and leased (seed ${SEED})`, () => {
  it('are never exceeded, and used up', async () => {
    for (const pause_ms of [0, 1000]) {
      await sleep(pause_ms)
      for (const counted of await loadBoth('calm', 2000, true)) {
        expectBounded(counted, 1)
        expect(counted.refused).toBeGreaterThan(0)
        const refilled = pause_ms === 0 ? BURST : (pause_ms / 1000) * RATE
        const used_ms = counted.span_ms - counted.idle_ms
        expect(counted.admitted).toBeGreaterThan(0.6 * (refilled + (used_ms / 1000) * RATE))
      }
    }
  })

  it('are bounded by the share of each while Redis is away, and whole again after', async () => {
    const random = new Random(SEED)
    for (const signal of random.chance(0.5) ? (['SIGKILL', 'SIGSTOP'] as const) : (['SIGTERM', 'SIGSTOP'] as const)) {
      const loading = loadBoth(signal, 3500)
      await sleep(random.between(400, 1000))
      volatile.server.kill(signal)
      await sleep(random.between(800, 1400))
      if (signal === 'SIGSTOP') volatile.server.kill('SIGCONT')
      else await volatile.server.start()
      for (const counted of await loading) {
        expectBounded(counted, 1 + NODES * SHARE)
        expect(counted.refused).toBeGreaterThan(0)
      }
      // one probe in half a second finds out, in each worker
      await loadBoth(signal, 1200)
      for (const later of await loadBoth(signal, 1000)) {
        expect(later.admitted).toBeGreaterThan(0)
        expectBounded(later, 1)
      }
    }
  })

  it('give a share more, and not the whole, when Redis has lost what it knew', async () => {
    const loading = loadBoth('lost', 2000)
    await sleep(1000)
    await redis.flushall()
    for (const counted of await loading) {
      expectBounded(counted, 1, SHARE * BURST)
      expect(counted.admitted).toBeGreaterThan(0.6 * BURST)
    }
  })
})

describe('a subject that asks much', () => {
  it('and is within its limit, seldom waits for Redis', async () => {
    const before = await trips()
    // 16 connections with a pause of a millisecond: below 80 % of 20,000/s on the fastest machine
    const counted = await load({ 'x-ample': `seldom-${SEED}` }, 1500, 1)
    const asked = (await trips()) - before
    expect(counted.refused).toBe(0)
    expect(counted.admitted).toBeGreaterThan(200)
    expect(asked).toBeGreaterThan(0)
    // half of the requests came to the gate that counted
    expect(asked).toBeLessThan(counted.admitted / 4)
  })
})

it('a refusal says which limit, when to come back, and how', async () => {
  const ask = () => askFrom(shop, '127.0.0.1', { 'x-slow': `headers-${SEED}` })
  expect((await ask()).status).toBe(200)
  const refused = await ask()
  expect(refused.status).toBe(429)
  expect(refused.headers['ratelimit-policy']).toBe('"slow";q=1;w=60')
  expect(refused.headers.ratelimit).toMatch(/^"slow";r=0;t=(59|60)$/)
  // spread upwards, so that not all come back at once
  expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(59)
  expect(JSON.parse(refused.text)).toMatchObject({ code: 'rate_limited', status: 429 })
})
