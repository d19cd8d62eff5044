import { describe, expect, it } from 'vitest'
import { fakeBreakerStore } from '../../spec/fake-breaker'
import { breakerState, claimTrial, countFailure, countSuccess, endTrial, FAILURES_MAX, OPEN_MS_MAX } from './breaker'

function opened() {
  const fake = fakeBreakerStore()
  for (let i = 0; i < FAILURES_MAX; i++) countFailure(fake.store, 0)
  return fake
}

describe('a breaker', () => {
  it('opens after so many failures in a row, and not before', () => {
    const { store } = fakeBreakerStore()
    for (let round = 0; round < 3; round++) {
      for (let i = 1; i < FAILURES_MAX; i++) countFailure(store, 0)
      countSuccess(store)
    }
    expect(breakerState(store, 0)).toBe('closed')
    for (let i = 0; i < FAILURES_MAX; i++) countFailure(store, 0)
    expect(breakerState(store, 0)).toBe('open')
    expect(breakerState(store, 999)).toBe('open')
    expect(breakerState(store, 1000)).toBe('half_open')
  })

  it('gives out one trial at a time, and closes when it went well', () => {
    const fake = opened()
    expect(claimTrial(fake.store, 999)).toBe(false)
    expect(claimTrial(fake.store, 1000)).toBe(true)
    expect(claimTrial(fake.store, 1000)).toBe(false)
    endTrial(fake.store, 1000, true, 1200)
    expect(breakerState(fake.store, 1200)).toBe('closed')
    expect(claimTrial(fake.store, 1200)).toBe(false)
    for (let i = 1; i < FAILURES_MAX; i++) countFailure(fake.store, 1300)
    expect(breakerState(fake.store, 1300)).toBe('closed')
  })

  it('waits twice as long after each trial that failed, up to its ceiling', () => {
    const { store } = opened()
    let now_ms = 1000
    const waits: number[] = []
    for (let i = 0; i < 4; i++) {
      expect(claimTrial(store, now_ms)).toBe(true)
      endTrial(store, now_ms, false, now_ms)
      const failed_ms = now_ms
      while (breakerState(store, now_ms) === 'open') now_ms += 1000
      waits.push(now_ms - failed_ms)
    }
    expect(waits).toEqual([2000, OPEN_MS_MAX, OPEN_MS_MAX, OPEN_MS_MAX])
  })

  it('is not held open by failures of what was sent before, nor by a trial whose worker died', () => {
    const fake = opened()
    for (let i = 0; i < 100; i++) countFailure(fake.store, 900)
    expect(claimTrial(fake.store, 1000)).toBe(true)
    fake.now_ms = 8000
    expect(claimTrial(fake.store, 8000)).toBe(true)
    // the first was alive after all: what it found is as old, and the second goes on
    endTrial(fake.store, 1000, true, 8001)
    expect(breakerState(fake.store, 8001)).toBe('half_open')
    expect(claimTrial(fake.store, 8001)).toBe(false)
    endTrial(fake.store, 8000, true, 8002)
    expect(breakerState(fake.store, 8002)).toBe('closed')
  })
})
