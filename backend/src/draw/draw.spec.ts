// The draw: uniform, the same for everybody, once a user, and checked offline by two programs that share no code.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DrawTranscript, drawProblems, makeDraw, merkleRoot } from './draw'

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function entrant(name: string): string {
  return createHash('sha256').update(name).digest('base64url').slice(0, 22)
}

function people(count: number): string[] {
  return Array.from({ length: count }, (_, i) => entrant(`user ${i}`))
}

const CLOSED_MS = 1_767_225_600_000
const BEACON = 'round 4711'

function drawOf(entries: string[], secret = 'one', beacon = BEACON): DrawTranscript {
  return makeDraw('spring', hashOf(secret), beacon, entries, CLOSED_MS)
}

/** What the second program says of it. */
function independently(draw: object): string {
  const dir = mkdtempSync(join(tmpdir(), 'rushgate-beacon-'))
  const file = join(dir, 'draw.json')
  writeFileSync(file, JSON.stringify(draw))
  const program = fileURLToPath(new URL('independent-verifier.mjs', import.meta.url))
  const run = spawnSync(process.execPath, [program, file], { encoding: 'utf8' })
  rmSync(dir, { recursive: true })
  return run.stdout.trim()
}

describe('an announced beacon', { timeout: 30_000 }, () => {
  const source = 'drand, round 4711'
  const draw = makeDraw('spring', hashOf('one'), 'a7c0ffee', people(20), CLOSED_MS, source)

  test('is committed to with the secret, and decides the order', () => {
    expect(drawProblems(draw, draw.commitment)).toEqual([])
    expect(draw.commitment).not.toBe(makeDraw('spring', hashOf('one'), '', people(20), CLOSED_MS).commitment)
    expect(draw.order).not.toEqual(makeDraw('spring', hashOf('one'), 'b', people(20), CLOSED_MS, source).order)
  })

  test('of another source, or that never came, is a problem to both verifiers', () => {
    const { beacon_source: _, ...unnamed } = draw
    const never = makeDraw('spring', hashOf('one'), '', people(20), CLOSED_MS, source)
    const wrongs: [object, string, string][] = [
      [{ ...draw, beacon_source: 'round 4712' }, 'commitment', 'commitment'],
      [unnamed, 'commitment', 'commitment'],
      [{ ...draw, beacon: 'b' }, 'seed', 'seed'],
      [never, 'beacon: none came from "drand, round 4711"', 'beacon'],
    ]
    for (const [wrong, words, first] of wrongs) {
      expect(drawProblems(wrong).join()).toContain(words)
      expect(independently(wrong)).toBe(first)
    }
    expect(independently(draw)).toBe('ok')
  })
})

describe('a draw', () => {
  test('orders every entrant once, in an order that anybody gets again', () => {
    const entries = people(100)
    const draw = drawOf(entries)
    expect(drawProblems(draw)).toEqual([])
    expect([...draw.order].sort()).toEqual([...entries].sort())
    expect(drawOf([...entries].reverse())).toEqual(draw)
    expect(drawOf(entries, 'two').order).not.toEqual(draw.order)
    expect(drawOf(entries, 'one', 'another').order).not.toEqual(draw.order)
    expect(drawOf([...entries, entrant('late')]).seed).not.toBe(draw.seed)
  })

  test('counts somebody who asked a hundred times once', () => {
    const entries = people(50)
    const pushing = [...entries, ...Array<string>(99).fill(entries[7] as string)]
    expect(drawOf(pushing)).toEqual(drawOf(entries))
  })

  test('is uniform: 10,000 draws of ten, χ² with p > 0.01', () => {
    const draws = 10_000
    const size = 10
    const entries = people(size)
    const index = new Map(entries.map((one, i) => [one, i]))
    const counts = Array.from({ length: size }, () => Array<number>(size).fill(0))
    for (let i = 0; i < draws; i++) {
      const { order } = drawOf(entries, `secret ${i}`)
      order.forEach((one, place) => {
        const row = counts[index.get(one) as number] as number[]
        row[place] = (row[place] as number) + 1
      })
    }
    const wanted = draws / size
    const sums = counts.map((row) => row.reduce((sum, n) => sum + (n - wanted) ** 2 / wanted, 0))
    const all = sums.reduce((sum, n) => sum + n, 0)
    // quantiles at 0.99: 81 degrees of freedom for the whole table; 9 for a row, where ten rows are looked at (0.999)
    expect(all).toBeLessThan(113.51)
    for (const sum of sums) expect(sum).toBeLessThan(27.88)
  })

  test('of nobody and of one', () => {
    expect(drawProblems(drawOf([]))).toEqual([])
    expect(drawOf([entrant('ada')]).order).toEqual([entrant('ada')])
    expect(merkleRoot([])).toBe(hashOf(''))
  })
})

