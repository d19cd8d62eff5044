// A draw that waits for a beacon, with a real Redis: the list is closed and its root public before any value counts, the value counts
// once, and a beacon that never comes is said to have been missed.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { drawEntrant } from '../../contract/draw-entrant'
import { admissionKey, calledKey, entrantsKey, entriesKey, metaKey, ranksKey } from '../../contract/keys'
import { drawProblems, merkleRoot } from '../src/draw/draw'
import type { Sale } from '../src/ledger/port'
import { hmacText } from '../src/secrets'
import { saleBody, until, World } from './world'

const SOURCE = 'drand quicknet, first round after the opening'

let world: World
let script: string

beforeAll(async () => {
  world = await World.start()
  script = readFileSync(join(import.meta.dirname, '../../dist/redis/draw-ticket.lua'), 'utf8')
})

afterAll(() => world.stop())

function entrantsOf(sale: Sale, count: number, prefix = 'user'): string[] {
  const key = Buffer.from(sale.id_key, 'base64url')
  return Array.from({ length: count }, (_, i) =>
    drawEntrant((message) => hmacText(key, message), Buffer.byteLength, sale.id, `${prefix}-${i}`),
  )
}

/** What the gate hears for each of them. */
async function ask(sale: Sale, entrants: string[]): Promise<string[]> {
  const keys = [
    metaKey(sale.id, 0),
    ...[admissionKey, calledKey, entrantsKey, entriesKey, ranksKey].map((key) => key(sale.id)),
  ]
  const epoch = Buffer.alloc(4)
  epoch.writeUInt32BE(sale.epoch)
  const items = entrants.map((entrant, i) =>
    Buffer.concat([Buffer.from(String(i).padStart(22, '0')), epoch, Buffer.from(entrant, 'base64url')]),
  )
  const reply = (await world.redis.eval(script, keys.length, ...keys, 'b1', ...items)) as string
  const lines = reply.split('\n').slice(1)
  return lines.map((line) => line.substring(23))
}

function gateWith(wait_s: number | undefined, source = SOURCE): object {
  const beacon = wait_s === undefined ? {} : { beacon: { source, wait_s } }
  return { waiting_room: { admit_per_s: 10, checkout_max: 10, draw: true, ...beacon } }
}

async function saleWith(id: string, wait_s?: number): Promise<Sale> {
  const opens_at = new Date(Date.now() + 3600_000).toISOString()
  const made = await world.admin('POST', '/admin/sales', saleBody(id, { gate: gateWith(wait_s), opens_at }))
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  expect((await world.admin('POST', `/admin/sales/${id}/prewarm`)).status).toBe(200)
  return world.sale(id)
}

const draw = async (sale: Sale) => (await world.call('GET', `/sales/${sale.id}/draw`)).body
const beacon = (sale: Sale, value: unknown) => world.admin('POST', `/admin/sales/${sale.id}/draw/beacon`, { value })

async function openAndClose(sale: Sale): Promise<void> {
  expect((await world.admin('POST', `/admin/sales/${sale.id}/open`)).status).toBe(200)
  await until('the list is closed', async () => (await draw(sale)).root !== undefined)
}

function untilDrawn(sale: Sale): Promise<void> {
  return until('the ranks are loaded', async () => (await world.redis.hget(admissionKey(sale.id), 'draw')) === 'done')
}

function independently(transcript: object): string {
  const file = join(world.config.data_dir, 'draw.json')
  writeFileSync(file, JSON.stringify(transcript))
  const program = join(import.meta.dirname, '../src/draw/independent-verifier.mjs')
  return spawnSync(process.execPath, [program, file], { encoding: 'utf8' }).stdout.trim()
}

