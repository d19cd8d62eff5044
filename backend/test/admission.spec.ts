// The waiting room's scripts in a real Redis: random histories agree with the model (edge/src/domain/admission.ts) in every answer and
// in all that is kept, and the promises hold on their own.
//
// The script reads Redis' clock. Time is made to pass by moving every stored time back, in Redis and in the model alike.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { admissionKey, admittedKey, calledKey, calledUntilKey, checkoutKey, metaKey } from '../../contract/keys'
import {
  type Admission,
  type Admitted,
  advance,
  ask,
  freePlaces,
  leave,
  newAdmission,
} from '../../edge/src/domain/admission'
import { type AdmissionTerms, lookahead } from '../../edge/src/domain/waiting'
import { Random } from '../../scripts/random'
import { startTestRedis, type TestRedis } from './redis'

const SALE = 'spring'
const EPOCH = 3
const CLAIM_KEYS = [
  metaKey(SALE, 0),
  admissionKey(SALE),
  calledKey(SALE),
  calledUntilKey(SALE),
  admittedKey(SALE),
  checkoutKey(SALE),
]
const NUMBER_KEYS = [metaKey(SALE, 0), admissionKey(SALE), calledKey(SALE)]

let server: TestRedis
let redis: Redis
const scripts: Record<string, string> = {}

beforeAll(async () => {
  server = await startTestRedis()
  redis = new Redis(server.server.url)
  for (const name of ['claim', 'take-number', 'leave-checkout']) {
    scripts[name] = readFileSync(fileURLToPath(new URL(`../../dist/redis/${name}.lua`, import.meta.url)), 'utf8')
  }
})

afterAll(async () => {
  redis.disconnect()
  await server.remove()
})

interface Ask {
  number: number
  user: string
  pass_id: string
}

const TERMS: AdmissionTerms = { rate_per_s: 20, rate_now_per_s: 20, checkout_max: 30, pass_ms: 60_000 }

async function open(terms: AdmissionTerms, issued: number, gathers_ms = 0): Promise<Admission> {
  await redis.flushall()
  const [seconds] = await redis.time()
  const opened_ms = Number(seconds) * 1000 - 1000
  const model = newAdmission(terms, opened_ms)
  model.issued = issued
  if (gathers_ms > 0) model.admits_from_ms = opened_ms + gathers_ms
  await redis.hset(metaKey(SALE, 0), { epoch: EPOCH, state: 'open', opens_ms: opened_ms, closes_ms: opened_ms + 1e9 })
  await redis.hset(admissionKey(SALE), {
    ...terms,
    issued,
    issued_max: 1_000_000,
    front: 0,
    credit: model.credit,
    tokens: 0,
    at_ms: opened_ms,
    admits_from_ms: model.admits_from_ms,
  })
  return model
}

function nameOf(index: number): string {
  return String(index).padStart(22, '0')
}

async function run(name: string, keys: string[], texts: Buffer[]): Promise<string[]> {
  const items = texts.map((text, i) => Buffer.concat([Buffer.from(nameOf(i)), text]))
  const reply = (await redis.eval(scripts[name] as string, keys.length, ...keys, 'b1', ...items)) as string
  const [batch, ...lines] = reply.split('\n')
  expect(batch).toBe('b1')
  return lines.map((line, i) => {
    expect(line.slice(0, 23)).toBe(`${nameOf(i)} `)
    return line.slice(23)
  })
}

function claimText(one: Ask, admitting = 1, epoch = EPOCH): Buffer {
  const head = Buffer.alloc(33)
  head.writeUInt32BE(epoch, 0)
  head.writeUInt8(admitting, 4)
  head.write(one.pass_id, 5, 'latin1')
  head.writeUInt32BE(one.number, 27)
  head.writeUInt16BE(Buffer.byteLength(one.user), 31)
  return Buffer.concat([head, Buffer.from(one.user)])
}

const claim = (asks: Ask[], admitting = 1, epoch = EPOCH): Promise<string[]> =>
  run(
    'claim',
    CLAIM_KEYS,
    asks.map((one) => claimText(one, admitting, epoch)),
  )