describe('a transcript', () => {
  const draw = drawOf(people(20))
  const swapped = [...draw.order]
  swapped.splice(0, 2, draw.order[1] as string, draw.order[0] as string)
  const changes: [field: keyof DrawTranscript, value: unknown][] = [
    ['format', 'rushgate-draw-2'],
    ['sale', 'autumn'],
    ['commitment', hashOf('other')],
    ['secret', hashOf('other')],
    ['secret', 'short'],
    ['beacon', ''],
    ['entrants', draw.entrants.slice(1)],
    ['entrants', [...draw.entrants].reverse()],
    ['entrants', [...draw.entrants, draw.entrants.at(-1)]],
    ['entrants', 'all'],
    ['root', hashOf('other')],
    ['seed', hashOf('other')],
    ['order', swapped],
    ['order', draw.order.slice(1)],
    ['order', draw.order.slice(0, -1)],
    ['order', [...draw.order, draw.order[0]]],
  ]

  test('with any field changed is found out', () => {
    for (const [field, value] of changes) expect(drawProblems({ ...draw, [field]: value }), field).not.toEqual([])
    for (const value of [undefined, null, 1, 'x', [], {}]) expect(drawProblems(value)).not.toEqual([])
  })

  test('made anew with another secret is found out by the commitment', () => {
    const again = drawOf(people(20), 'a secret chosen afterwards')
    expect(drawProblems(again)).toEqual([])
    expect(drawProblems(again, draw.commitment)).toEqual([`commitment: ${draw.commitment} was published beforehand`])
    expect(drawProblems(draw, draw.commitment)).toEqual([])
  })
})

describe('verified offline', { timeout: 30_000 }, () => {
  let dir: string
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const independent = fileURLToPath(new URL('independent-verifier.mjs', import.meta.url))

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'rushgate-draw-'))
  })

  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  function fileOf(value: unknown): string {
    const file = join(dir, 'draw.json')
    writeFileSync(file, JSON.stringify(value))
    return file
  }

  const verifyDraw = (...args: string[]) =>
    spawnSync(process.execPath, ['--import', 'tsx', 'scripts/verify-draw.ts', ...args], { cwd: root, encoding: 'utf8' })

  test('by a program that shares no code, for every size of tree', () => {
    for (const size of [0, 1, 2, 3, 5, 6, 7, 8, 13, 100]) {
      const run = spawnSync(process.execPath, [independent, fileOf(drawOf(people(size)))], { encoding: 'utf8' })
      expect([size, run.stdout.trim(), run.status]).toEqual([size, 'ok', 0])
    }
    const draw = drawOf(people(9))
    for (const [field, value] of [
      ['beacon', 'x'],
      ['order', [...draw.order].reverse()],
    ] as const) {
      const run = spawnSync(process.execPath, [independent, fileOf({ ...draw, [field]: value })], { encoding: 'utf8' })
      expect(run.status).toBe(1)
    }
  })

  test('by npm run verify-draw', () => {
    const draw = drawOf(people(9))
    const good = verifyDraw(fileOf(draw), '--commitment', draw.commitment)
    expect(good.stdout).toContain('the order of 9 entrants follows')
    expect(good.status).toBe(0)
    expect(verifyDraw(fileOf(draw)).stdout).toContain(draw.commitment)
    const bad = verifyDraw(fileOf({ ...draw, order: [...draw.order].reverse() }))
    expect([bad.status, bad.stdout]).toEqual([1, ''])
    expect(bad.stderr).toContain('order: place 1 belongs to')
    expect(verifyDraw(join(dir, 'missing.json')).status).toBe(1)
    expect(verifyDraw().status).toBe(2)
  })
})
