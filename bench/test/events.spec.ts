// Criterion of the events at reduced size (npm run bench -- events has the full one): reloads, a broker that is killed and comes
// back (its own, by startKafka), a killed worker; what is in the topic and what was counted as dropped is what was recorded.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runEvents } from '../events-run'
import { buildGo } from '../go-programs'

it('are all found or counted as dropped, whatever is reloaded or killed meanwhile', { timeout: 400_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'rushgate-events-run-'))
  try {
    const program = buildGo('loadgen', 'loadgen')
    // a broker that was killed may take half a minute to come back where it has to share its core
    const outage = { outage_s: 5, exit_ms_max: 90_000 }
    const plan = { requests: 50_000, reloads: 5, ...outage, kills: 1, workers: 1, index: false }
    const result = await runEvents({ ...plan, dir, program, progress: () => {} })
    expect(result.wrong).toEqual([])
    expect(result.sent).toBe(70_000)
    // an outage that is shorter than events.exit_ms_max loses nothing, across reloads too
    expect(result.dropped).toBe(0)
    expect(result.found).toBeGreaterThan(50_000)
    expect(result.gate_workers).toBeGreaterThanOrEqual(5)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