function takeNumbers(count: number, epoch = EPOCH): Promise<string[]> {
  const text = Buffer.alloc(4)
  text.writeUInt32BE(epoch)
  return run('take-number', NUMBER_KEYS, Array<Buffer>(count).fill(text))
}

const leaveCheckout = (user: string, pass_id: string) =>
  redis.eval(scripts['leave-checkout'] as string, 2, admittedKey(SALE), checkoutKey(SALE), user, pass_id)

function person(number: number, user = `u${number}`): Ask {
  return { number, user, pass_id: `pass-of-${number}`.padEnd(22, '_') }
}

/** Everything that happened, happened `by_ms` earlier. */
async function pass(model: Admission, by_ms: number): Promise<void> {
  await redis.hincrby(admissionKey(SALE), 'at_ms', -by_ms)
  await redis.hincrby(metaKey(SALE, 0), 'opens_ms', -by_ms)
  if (model.admits_from_ms > 0) await redis.hincrby(admissionKey(SALE), 'admits_from_ms', -by_ms)
  for (const key of [calledUntilKey(SALE), checkoutKey(SALE)]) {
    for (const member of await redis.zrange(key, 0, -1)) await redis.zincrby(key, -by_ms, member)
  }
  for (const [user, record] of Object.entries(await redis.hgetall(admittedKey(SALE)))) {
    const [pass_id, expires_ms, turn_of] = record.split(' ')
    await redis.hset(admittedKey(SALE), user, `${pass_id} ${Number(expires_ms) - by_ms} ${turn_of}`)
  }
  model.at_ms -= by_ms
  if (model.admits_from_ms > 0) model.admits_from_ms -= by_ms
  model.until_ms = model.until_ms.map((until) => until - by_ms)
  for (const end of model.ends) end.expires_ms -= by_ms
  for (const one of Object.values(model.admitted) as Admitted[]) one.expires_ms -= by_ms
}

/** What the model says to the same batch at the same time. */
function modelClaims(
  model: Admission,
  terms: AdmissionTerms,
  now_ms: number,
  asks: Ask[],
  admitting: number,
): string[] {
  advance(model, terms, now_ms)
  return asks.map((one) => {
    const free = freePlaces(model, terms, admitting === 1)
    const answer = ask(model, terms, admitting === 1, one.number, one.user, one.pass_id)
    if (answer.status === 'expired') return 'expired'
    if (answer.status === 'admitted') return `admitted ${answer.pass_id} ${answer.expires_ms}`
    const { front, credit, called, in_checkout, issued } = model
    const rest = `${free} ${called.length} ${in_checkout} ${issued}`
    return `waiting ${answer.ahead} ${now_ms} ${front} ${Math.floor(credit / 1000)} ${rest}`
  })
}

async function agree(model: Admission): Promise<void> {
  const called = (await redis.zrange(calledKey(SALE), 0, -1)).map(Number)
  const until = await redis.zrange(calledUntilKey(SALE), 0, -1, 'WITHSCORES')
  const until_of = new Map(until.flatMap((member, i) => (i % 2 === 0 ? [[Number(member), Number(until[i + 1])]] : [])))
  const [front, credit, tokens] = await redis.hmget(admissionKey(SALE), 'front', 'credit', 'tokens')
  const in_redis = {
    front: Number(front),
    credit: Number(credit),
    tokens: Number(tokens),
    called,
    until_ms: called.map((number) => until_of.get(number)),
    in_checkout: await redis.zcard(checkoutKey(SALE)),
  }
  const { front: f, credit: c, tokens: t, called: n, until_ms, in_checkout } = model
  expect(in_redis).toEqual({ front: f, credit: c, tokens: t, called: n, until_ms, in_checkout })
  expect(until_of.size).toBe(called.length)
}

