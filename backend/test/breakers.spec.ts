// What the backend depends on hangs or is gone: after the first time-outs everybody is told at once, and it comes back by itself.
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { Breaker, BreakerOpen } from '../src/breaker'
import { guardedDb } from '../src/db/guarded-db'
import { PostgresDb } from '../src/db/postgres'
import { toRefusal } from '../src/http/errors'
import { Refusal } from '../src/http/refusal'
import { createMetrics } from '../src/metrics'
import { GuardedProvider } from '../src/payment/guarded-provider'
import type { PaymentProvider } from '../src/payment/provider'
import { createRedisClient } from '../src/redis/client'
import { startTestRedis } from './redis'
import { until } from './world'

const AT_ONCE_MS = 1000

const ends: (() => Promise<unknown> | unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function failure(call: Promise<unknown>): Promise<{ error: unknown; took_ms: number }> {
  const started = performance.now()
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return { error, took_ms: performance.now() - started }
}

describe('a payment provider', () => {
  const request = { key: 'k', amount_minor: 1, currency: 'EUR', reference: 'r', return_url: 'u' }

  it('that hangs is asked three times, then once in a while, and by all again when it has answered', async () => {
    let mood: 'hangs' | 'answers' | 'refuses' = 'refuses'
    let asked = 0
    const changes: boolean[] = []
    const provider = {
      name: 'moody',
      open: () => {
        asked += 1
        if (mood === 'refuses') return Promise.reject(new Refusal('conflict', 'no'))
        return mood === 'hangs' ? new Promise<never>(() => undefined) : Promise.resolve({ session: 's', redirect: 'r' })
      },
    } as unknown as PaymentProvider
    const breaker = new Breaker({
      name: 'payment provider',
      isFailure: (error) => !(error instanceof Refusal),
      onChange: (is_open) => changes.push(is_open),
    })
    const guarded = new GuardedProvider(provider, breaker, 100)
    for (let i = 0; i < 10; i++) expect((await failure(guarded.open(request))).error).toBeInstanceOf(Refusal)
    expect(changes).toEqual([])

    mood = 'hangs'
    asked = 0
    for (let i = 0; i < 3; i++) expect((await failure(guarded.open(request))).error).not.toBeInstanceOf(BreakerOpen)
    const { error } = await failure(guarded.open(request))
    expect(error).toBeInstanceOf(BreakerOpen)
    expect(toRefusal(error)).toMatchObject({ code: 'unavailable', options: { retry_after_ms: expect.any(Number) } })
    expect(asked).toBe(3)
    // the trial hangs too; nobody else waits for it
    await until('a trial is made', async () => {
      await Promise.all(Array.from({ length: 20 }, () => failure(guarded.open(request))))
      return asked > 3
    })
    const trials = asked - 3
    expect(trials).toBe(1)

    mood = 'answers'
    await until('it is closed', async () => (await failure(guarded.open(request))).error === undefined)
    expect(await guarded.open(request)).toEqual({ session: 's', redirect: 'r' })
    expect(changes).toEqual([true, false])
  })
})

describe('a PostgreSQL', () => {
  it('that takes connections and never answers holds up the first, and nobody after them', async () => {
    const sockets = new Set<Socket>()
    const silent: Server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
    })
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    ends.push(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
    const { port } = silent.address() as { port: number }
    const changes: boolean[] = []
    const bare = new PostgresDb({ database_url: `postgres://nobody@127.0.0.1:${port}/none` })
    const db = guardedDb(bare, (is_open) => changes.push(is_open))
    ends.push(() => db.close())
    const first = await Promise.all([1, 2, 3].map(() => failure(db.query('SELECT 1'))))
    for (const { error } of first) expect(error).not.toBeInstanceOf(BreakerOpen)
    const after = await Promise.all(
      [1, 2, 3].map(() => failure(db.transaction((queries) => queries.query('SELECT 1')))),
    )
    expect(changes).toEqual([true])
    for (const { took_ms } of after.filter(({ error }) => error instanceof BreakerOpen)) {
      expect(took_ms).toBeLessThan(AT_ONCE_MS)
    }
    // one of them may have been the trial
    expect(after.filter(({ error }) => error instanceof BreakerOpen).length).toBeGreaterThanOrEqual(2)
    for (const { error } of after) expect(toRefusal(error).code).toBe('unavailable')
  })
})

describe('a Redis', () => {
  it('that hangs costs one time-out, then commands fail at once, until it answers again', async () => {
    const redis = await startTestRedis()
    ends.push(() => redis.remove())
    const metrics = createMetrics()
    const client = createRedisClient({ url: redis.server.url, name: 'test', log: pino({ level: 'silent' }), metrics })
    ends.push(() => client.disconnect())
    await until('it is connected', () => client.status === 'ready')
    redis.server.kill('SIGSTOP')
    ends.push(() => redis.server.kill('SIGCONT'))
    await until('its connection is closed', () => client.status !== 'ready')
    for (let i = 0; i < 20; i++) {
      const { error, took_ms } = await failure(client.get('key'))
      expect(toRefusal(error).code).toBe('unavailable')
      expect(took_ms).toBeLessThan(AT_ONCE_MS)
      await sleep(50)
    }
    redis.server.kill('SIGCONT')
    await until('it answers again', async () => (await client.get('key')) === null)
  })
})
