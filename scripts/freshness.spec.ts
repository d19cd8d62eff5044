import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isBuildNeeded } from './freshness'

let root: string

function file(path: string, time_s: number): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), '')
  utimesSync(join(root, path), time_s, time_s)
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rushgate-freshness-'))
  file('edge/src/main.ts', 100)
  file('web/shop/sale.html', 100)
  for (const product of ['rushgate.lua', 'backend/main.js', 'redis/reserve.lua', 'web/sale.html', 'njs/outer.js'])
    file(`dist/${product}`, 200)
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

test('a build newer than all sources is kept', () => {
  expect(isBuildNeeded(root)).toBe(false)
})

test.each(['edge/src/deep/er/rule.ts', 'web/shop/sale.html', 'contract/keys.ts', 'package-lock.json'])(
  'a newer %s asks for a build',
  (path) => {
    file(path, 300)
    expect(isBuildNeeded(root)).toBe(true)
  },
)

test('a file that the build writes among the sources does not', () => {
  file('edge/src/scripts.generated.ts', 300)
  expect(isBuildNeeded(root)).toBe(false)
})

test('a missing product asks for a build', () => {
  rmSync(join(root, 'dist/backend/main.js'))
  expect(isBuildNeeded(root)).toBe(true)
})