async function history(seed: number, steps: number): Promise<Record<string, number>> {
  const source = new Random(seed)
  const random = (): number => source.next()
  const below = (limit: number): number => Math.floor(random() * limit)
  // a large room now and then, where one command does not hold all numbers
  const scale = seed % 4 === 0 ? 100 : 1
  const terms: AdmissionTerms = {
    rate_per_s: 1 + below(30 * scale),
    rate_now_per_s: 0,
    checkout_max: 1 + below(40 * scale),
    pass_ms: 5000 + below(30_000),
  }
  terms.rate_now_per_s = terms.rate_per_s
  // a room made anew after a loss, now and then
  const model = await open(terms, 0, seed % 3 === 0 ? 1 + below(6000) : 0)
  const seen: Record<string, number> = {}
  for (let step = 0; step < steps; step++) {
    const what = random()
    if (what < 0.1) {
      const count = 1 + below(40 * scale)
      const numbers = (await takeNumbers(count)).map((line) => Number(line.split(' ')[1]))
      expect(numbers).toEqual(Array.from({ length: count }, (_, i) => model.issued + i + 1))
      model.issued += count
    } else if (what < 0.2) {
      await pass(model, below(4000))
    } else if (what < 0.23) {
      // the backlog of settlement changes what may come in
      terms.rate_now_per_s = below(terms.rate_per_s + 1)
      await redis.hset(admissionKey(SALE), 'rate_now_per_s', terms.rate_now_per_s)
    } else if (what < 0.35) {
      const users = Object.keys(model.admitted)
      const user = users[below(users.length)]
      if (user !== undefined) {
        const pass_id = random() < 0.9 ? (model.admitted[user] as Admitted).pass_id : 'x'.repeat(22)
        expect(await leaveCheckout(user, pass_id)).toBe(leave(model, user, pass_id) ? 'left' : 'not_there')
      }
    } else if (model.issued > 0) {
      // most ask near the front; some hold several tickets, some one beyond what was given out
      const near = Math.max(1, model.front - 30)
      const asks = Array.from({ length: 1 + below(12) }, () => {
        const number = random() < 0.8 ? near + below(40) : 1 + below(model.issued + 3)
        return person(number, random() < 0.9 ? `u${number}` : `u${1 + below(20)}`)
      })
      const admitting = random() < 0.9 ? 1 : 0
      const lines = await claim(asks, admitting)
      const now_ms = Number(await redis.hget(admissionKey(SALE), 'at_ms'))
      expect(lines).toEqual(modelClaims(model, terms, now_ms, asks, admitting))
      await agree(model)
      for (const line of lines) {
        const word = line.split(' ')[0] as string
        seen[word] = (seen[word] ?? 0) + 1
      }
    }
  }
  return seen
}

test('random histories agree with the model', { timeout: 240_000 }, async () => {
  const first = Number(process.env.SEED ?? Date.now() % 1_000_000)
  const total: Record<string, number> = {}
  const WANTED = ['waiting', 'admitted', 'expired']
  // some dozen come upon few places that ran out: then there are more
  const isEnough = () => WANTED.every((word) => (total[word] ?? 0) > 20)
  for (let seed = first; seed < first + 12 || (seed < first + 60 && !isEnough()); seed++) {
    try {
      for (const [word, count] of Object.entries(await history(seed, 150))) total[word] = (total[word] ?? 0) + count
    } catch (error) {
      throw new Error(`SEED=${seed}: ${error instanceof Error ? error.message : error}`, { cause: error })
    }
  }
  console.log(`seeds from ${first}: ${JSON.stringify(total)}`)
  for (const word of WANTED) expect(total[word]).toBeGreaterThan(20)
})

