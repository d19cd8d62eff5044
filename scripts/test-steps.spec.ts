// Which specs are left out where a part is missing: those that would fail, wherever they are, and not all of a folder.
import { expect, test } from 'vitest'
import { PARTS, STEPS } from './test-steps'

function without(part: string): string[] {
  const specs = PARTS.find(({ name }) => name === part)?.specs
  if (specs === undefined) throw new Error(`there is no part ${part}`)
  return specs.toSorted()
}

test('without njs the outer tier, its image and its bench', () => {
  const nginx = ['hanging', 'outer', 'rotation'].map((name) => `nginx/test/${name}.spec.ts`)
  const all = ['bench/test/run.spec.ts', ...nginx, 'scripts/test/outer-image.spec.ts']
  expect(without('njs')).toEqual(expect.arrayContaining(all))
})

test('without PostgreSQL only what does not go on with PGlite', () => {
  const specs = without('postgres')
  expect(specs).toContain('scripts/test/processes.spec.ts')
  for (const spec of ['backend/test/**', 'backend/test/db-pglite.spec.ts', 'backend/test/ledger-agreement.spec.ts'])
    expect(specs).not.toContain(spec)
})

test('without Chromium the pages, and the real tools', () => {
  const specs = without('chromium')
  for (const spec of ['edge/test/real-tools.spec.ts', 'web/test/shop.spec.ts', 'web/test/traps.spec.ts'])
    expect(specs).toContain(spec)
  expect(specs.filter((spec) => !spec.startsWith('web/test/'))).toEqual(['edge/test/real-tools.spec.ts'])
})

test('what a step needs is a part', () => {
  const parts = PARTS.map(({ name }) => name)
  for (const { name, needs = [] } of STEPS)
    expect([name, needs.filter((need) => !parts.includes(need))]).toEqual([name, []])
})
