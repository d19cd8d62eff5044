// Properties of the level by load, under a virtual clock: any pressure, looked at in any rhythm.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DEGRADE_LEVEL_MAX } from '../../../contract/degradation'
import { levelOfPressure, noLoad, observeLoad, RAISE_MS } from './degradation'

const START_MS = 1767225600000
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const QUIET_MS = 5000

interface Look {
  now_ms: number
  pressure: number
  level: number
}

/** Looks at pressures, each after its gap. */
function play(looks: [gap_ms: number, pressure: number][]): Look[] {
  const load = noLoad()
  let now_ms = START_MS
  return looks.map(([gap_ms, pressure]) => {
    now_ms += gap_ms
    return { now_ms, pressure, level: observeLoad(load, pressure, now_ms, QUIET_MS) }
  })
}

const gap = fc.oneof({ weight: 20, arbitrary: fc.integer({ min: 90, max: 130 }) }, fc.integer({ min: 1, max: 8000 }))
const pressure = fc.oneof(fc.constantFrom(0, 0.4, 0.5, 0.9, 1, 2, 4), fc.double({ min: 0, max: 9, noNaN: true }))
/** stretches of the same pressure: otherwise nothing ever lasts */
const looks = fc
  .array(fc.tuple(pressure, fc.array(gap, { minLength: 1, maxLength: 80 })), { maxLength: 30 })
  .map((stretches) => stretches.flatMap(([same, gaps]) => gaps.map((gap_ms): [number, number] => [gap_ms, same])))

it('rises only after a second in which every look asked for more, and never above the least of them', () => {
  fc.assert(
    fc.property(looks, (given) => {
      const seen = play(given)
      for (const [i, look] of seen.entries()) {
        const before = seen[i - 1]?.level ?? 0
        if (look.level <= before) continue
        const window: Look[] = []
        for (let j = i; j >= 0 && levelOfPressure(seen[j]?.pressure ?? 0) > before; j--) window.push(seen[j] as Look)
        const lasted_ms = look.now_ms - (window.at(-1)?.now_ms ?? look.now_ms)
        expect(lasted_ms).toBeGreaterThanOrEqual(RAISE_MS)
        expect(look.level).toBeLessThanOrEqual(levelOfPressure(look.pressure))
        expect(look.level).toBeLessThanOrEqual(DEGRADE_LEVEL_MAX)
      }
    }),
    { seed: SEED, numRuns: 500 },
  )
})

it('falls by one, only after a quiet time without a look that held it, and not twice within one', () => {
  fc.assert(
    fc.property(looks, (given) => {
      const seen = play(given)
      let changed_ms = START_MS
      for (const [i, look] of seen.entries()) {
        const before = seen[i - 1]?.level ?? 0
        if (look.level === before) continue
        if (look.level < before) {
          expect(look.level).toBe(before - 1)
          expect(look.now_ms - changed_ms).toBeGreaterThanOrEqual(QUIET_MS)
          const recent = seen.filter((one) => one.now_ms > look.now_ms - QUIET_MS && one.now_ms <= look.now_ms)
          expect(recent.every((one) => levelOfPressure(one.pressure) < before)).toBe(true)
        }
        changed_ms = look.now_ms
      }
    }),
    { seed: SEED, numRuns: 500 },
  )
})

it('comes to rest: a load that stands still is at its level within two seconds, or four quiet times, and stays', () => {
  fc.assert(
    fc.property(looks, pressure, (given, still) => {
      const stretch = Array.from({ length: 400 }, (): [number, number] => [100, still])
      const seen = play([...given, ...stretch]).slice(given.length)
      const asked = levelOfPressure(still)
      // two: a second that had begun before it may have asked for less
      const soon = seen[(2 * RAISE_MS) / 100 + 2]?.level ?? 0
      expect(soon).toBeGreaterThanOrEqual(asked)
      const rest = seen.slice((DEGRADE_LEVEL_MAX + 1) * (QUIET_MS / 100)).map(({ level }) => level)
      expect(new Set(rest).size).toBe(1)
      // above what it asks for only where half of the higher level's pressure holds that
      expect(rest[0]).toBeLessThanOrEqual(levelOfPressure(still * 2))
    }),
    { seed: SEED, numRuns: 300 },
  )
})