describe('claim', () => {
  let model: Admission
  beforeEach(async () => {
    model = await open(TERMS, 1000)
  })

  test('admits no more than the budget from many connections at once', async () => {
    await pass(model, 5000)
    const others = Array.from({ length: 8 }, () => redis.duplicate())
    const all = await Promise.all(
      Array.from({ length: 160 }, (_, i) => {
        const text = Buffer.concat([Buffer.from(nameOf(0)), claimText(person(i + 1))])
        const other = others[i % 8] as Redis
        return other.eval(scripts['claim'] as string, 6, ...CLAIM_KEYS, 'b1', text) as Promise<string>
      }),
    )
    for (const other of others) other.disconnect()
    const admitted = all.filter((reply) => reply.includes(' admitted ')).length
    expect(admitted).toBe(TERMS.checkout_max)
    expect(await redis.zcard(checkoutKey(SALE))).toBe(TERMS.checkout_max)
  })

  test('after a loss waits for all who are there, and then goes by number', async () => {
    model = await open({ ...TERMS, checkout_max: 1 }, 1000, 6500)
    await redis.hset(admissionKey(SALE), 'front', 1000)
    await pass(model, 4000)
    expect((await claim([person(9)]))[0]).toMatch(/^waiting 0 /)
    expect((await claim([person(4), person(9)])).map((line) => line.substring(0, 10))).toEqual([
      'waiting 0 ',
      'waiting 1 ',
    ])
    await pass(model, 2000)
    expect((await claim([person(9)]))[0]).toMatch(/^waiting 1 /)
    expect((await claim([person(4)]))[0]).toMatch(/^admitted /)
    expect((await claim([person(9)]))[0]).toMatch(/^waiting 0 /)
  })

  test('gives the same pass again, and to one user one', async () => {
    const [first] = await claim([person(1)])
    expect(first).toMatch(/^admitted pass-of-1_+ \d+$/)
    const again = await claim([{ ...person(1), pass_id: 'another-pass-id-of-22c' }, person(2, 'u1')])
    expect(again).toEqual([first, first])
    expect(await redis.zcard(checkoutKey(SALE))).toBe(1)
  })

  test('changes nothing under another epoch, in a closed shard, without a room, and before the opening', async () => {
    const before = await redis.hgetall(admissionKey(SALE))
    expect(await claim([person(1)], 1, EPOCH + 1)).toEqual(['rebuilding'])
    expect(await takeNumbers(1, EPOCH - 1)).toEqual(['rebuilding'])
    await redis.hset(metaKey(SALE, 0), 'state', 'closed')
    expect(await claim([person(1)])).toEqual(['rebuilding'])
    await redis.hset(metaKey(SALE, 0), { state: 'open', opens_ms: Date.now() + 60_000 })
    expect(await claim([person(1)])).toEqual(['not_open'])
    expect(await redis.hgetall(admissionKey(SALE))).toEqual(before)
    await redis.del(admissionKey(SALE))
    expect([...(await claim([person(1)])), ...(await takeNumbers(1))]).toEqual(['rebuilding', 'rebuilding'])
  })

  test('keeps places while the sale is paused or all is held', async () => {
    await redis.hset(metaKey(SALE, 0), 'state', 'paused')
    expect((await claim([person(1)]))[0]).toMatch(/^waiting 0 /)
    await redis.hset(metaKey(SALE, 0), 'state', 'open')
    expect((await claim([person(1)], 0))[0]).toMatch(/^waiting 0 /)
    expect((await claim([person(1)], 1))[0]).toMatch(/^admitted /)
  })

  test('keeps nothing of those who wait behind the front', async () => {
    await open(TERMS, 1_000_000)
    await claim([person(1)])
    const bytes = async (): Promise<number> => {
      let sum = 0
      for (const key of CLAIM_KEYS) sum += Number(await redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0')) || 0
      return sum
    }
    const before = await bytes()
    for (let number = 500_000; number < 500_500; number += 20) {
      await claim(Array.from({ length: 20 }, (_, i) => person(number + i)))
    }
    expect(await redis.zcard(calledKey(SALE))).toBeLessThanOrEqual(lookahead(TERMS))
    // a million wait: the window is all there is
    expect((await bytes()) - before).toBeLessThan(20_000)
    expect((await bytes()) / 1_000_000).toBeLessThan(1)
  })
})

describe('take-number', () => {
  test('gives no number twice, and none beyond what the ledger lent', async () => {
    await open(TERMS, 0)
    await redis.hset(admissionKey(SALE), 'issued_max', 50)
    const lines = (await Promise.all(Array.from({ length: 12 }, () => takeNumbers(5)))).flat()
    const numbers = lines.filter((line) => line.startsWith('number ')).map((line) => Number(line.split(' ')[1]))
    expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
    expect(lines.filter((line) => line === 'no_numbers').length).toBe(10)
  })

  test('gives none while the draw is open', async () => {
    await open(TERMS, 0)
    await redis.hset(admissionKey(SALE), 'draw', 'open')
    expect(await takeNumbers(2)).toEqual(['draw', 'draw'])
    expect(await redis.hget(admissionKey(SALE), 'issued')).toBe('0')
  })
})
