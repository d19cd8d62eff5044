// The script of limits that gates share, in a real Redis: histories with pauses, several asks in one batch, and keys that end, never
// exceed capacity + time / interval in any window; a Redis that lost everything gives its start, and not the whole.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { rateKey, ratesBornKey } from '../../contract/keys'
import { Random } from '../../scripts/random'
import { startTestRedis, type TestRedis } from './redis'

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)
const INTERVAL_MS = 4
const CAPACITY = 60
const START = 15

let server: TestRedis
let redis: Redis
let script: string

beforeAll(async () => {
  server = await startTestRedis()
  redis = new Redis(server.server.url)
  script = readFileSync(fileURLToPath(new URL('../../dist/redis/rate.lua', import.meta.url)), 'utf8')
})

afterAll(async () => {
  redis.disconnect()
  await server.remove()
})

interface Said {
  given: number
  ms: number
}

async function take(subjects: string[], wanted: number[]): Promise<Said[]> {
  const keys = [ratesBornKey(0), ...subjects.map((subject) => rateKey(0, subject))]
  const items = wanted.map((each, i) => `${String(i).padStart(22, '0')}${INTERVAL_MS} ${CAPACITY} ${START} ${each}`)
  const reply = (await redis.eval(script, keys.length, ...keys, 'b7', ...items)) as string
  const [batch, ...lines] = reply.split('\n')
  expect(batch).toBe('b7')
  expect(lines).toHaveLength(items.length)
  return lines.map((line, i) => {
    const [name, given, ms] = line.split(' ')
    expect(name).toBe(String(i).padStart(22, '0'))
    return { given: Number(given), ms: Number(ms) }
  })
}

test('starts with its start, and is full after a while', async () => {
  await redis.flushall()
  const began = performance.now()
  let given = 0
  for (let i = 0; i < 40; i++) given += (await take(['new'], [1]))[0]?.given ?? 0
  expect(given).toBeGreaterThanOrEqual(START)
  expect(given).toBeLessThanOrEqual(START + (performance.now() - began + 1) / INTERVAL_MS)
  await sleep(CAPACITY * INTERVAL_MS + 20)
  const [one] = await take(['other'], [1000])
  // the others' half is left
  expect(one?.given).toBe(CAPACITY / 2)
  expect(await redis.pttl(rateKey(0, 'other'))).toBeLessThanOrEqual((CAPACITY / 2) * INTERVAL_MS + 2)
})

test('says when the next is there, and then it is', async () => {
  let said: Said | undefined
  do [said] = await take(['waits'], [1000])
  while (said?.given !== 0)
  expect(said.ms).toBeGreaterThan(0)
  expect(said.ms).toBeLessThanOrEqual(INTERVAL_MS)
  await sleep(said.ms + 2)
  expect((await take(['waits'], [1]))[0]?.given).toBe(1)
})

test(`never more than capacity + time / interval (seed ${SEED})`, async () => {
  const random = new Random(SEED)
  const subjects = ['a', 'b', 'c']
  const taken: { subject: string; from_ms: number; to_ms: number; given: number }[] = []
  for (let round = 0; round < 400; round++) {
    const asked = Array.from({ length: random.between(1, 12) }, () => random.pick(subjects))
    const from_ms = performance.now()
    const said = await take(
      asked,
      asked.map(() => (random.chance(0.5) ? 1 : random.between(2, 40))),
    )
    const to_ms = performance.now()
    for (const [i, { given }] of said.entries()) taken.push({ subject: asked[i] as string, from_ms, to_ms, given })
    if (random.chance(0.05)) await sleep(random.between(1, 300))
  }
  for (const subject of subjects) {
    const own = taken.filter((each) => each.subject === subject && each.given > 0)
    expect(own.length).toBeGreaterThan(10)
    for (const [i, first] of own.entries()) {
      let sum = 0
      for (const last of own.slice(i)) {
        sum += last.given
        // Redis' clock has microseconds, and is the same machine's
        const most = CAPACITY + (last.to_ms - first.from_ms + 1) / INTERVAL_MS
        if (sum > most) throw new Error(`${subject}: ${sum} given where ${most} are the most`)
      }
    }
  }
})
