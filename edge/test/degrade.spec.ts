// Degradation and breakers of a real gate: set by hand, raised by its own load, and with backend or Redis hanging or gone.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, type DemoSession, type Shop, sleep, startShop, until } from './shop'

const BACKEND_OPEN = 'rushgate_breaker_open{upstream="backend"}'
const REDIS_OPEN = 'rushgate_breaker_open{upstream="redis"}'
const LEVEL = 'rushgate_degrade_level'
/** a refusal that waits for nothing, on a machine that has other things to do; time-outs here are 1 s to 15 s */
const AT_ONCE_MS = 1500

/** more than two of a worker's looks at what its node knows: the gauge is one worker's, the other refuses from its next look on */
const BOTH_KNOW_MS = 250

let shop: Shop
let folder: string
let sessions: DemoSession[]

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rushgate-degrade-'))
  const config = join(folder, 'rushgate.json')
  writeFileSync(config, JSON.stringify({ version: 1, degrade: { quiet_ms: 1000 } }))
  shop = await startShop({ workers: 2, config })
  await shop.open('sale', { total: 1000, user_max: 5 })
  sessions = await shop.sessions(60, 'degrade')
})

afterAll(async () => {
  await shop.close()
  rmSync(folder, { recursive: true, force: true })
})

function session(i: number): string {
  return sessions[i % sessions.length]?.session ?? ''
}

async function left(): Promise<unknown> {
  const { body } = await shop.get('/sales/sale/state')
  return (body.skus as { left: unknown }[])[0]?.left
}

/** Ten at once; the fastest way to see whether anybody waits. */
async function timed(ask: (i: number) => Promise<Answer>): Promise<{ answers: Answer[]; slowest_ms: number }> {
  let slowest_ms = 0
  const answers = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      const started = performance.now()
      const answer = await ask(i)
      slowest_ms = Math.max(slowest_ms, performance.now() - started)
      return answer
    }),
  )
  return { answers, slowest_ms }
}

const cart = (i: number) => shop.get('/sales/sale/reservations', session(i))

/** Refused at once, with waits that differ. */
async function expectRefusedAtOnce(ask: (i: number) => Promise<Answer>): Promise<void> {
  const { answers, slowest_ms } = await timed(ask)
  expect(answers.map(({ status, body }) => [status, body.code])).toEqual(answers.map(() => [503, 'unavailable']))
  expect(slowest_ms).toBeLessThan(AT_ONCE_MS)
  for (const { headers } of answers) expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(new Set(answers.map(({ body }) => body.retry_after_ms)).size).toBeGreaterThan(3)
  expect(answers.every(({ body }) => typeof body.receipt === 'string')).toBe(true)
}

describe('by hand', () => {
  it('reaches every worker within a second or so, and stays with the gate while the backend is away', async () => {
    await until(async () => (await left()) === 1000)
    await shop.stack.admin('PUT', '/admin/degrade', { level: 1 })
    const started = performance.now()
    await until(async () => {
      for (let i = 0; i < 8; i++) if ((await left()) !== 'many') return false
      return true
    })
    console.log(`bands everywhere after ${Math.round(performance.now() - started)} ms`)
    expect((await shop.get('/sales/sale/state')).body.poll_after_ms).toBe(6000)
    // one worker keeps the gauge
    await until(async () => (await shop.metric(LEVEL)) === 1)
    await shop.stack.admin('PUT', '/admin/degrade', { level: 'auto' })
    await until(async () => (await left()) === 1000)
    await until(async () => (await shop.metric(LEVEL)) === 0)
    expect(shop.stack.error_log()).toMatch(/degradation: level 1 eased \(by hand 1, by load 0\)/)
  })
})

describe('a backend that is away', () => {
  it('hanging: what needs it is refused at once after a while, purchases go on, and it closes by itself', async () => {
    expect((await cart(0)).status).toBe(200)
    shop.stack.backend.kill('SIGSTOP')
    await until(async () => (await shop.metric(BACKEND_OPEN)) === 1)
    await sleep(BOTH_KNOW_MS)
    await expectRefusedAtOnce(cart)
    const bought = await timed((i) => shop.buy('sale', session(i), `hang-${i}`))
    expect(bought.answers.map(({ status }) => status)).toEqual(bought.answers.map(() => 202))
    shop.stack.backend.kill('SIGCONT')
    await until(async () => (await cart(0)).status === 200)
    await until(async () => (await shop.metric(BACKEND_OPEN)) === 0)
  })

  it('gone: the same', async () => {
    shop.stack.backend.kill('SIGKILL')
    await until(async () => (await cart(1)).status === 503 && (await shop.metric(BACKEND_OPEN)) === 1)
    await sleep(BOTH_KNOW_MS)
    await expectRefusedAtOnce(cart)
    const bought = await timed((i) => shop.buy('sale', session(i), `gone-${i}`))
    expect(bought.answers.map(({ status }) => status)).toEqual(bought.answers.map(() => 202))
    await shop.stack.backend.stop()
    await shop.stack.backend.start()
    await until(async () => (await cart(0)).status === 200)
    await until(async () => (await shop.metric(BACKEND_OPEN)) === 0)
    const log = shop.stack.error_log()
    expect(log.match(/breaker: backend: open/g)?.length).toBeGreaterThanOrEqual(2)
    expect(log.match(/breaker: backend: closed again/g)?.length).toBeGreaterThanOrEqual(2)
  })
})

describe('a Redis that hangs', () => {
  it('is answered for at once after its first time-out, raises the level, and both pass by themselves', async () => {
    shop.stack.redis.kill('SIGSTOP')
    const first = Array.from({ length: 20 }, (_, i) => shop.buy('sale', session(20 + i), `redis-${i}`))
    await until(async () => (await shop.metric(LEVEL)) >= 1)
    await until(async () => (await shop.metric(REDIS_OPEN)) === 2)
    await expectRefusedAtOnce((i) => shop.buy('sale', session(40 + i), `redis-late-${i}`))
    expect(await left()).not.toBe('none')
    shop.stack.redis.kill('SIGCONT')
    for (const answer of await Promise.all(first)) expect([202, 503]).toContain(answer.status)
    const retried = await Promise.all(first.map((_, i) => shop.buyForSure('sale', session(20 + i), `redis-${i}`)))
    expect(retried.map(({ status }) => status)).toEqual(retried.map(() => 202))
    await until(async () => (await shop.metric(REDIS_OPEN)) === 0)
    await until(async () => (await shop.metric(LEVEL)) === 0)
    await sleep(300)
    expect(typeof (await left())).toBe('number')
    expect(shop.stack.error_log()).toContain('lane: Redis is back')
  })
})
