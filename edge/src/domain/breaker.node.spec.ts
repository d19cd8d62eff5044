// Properties of the breaker under a virtual clock: whatever workers do in between any two of their steps.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fakeBreakerStore } from '../../spec/fake-breaker'
import { breakerState, claimTrial, countFailure, countSuccess, endTrial, OPEN_MS_MAX, TRIAL_MS_MAX } from './breaker'

const START_MS = 1767225600000
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const WORKERS = 4

type Deed = 'fail' | 'succeed' | 'try' | 'end well' | 'end badly'
const DEEDS: readonly Deed[] = ['fail', 'fail', 'fail', 'succeed', 'try', 'end well', 'end badly']

/** Workers in sequence; between two steps of one, others' deeds run whole, and theirs are interrupted likewise. */
class Play {
  readonly fake = fakeBreakerStore()
  /** when the trials that are under way were claimed */
  trials: number[] = []
  overlapping = 0
  private busy = 0
  private chosen = 0

  constructor(private readonly choices: number[]) {
    this.fake.now_ms = START_MS
    this.fake.before = () => {
      const choice = this.choices[this.chosen % this.choices.length] ?? 0
      this.chosen += 1
      if (this.busy >= WORKERS || this.chosen > 2000) return
      if (choice % 5 === 1) this.fake.now_ms += choice % 7
      if (choice % 3 === 0) this.act(DEEDS[choice % DEEDS.length] as Deed)
    }
  }

  act(deed: Deed): void {
    const { fake } = this
    this.busy += 1
    if (deed === 'fail') countFailure(fake.store, fake.now_ms)
    else if (deed === 'succeed') countSuccess(fake.store)
    else if (deed === 'try') {
      if (claimTrial(fake.store, fake.now_ms)) {
        const alive = this.trials.filter((since_ms) => fake.now_ms - since_ms < TRIAL_MS_MAX)
        if (alive.length > 0) this.overlapping += 1
        this.trials.push(fake.now_ms)
      }
    } else if (this.trials.length > 0) {
      const claimed_ms = this.trials.shift() as number
      endTrial(fake.store, claimed_ms, deed === 'end well', fake.now_ms)
    }
    this.busy -= 1
  }
}

const play = fc.tuple(
  fc.array(fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.constantFrom(...DEEDS)), { maxLength: 120 }),
  fc.array(fc.nat(1000), { minLength: 1, maxLength: 60 }),
)

it('never has two trials under way, but where the first is taken for dead', () => {
  fc.assert(
    fc.property(play, ([deeds, choices]) => {
      const workers = new Play(choices)
      for (const [gap_ms, deed] of deeds) {
        workers.fake.now_ms += gap_ms
        workers.act(deed)
      }
      expect(workers.overlapping).toBe(0)
    }),
    { seed: SEED, numRuns: 1000 },
  )
})

it('whatever was before: a backend that is well closes it within its longest times, one that is not opens it', () => {
  fc.assert(
    fc.property(play, ([deeds, choices]) => {
      const workers = new Play(choices)
      const { fake } = workers
      for (const [gap_ms, deed] of deeds) {
        fake.now_ms += gap_ms
        workers.act(deed)
      }
      fake.before = () => {}
      const until_ms = fake.now_ms + OPEN_MS_MAX + TRIAL_MS_MAX + 2000
      for (; fake.now_ms < until_ms; fake.now_ms += 500) {
        if (claimTrial(fake.store, fake.now_ms)) endTrial(fake.store, fake.now_ms, true, fake.now_ms)
        countSuccess(fake.store)
      }
      expect(breakerState(fake.store, fake.now_ms)).toBe('closed')
      for (let failures = 0; failures < 4; failures++) countFailure(fake.store, fake.now_ms)
      expect(breakerState(fake.store, fake.now_ms)).toBe('open')
    }),
    { seed: SEED, numRuns: 1000 },
  )
})