test('waits for the value with its list closed and its root public, and takes it once', async () => {
  const sale = await saleWith('spring', 3600)
  const announced = await draw(sale)
  expect(announced).toMatchObject({ beacon_source: SOURCE })
  expect(announced.root).toBeUndefined()
  const entrants = entrantsOf(sale, 100)
  await ask(sale, entrants)
  const early = await beacon(sale, 'a7c0ffee')
  expect([early.status, early.body.code]).toEqual([409, 'conflict'])
  expect(early.body.detail).toContain('not closed yet')

  await openAndClose(sale)
  const waiting = await draw(sale)
  expect(waiting).toMatchObject({ commitment: announced.commitment, beacon: '', entrants: 100 })
  expect(waiting.root).toBe(merkleRoot([...entrants].sort()))
  expect(JSON.stringify(waiting)).not.toContain((await world.ledger.draws.find(sale.id))?.secret)
  const [line] = await ask(sale, entrantsOf(sale, 1, 'late'))
  expect(line).toMatch(/^drawing \d+$/)
  // neither a restart nor a Redis that lost everything opens the list again
  await world.backend.stop()
  await world.redis.flushall()
  await world.restart()
  await until('it is rebuilt', async () => {
    const now = await world.sale(sale.id)
    return now.epoch > sale.epoch && !now.rebuilding
  })
  const after = await world.sale(sale.id)
  expect((await ask(after, entrantsOf(sale, 1, 'late')))[0]).toMatch(/^drawing \d+$/)
  expect((await draw(sale)).root).toBe(waiting.root)

  for (const wrong of ['', ' x', 'x\n', 7, null, 'x'.repeat(1001)]) expect((await beacon(sale, wrong)).status).toBe(400)
  expect((await beacon(sale, 'a7c0ffee')).status).toBe(200)
  expect((await beacon(sale, 'another')).status).toBe(409)
  expect((await beacon(sale, 'a7c0ffee')).status).toBe(200)
  await untilDrawn(sale)
  const transcript = await draw(sale)
  expect(transcript).toMatchObject({ beacon: 'a7c0ffee', beacon_source: SOURCE, root: waiting.root })
  expect(transcript.closed_at).toBe(waiting.closed_at)
  expect(drawProblems(transcript, announced.commitment)).toEqual([])
  expect(independently(transcript)).toBe('ok')
  const ranks = (await ask(after, transcript.order)).map((each) => Number(/^number (\d+) /.exec(each)?.[1]))
  expect(ranks).toEqual(transcript.order.map((_: string, i: number) => i + 1))
  expect((await beacon(sale, 'another')).status).toBe(409)
})

test('is made without one that does not come in time, and says so', async () => {
  const sale = await saleWith('summer', 1)
  await ask(sale, entrantsOf(sale, 5))
  await openAndClose(sale)
  await untilDrawn(sale)
  const transcript = await draw(sale)
  expect(transcript).toMatchObject({ beacon: '', beacon_source: SOURCE })
  expect(drawProblems(transcript)).toEqual([expect.stringContaining(`none came from "${SOURCE}"`)])
  expect(independently(transcript)).toBe('beacon')
  const late = await beacon(sale, 'late')
  expect([late.status, late.body.detail]).toEqual([409, expect.stringContaining('did not come in time')])
})

test('the source is what was committed to, and a draw without one takes no value', async () => {
  const sale = await saleWith('autumn', 3600)
  const change = (gate: object) => world.admin('PATCH', '/admin/sales/autumn', { gate })
  expect((await change(gateWith(3600, 'another'))).status).toBe(409)
  expect((await change(gateWith(undefined))).status).toBe(409)
  expect((await change(gateWith(60))).status).toBe(200)
  const plain = await saleWith('plain')
  expect((await beacon(plain, 'x')).status).toBe(409)
  expect((await world.admin('POST', '/admin/sales/nowhere/draw/beacon', { value: 'x' })).status).toBe(404)
  const no_draw = { waiting_room: { admit_per_s: 1, checkout_max: 1, beacon: { source: SOURCE } } }
  const refused = await world.admin('POST', '/admin/sales', saleBody('wrong', { gate: no_draw }))
  expect([refused.status, JSON.stringify(refused.body)]).toEqual([400, expect.stringContaining('needs draw: true')])
  expect((await draw(sale)).beacon_source).toBe(SOURCE)
})
