import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { SIGNATURES } from '../../contract/test-vectors'
import { findK6 } from '../../scripts/k6'
import { ROOT } from '../../scripts/stack'

const K6 = findK6()

it.skipIf(K6 === undefined)('k6 signs as the gate reads it', () => {
  const script = join(ROOT, 'loadtest/test/signing-in-k6.ts')
  const run = spawnSync(K6 as string, ['run', '--quiet', '--log-format', 'raw', '--no-usage-report', script], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  expect(`${run.status} ${run.stderr}`).toMatch(/^0 /)
  const line = run.stderr.split('\n').find((each) => each.startsWith('['))
  expect(JSON.parse(line ?? '[]')).toEqual(SIGNATURES.map(({ header }) => header))
})
