// The draw from the first entry to the published transcript, with a real Redis: once a person, made once whatever is killed, and
// loaded again when Redis is lost. What it costs in memory is measured and printed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { drawEntrant } from '../../contract/draw-entrant'
import { admissionKey, calledKey, entrantsKey, entriesKey, metaKey, ranksKey } from '../../contract/keys'
import { type DrawTranscript, drawProblems } from '../src/draw/draw'
import type { DrawStep } from '../src/draw/drawer'
import { packEntrants, packRanks } from '../src/draw/packed'
import type { Sale } from '../src/ledger/port'
import { hmacText } from '../src/secrets'
import { saleBody, until, World } from './world'

/** FULL=1: the size that the promise is stated at, and ten times that */
const SIZES = process.env.FULL === '1' ? [1000, 10_000, 100_000, 1_000_000] : [1000, 10_000, 30_000]

let world: World
let script: string

beforeAll(async () => {
  world = await World.start()
  script = readFileSync(join(import.meta.dirname, '../../dist/redis/draw-ticket.lua'), 'utf8')
})

afterAll(() => world.stop())

function entrantOf(sale: Sale, user: string): string {
  const key = Buffer.from(sale.id_key, 'base64url')
  return drawEntrant((message) => hmacText(key, message), Buffer.byteLength, sale.id, user)
}

