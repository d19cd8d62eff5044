// Property: whatever other workers do between any two steps of a request, no more are admitted than the limit.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type FakeCounters, fakeCounters } from '../../spec/fake-counters'
import { type Algorithm, admit, makeRate, type Rate } from './rate'

const START_MS = 1767225600000
const WORKERS = 4

interface Admitted {
  /** when it was asked, which may be long before it counted */
  now_ms: number
  answer: number
}

/** Requests in sequence; between two steps of one, other workers' requests run whole, and theirs are interrupted likewise. */
function play(store: FakeCounters, rate: Rate, gaps: number[], choices: number[]): Admitted[] {
  const admitted: Admitted[] = []
  let chosen = 0
  let busy = 0
  const ask = (): void => {
    busy += 1
    const now_ms = store.now_ms
    const answer = admit(store.port, rate, 'k', now_ms)
    busy -= 1
    if (answer >= 0) admitted.push({ now_ms, answer })
  }
  store.before = () => {
    const choice = choices[chosen % choices.length] ?? 0
    chosen += 1
    if (busy >= WORKERS || chosen > 3000) return
    if (choice % 4 === 1) store.now_ms += choice % 5
    if (choice % 3 === 0) ask()
  }
  store.now_ms = START_MS
  for (const gap of gaps) {
    store.now_ms += gap
    ask()
  }
  return admitted
}

it('k admitted are never more than capacity + time / interval', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<Algorithm>('token_bucket', 'leaky_bucket', 'sliding_window'),
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 0, max: 500 }),
      fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 20000 })), {
        maxLength: 120,
      }),
      fc.array(fc.nat(100), { minLength: 1, maxLength: 60 }),
      (algorithm, per, per_s, burst, delay_ms, gaps, choices) => {
        const rate = makeRate(algorithm, per, per_s, burst, delay_ms)
        const admitted = play(fakeCounters(10_000), rate, gaps, choices)
        const times = admitted.map((one) => one.now_ms).sort((a, b) => a - b)
        for (let i = 0; i < times.length; i++) {
          for (let j = i; j < times.length; j++) {
            const span_ms = (times[j] as number) - (times[i] as number)
            expect(j - i + 1).toBeLessThanOrEqual(rate.capacity + span_ms / rate.interval_ms + 1e-3)
          }
        }
        if (algorithm === 'leaky_bucket') for (const one of admitted) expect(one.answer).toBeLessThanOrEqual(delay_ms)
      },
    ),
    { numRuns: 400 },
  )
})

it('a sliding window holds in every window', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 0, max: 60 }),
      fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 300 }),
      (per, per_s, burst, gaps) => {
        const rate = makeRate('sliding_window', per, per_s, burst, 0)
        const times = play(fakeCounters(10_000), rate, gaps, [1]).map((one) => one.now_ms)
        for (let i = per; i < times.length; i++) {
          expect((times[i] as number) - (times[i - per] as number)).toBeGreaterThanOrEqual(per_s * 1000 - 1)
        }
      },
    ),
    { numRuns: 300 },
  )
})
