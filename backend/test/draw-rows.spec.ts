// The rows of draws, the same in all three ledgers: kept once, from all entries or not at all.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Postgres } from '../../scripts/postgres'
import { makeDraw } from '../src/draw/draw'
import { type DrawList, PART_ENTRANTS } from '../src/ledger/draws'
import { MemoryLedger } from '../src/ledger/memory'
import { openLedger } from '../src/ledger/open'
import type { Ledger } from '../src/ledger/port'
import { postgresAvailable, startTestPostgres } from './postgres'

const SECRET = 'ab'.repeat(32)
const folder = mkdtempSync(join(tmpdir(), 'rushgate-draws-'))
const ledgers: [string, Ledger][] = [['memory', new MemoryLedger({ clock: Date.now })]]
let server: Postgres | undefined

beforeAll(async () => {
  ledgers.push(['pglite', await openLedger({ data_dir: folder })])
  if (!postgresAvailable) return
  server = await startTestPostgres()
  const database_url = await server.createDatabase('draws')
  ledgers.push(['postgres', await openLedger({ data_dir: folder, database_url })])
})

afterAll(async () => {
  for (const [, ledger] of ledgers) await ledger.close()
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
})

function people(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) =>
    createHash('sha256')
      .update(`${from + i}`)
      .digest()
      .toString('base64url', 0, 16),
  )
}

async function listed(ledger: Ledger, list: DrawList): Promise<string[]> {
  const all: string[] = []
  for await (const part of ledger.draws.list('spring', list)) all.push(...part)
  return all
}

const SALE = {
  title: 'A sale',
  opens_ms: 1,
  closes_ms: 2,
  skus: [],
  hold_ms: 1,
  payment_extension_ms: 1,
  sale_user_max: 0,
  hold_attempts_max: 0,
  left_shown: 'exact' as const,
  gate: {},
}

async function history(ledger: Ledger): Promise<void> {
  const { draws } = ledger
  await ledger.createSale({ id: 'spring', ...SALE })
  expect(await draws.find('spring')).toBeUndefined()
  expect(await draws.add('spring', people(1))).toBe(false)
  await draws.prepare('spring', SECRET)
  await draws.prepare('spring', 'cd'.repeat(32))
  const open = await draws.find('spring')
  expect(open).toMatchObject({ secret: SECRET, parts: 0, closed_ms: 0, entrants: 0 })

  // more parts than are read at once, some people twice
  for (let i = 0; i < 20; i++) expect(await draws.add('spring', people(30, 20 * i))).toBe(true)
  const entries = await listed(ledger, 'entries')
  expect(entries).toEqual(Array.from({ length: 20 }, (_, i) => people(30, 20 * i)).flat())
  const draw = makeDraw('spring', SECRET, '', entries, 5000)
  expect(draw.entrants.length).toBe(410)

  // somebody came in between
  await draws.add('spring', people(PART_ENTRANTS, 1000))
  expect(await draws.close(draw, 20)).toBe(false)
  const whole = makeDraw('spring', SECRET, '', await listed(ledger, 'entries'), 5000)
  const both = await Promise.all([draws.close(whole, 21), draws.close(whole, 21)])
  expect([...both].sort()).toEqual([false, true])
  expect(await draws.add('spring', people(1))).toBe(false)
  expect(await listed(ledger, 'entries')).toEqual([])
  expect(await listed(ledger, 'entrants')).toEqual(whole.entrants)
  expect(await listed(ledger, 'order')).toEqual(whole.order)
  const { commitment, root, seed } = whole
  const entrants = PART_ENTRANTS + 410
  const closed_ms = 5000
  expect(await draws.find('spring')).toEqual({
    ...{ sale: 'spring', secret: SECRET, commitment, root, seed, entrants, closed_ms },
    ...{ parts: 21, beacon: '', beacon_source: '', listed_ms: 0 },
  })
  await beaconHistory(ledger)
}

/** The list is closed first, then the value comes, once, and only what was made with it is kept. */
async function beaconHistory(ledger: Ledger): Promise<void> {
  const { draws } = ledger
  await ledger.createSale({ id: 'summer', ...SALE })
  await draws.prepare('summer', SECRET, 'round 4711')
  await draws.add('summer', people(5))
  expect(await draws.announce('summer', 'early')).toBe(false)
  const without = makeDraw('summer', SECRET, '', people(5), 5000, 'round 4711')
  expect((await draws.find('summer'))?.commitment).toBe(without.commitment)
  expect(await draws.closeList(without, 7)).toBe(false)
  expect(await draws.closeList(without, 1)).toBe(true)
  expect(await draws.closeList(without, 1)).toBe(false)
  expect(await draws.add('summer', people(1, 100))).toBe(false)
  const { root } = without
  const beacon_source = 'round 4711'
  expect(await draws.find('summer')).toMatchObject({ beacon_source, root, beacon: '', entrants: 5, listed_ms: 5000 })
  const both = await Promise.all([draws.announce('summer', 'x'), draws.announce('summer', 'y')])
  expect([...both].sort()).toEqual([false, true])
  const beacon = both[0] ? 'x' : 'y'
  // one that was made before the value came
  expect(await draws.close(without, 1)).toBe(false)
  const drawn = makeDraw('summer', SECRET, beacon, people(5), 5000, 'round 4711')
  expect(await draws.close(drawn, 1)).toBe(true)
  expect(await draws.announce('summer', 'late')).toBe(false)
  expect(await draws.find('summer')).toMatchObject({ beacon, root, seed: drawn.seed, closed_ms: 5000 })
}

describe('a draw is kept once, from all entries', () => {
  for (const name of ['memory', 'pglite', 'postgres']) {
    test.skipIf(name === 'postgres' && !postgresAvailable)(name, async () => {
      const ledger = ledgers.find(([known]) => known === name)?.[1]
      await history(ledger as Ledger)
    })
  }
})