function people(count: number, prefix = ''): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}user-${i}`)
}

/** What the gate hears for each of them, asked in one batch. */
async function ask(sale: Sale, entrants: string[]): Promise<string[]> {
  const keys = [
    metaKey(sale.id, 0),
    ...[admissionKey, calledKey, entrantsKey, entriesKey, ranksKey].map((key) => key(sale.id)),
  ]
  const items = entrants.map((entrant, i) => {
    const epoch = Buffer.alloc(4)
    epoch.writeUInt32BE(sale.epoch)
    return Buffer.concat([Buffer.from(String(i).padStart(22, '0')), epoch, Buffer.from(entrant, 'base64url')])
  })
  const reply = (await world.redis.eval(script, keys.length, ...keys, 'b1', ...items)) as string
  return reply
    .split('\n')
    .slice(1)
    .map((line) => line.substring(23))
}

async function saleWithDraw(id: string): Promise<Sale> {
  const gate = { waiting_room: { admit_per_s: 10, checkout_max: 10, draw: true } }
  const opens_at = new Date(Date.now() + 3600_000).toISOString()
  const made = await world.admin('POST', '/admin/sales', saleBody(id, { gate, opens_at }))
  expect(made.status).toBe(201)
  const warmed = await world.admin('POST', `/admin/sales/${id}/prewarm`)
  expect(warmed.status).toBe(200)
  return world.sale(id)
}

async function openNow(sale: Sale): Promise<void> {
  expect((await world.admin('POST', `/admin/sales/${sale.id}/open`)).status).toBe(200)
}

function untilDrawn(sale: Sale): Promise<void> {
  return until('the ranks are loaded', async () => (await world.redis.hget(admissionKey(sale.id), 'draw')) === 'done')
}

async function published(sale: Sale): Promise<DrawTranscript> {
  const answer = await world.call('GET', `/sales/${sale.id}/draw`)
  expect(answer.status).toBe(200)
  return answer.body
}

async function ranksOf(sale: Sale, entrants: string[]): Promise<number[]> {
  return (await ask(sale, entrants)).map((line) => Number(/^number (\d+) /.exec(line)?.[1]))
}

describe('a draw', () => {
  test('from the commitment to a transcript that an independent program finds right', async () => {
    const sale = await saleWithDraw('spring')
    const announced = await world.call('GET', '/sales/spring/draw')
    expect(announced.body).toMatchObject({ format: 'rushgate-draw-1', sale: 'spring' })
    expect(announced.body.commitment).toMatch(/^[0-9a-f]{64}$/)
    expect(JSON.stringify(announced.body)).not.toContain((await world.ledger.draws.find('spring'))?.secret)

    const entrants = people(300).map((user) => entrantOf(sale, user))
    for (const line of await ask(sale, entrants)) expect(line).toMatch(/^entered \d+ \d+ \d+$/)
    // one of them a hundred times, in one batch and in many
    const pushing = Array<string>(50).fill(entrants[7] as string)
    expect((await ask(sale, pushing)).at(-1)).toMatch(/ 300$/)
    for (const one of pushing) await ask(sale, [one])
    expect(await world.redis.hget(admissionKey(sale.id), 'entrants')).toBe('300')

    await openNow(sale)
    await untilDrawn(sale)
    const draw = await published(sale)
    expect(drawProblems(draw, announced.body.commitment)).toEqual([])
    expect(draw.entrants).toEqual([...entrants].sort())
    const file = join(world.config.data_dir, 'draw.json')
    writeFileSync(file, JSON.stringify(draw))
    const verifier = join(import.meta.dirname, '../src/draw/independent-verifier.mjs')
    const run = spawnSync(process.execPath, [verifier, file], { encoding: 'utf8' })
    expect([run.stdout.trim(), run.status]).toEqual(['ok', 0])

    const wanted = entrants.map((entrant) => draw.order.indexOf(entrant) + 1)
    expect(await ranksOf(sale, entrants)).toEqual(wanted)
    // those who come later follow, and somebody of the draw who asks again has the same place
    const late = people(3, 'late-').map((user) => entrantOf(sale, user))
    expect(await ranksOf(sale, [...late, entrants[5] as string])).toEqual([301, 302, 303, wanted[5]])
    expect(await world.redis.exists(entrantsKey(sale.id), entriesKey(sale.id))).toBe(0)
  })

  test('is published for caches, and only where there is one', async () => {
    const answer = await world.call('GET', '/sales/spring/draw')
    expect(answer.headers.get('cache-control')).toBe('public, max-age=86400')
    const etag = answer.headers.get('etag') as string
    const again = await world.call('GET', '/sales/spring/draw', {
      headers: { 'if-none-match': etag, 'cache-control': 'max-age=0' },
    })
    expect(again.status).toBe(304)
    const plain = await world.openSale('plain')
    expect((await world.call('GET', `/sales/${plain.id}/draw`)).status).toBe(404)
    expect((await world.call('GET', '/sales/nowhere/draw')).status).toBe(404)
  })

  test('is sent to so many at once, and to the next when one of them has gone', async () => {
    const { draws } = world.ledger
    const list = draws.list
    let release: () => void = () => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    draws.list = async function* (...which) {
      await released
      yield* list.apply(draws, which)
    }
    try {
      const gone = new AbortController()
      const slow = [gone.signal, undefined, undefined, undefined].map((signal, n) =>
        fetch(`${world.backend.url}/sales/spring/draw`, { signal, headers: { 'x-forwarded-for': `192.0.2.${n}` } }),
      )
      // answered as soon as they begin
      await Promise.all(slow)
      const refused = await world.call('GET', '/sales/spring/draw')
      expect([refused.status, refused.body.code]).toEqual([503, 'busy'])
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      expect([refused.headers.get('cache-control'), refused.headers.get('etag')]).toEqual(['no-store', null])
      // those who have it already, or want nothing of it, are answered
      const head = await world.call('HEAD', '/sales/spring/draw')
      expect(head.status).toBe(200)
      const headers = { 'if-none-match': head.headers.get('etag') as string, 'cache-control': 'max-age=0' }
      expect((await world.call('GET', '/sales/spring/draw', { headers })).status).toBe(304)
      gone.abort()
      release()
      await until('one can be sent again', async () => (await world.call('GET', '/sales/spring/draw')).status === 200)
      const whole = await Promise.all(slow.slice(1).map(async (each) => drawProblems(await (await each).json())))
      expect(whole).toEqual([[], [], []])
    } finally {
      draws.list = list
    }
  })

  test('of nobody: those who come find the numbers from 1', async () => {
    const sale = await saleWithDraw('empty')
    await openNow(sale)
    await untilDrawn(sale)
    expect(drawProblems(await published(sale))).toEqual([])
    expect(await ranksOf(sale, [entrantOf(sale, 'ada'), entrantOf(sale, 'bob')])).toEqual([1, 2])
  })

  test('lets nobody enter after the opening, though the draw is not made yet', async () => {
    world.config.roles = ['api']
    await world.backend.stop()
    await world.restart()
    const sale = await saleWithDraw('late')
    await ask(sale, [entrantOf(sale, 'ada')])
    await openNow(sale)
    expect((await ask(sale, [entrantOf(sale, 'bob'), entrantOf(sale, 'ada')])).join()).toMatch(
      /^drawing \d+,drawing \d+$/,
    )
    world.config.roles = ['api', 'settler', 'sweeper']
    await world.backend.stop()
    await world.restart()
    await untilDrawn(sale)
    expect((await published(sale)).order).toEqual([entrantOf(sale, 'ada')])
    expect(await ranksOf(sale, [entrantOf(sale, 'bob')])).toEqual([2])
  })
})

describe('a backend killed', () => {
  const steps: DrawStep[] = ['drain', 'make', 'keep', 'load', 'finish']
  for (const step of steps) {
    test(`before "${step}": the next one comes to the same draw`, async () => {
      const sale = await saleWithDraw(`killed-${step}`)
      const entrants = people(40).map((user) => entrantOf(sale, user))
      await ask(sale, entrants)
      let kills = 0
      await world.backend.stop()
      await world.restart({
        beforeDrawStep: (next) => {
          if (next !== step) return
          kills += 1
          throw new Error('killed')
        },
      })
      await openNow(sale)
      await until('it was killed', () => kills > 0)
      expect(await world.redis.hget(admissionKey(sale.id), 'draw')).not.toBe('done')
      await world.backend.stop()
      await world.restart()
      await untilDrawn(sale)
      const draw = await published(sale)
      expect(drawProblems(draw)).toEqual([])
      expect(draw.entrants).toEqual([...entrants].sort())
      expect(await ranksOf(sale, draw.order)).toEqual(draw.order.map((_, i) => i + 1))
    })
  }

  test('between keeping a draw and being told so: what comes second does not change it', async () => {
    const sale = await saleWithDraw('twice')
    await ask(
      sale,
      people(5).map((user) => entrantOf(sale, user)),
    )
    await openNow(sale)
    await untilDrawn(sale)
    const draw = await published(sale)
    const { parts = 0 } = (await world.ledger.draws.find(sale.id)) ?? {}
    const another = { ...draw, seed: 'other', order: [...draw.order].reverse() }
    expect(await world.ledger.draws.close(another, parts)).toBe(false)
    expect(await world.ledger.draws.add(sale.id, [entrantOf(sale, 'late')])).toBe(false)
    expect(await published(sale)).toEqual(draw)
  })
})

describe('Redis lost', () => {
  test('before the draw: who had entered is in it, with nothing done by them', async () => {
    const sale = await saleWithDraw('lost-before')
    const entrants = people(500).map((user) => entrantOf(sale, user))
    await ask(sale, entrants)
    await until('the entries are in the ledger', async () => (await world.redis.xlen(entriesKey(sale.id))) === 0)
    await world.redis.flushall()
    const after = await rebuilt(sale)
    // the table is the one that the script would have made: all are found in it
    expect((await ask(after, entrants)).every((line) => line.endsWith(' 500'))).toBe(true)
    await ask(after, [entrantOf(sale, 'one more')])
    await openNow(after)
    await untilDrawn(after)
    const draw = await published(after)
    expect(draw.entrants).toEqual([...entrants, entrantOf(sale, 'one more')].sort())
  })

  test('after the draw: everybody has the same rank', async () => {
    const sale = await world.sale('lost-before')
    const draw = await published(sale)
    await world.redis.flushall()
    const after = await rebuilt(sale)
    expect(await world.redis.hget(admissionKey(sale.id), 'draw')).toBe('done')
    expect(await ranksOf(after, draw.order)).toEqual(draw.order.map((_, i) => i + 1))
    expect(await published(sale)).toEqual(draw)
  })

  async function rebuilt(sale: Sale): Promise<Sale> {
    await until('it is rebuilt', async () => {
      const now = await world.sale(sale.id)
      return now.epoch > sale.epoch && !now.rebuilding
    })
    return world.sale(sale.id)
  }
})

test('memory: at most 64 bytes a waiting shopper before and after the draw', { timeout: 600_000 }, async () => {
  const sale = await saleWithDraw('memory')
  const usage = async (key: string) => Number(await world.redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0'))
  const entrants: string[] = []
  const took: string[] = []
  let most = 0
  for (const count of SIZES) {
    while (entrants.length < count) {
      const batch = Array.from({ length: 250 }, (_, i) =>
        createHash('sha256')
          .update(`${entrants.length + i}`)
          .digest()
          .toString('base64url', 0, 16),
      )
      entrants.push(...batch)
      await ask(sale, batch)
      if (entrants.length >= 500) most = Math.max(most, (await usage(entrantsKey(sale.id))) / entrants.length)
    }
    took.push(`${count}: ${((await usage(entrantsKey(sale.id))) / count).toFixed(1)}`)
  }
  const stats = /cmdstat_eval:calls=\d+,usec=(\d+)/.exec(await world.redis.info('commandstats'))
  const us = Number(stats?.[1]) / entrants.length
  const table = await world.redis.getBuffer(entrantsKey(sale.id))
  expect(Buffer.concat(packEntrants(entrants)).equals(table as Buffer)).toBe(true)
  // twice: nothing is added
  await ask(sale, entrants.slice(0, 200))
  expect(await world.redis.hget(admissionKey(sale.id), 'entrants')).toBe(String(entrants.length))
  await openNow(sale)
  await untilDrawn(sale)
  const ranks = (await usage(ranksKey(sale.id))) / entrants.length
  console.log(
    `bytes an entrant: ${took.join(', ')}, at most ${most.toFixed(1)}; ${us.toFixed(1)} µs; ranks ${ranks.toFixed(1)}`,
  )
  expect(most).toBeLessThan(64)
  expect(ranks).toBeLessThan(64)
  const order: string[] = []
  for await (const part of world.ledger.draws.list(sale.id, 'order')) for (const one of part) order.push(one)
  expect(packRanks(order).equals((await world.redis.getBuffer(ranksKey(sale.id))) as Buffer)).toBe(true)
})
