// Locks in Redis: one owner at a time, released by the owner alone, lost when their time is up.
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RedisLock } from '../src/locks/redis-lock'
import { Scripts } from '../src/redis/scripts'
import { startTestRedis, type TestRedis } from './redis'

let server: TestRedis
let redis: Redis

beforeAll(async () => {
  server = await startTestRedis()
  redis = new Redis(server.server.url)
})

afterAll(async () => {
  redis.disconnect()
  await server.remove()
})

test('one owner at a time; another spins until it is released', async () => {
  const first = new RedisLock(redis, 'a', 'one', 5000)
  const second = new RedisLock(redis, 'a', 'two', 5000)
  expect(await first.acquire()).toBe(true)
  expect(await second.acquire()).toBe(false)
  const started = performance.now()
  expect(await second.acquire(150)).toBe(false)
  expect(performance.now() - started).toBeGreaterThan(140)
  const waiting = second.acquire(5000)
  await sleep(50)
  expect(await first.release()).toBe(true)
  expect(await waiting).toBe(true)
})

test('only the owner releases or extends; who lost it by time does not take it from the next', async () => {
  const first = new RedisLock(redis, 'b', 'one', 60)
  const second = new RedisLock(redis, 'b', 'two', 5000)
  expect(await first.acquire()).toBe(true)
  expect(await second.release()).toBe(false)
  await sleep(90)
  expect(await second.acquire()).toBe(true)
  expect(await first.release()).toBe(false)
  expect(await first.extend()).toBe(false)
  expect(await redis.get('rg1:lock:b')).toBe('two')
  expect(await second.release()).toBe(true)
})

test('an owner that was killed and started again finds its own lock', async () => {
  expect(await new RedisLock(redis, 'c', 'one', 5000).acquire()).toBe(true)
  expect(await new RedisLock(redis, 'c', 'one', 5000).acquire()).toBe(true)
})

test('of many that try at once exactly one gets it', async () => {
  const tries = Array.from({ length: 20 }, (_, i) => new RedisLock(redis, 'd', `owner-${i}`, 5000).acquire())
  expect((await Promise.all(tries)).filter(Boolean).length).toBe(1)
})

test('scripts that Redis has forgotten are taught again, in the middle of a pipeline too', async () => {
  const scripts = new Scripts()
  const call = (epoch: number) => ({ keys: ['rg1:{s.0}:meta', 'rg1:{s.0}:intents'], args: [epoch] })
  expect(await scripts.run(redis, 'close', call(3))).toBe('0-0')
  await redis.script('FLUSH')
  expect(await scripts.runMany(redis, 'close', [call(3), call(2), call(4)])).toEqual(['0-0', 'stale', '0-0'])
  expect(await redis.hget('rg1:{s.0}:meta', 'epoch')).toBe('4')
  await redis.set('rg1:{t.0}:meta', 'not a hash')
  const wrong = { keys: ['rg1:{t.0}:meta', 'rg1:{t.0}:intents'], args: [1] }
  await expect(scripts.runMany(redis, 'close', [call(5), wrong])).rejects.toThrow('WRONGTYPE')
})
