import { describe, expect, it } from 'vitest'
import { fakeCounters } from '../../spec/fake-counters'
import { admit, makeRate, NO_ROOM, type Rate, sharedRate } from './rate'

const START_MS = 1767225600000

/** How many of `count` requests at one moment are admitted. */
function admittedAt(store: ReturnType<typeof fakeCounters>, rate: Rate, now_ms: number, count: number): number {
  let admitted = 0
  store.now_ms = now_ms
  for (let i = 0; i < count; i++) if (admit(store.port, rate, 'k', now_ms) >= 0) admitted += 1
  return admitted
}

describe('admit', () => {
  it('token bucket: the burst at once, then the rate', () => {
    const store = fakeCounters(100)
    const rate = makeRate('token_bucket', 10, 1, 5, 0)
    expect(admittedAt(store, rate, START_MS, 50)).toBe(5)
    expect(admittedAt(store, rate, START_MS + 99, 50)).toBe(0)
    expect(admittedAt(store, rate, START_MS + 101, 50)).toBe(1)
    expect(admittedAt(store, rate, START_MS + 402, 50)).toBe(3)
    expect(admittedAt(store, rate, START_MS + 90000, 50)).toBe(5)
    expect(admittedAt(store, rate, START_MS + 90250, 1)).toBe(1)
    expect(admittedAt(store, rate, START_MS + 90300, 50)).toBe(2)
  })

  it('sliding window: never more than the rate in any window', () => {
    const store = fakeCounters(100)
    const rate = makeRate('sliding_window', 10, 60, 0, 0)
    const times: number[] = []
    for (let t = 0; t < 300000; t += 500) {
      store.now_ms = START_MS + t
      if (admit(store.port, rate, 'k', store.now_ms) >= 0) times.push(t)
    }
    for (let i = 10; i < times.length; i++) expect((times[i] as number) - (times[i - 10] as number) >= 60000).toBe(true)
    expect(times.length).toBe(5 + 24)
  })

  it('leaky bucket: one after the other, at most so late', () => {
    const store = fakeCounters(100)
    const rate = makeRate('leaky_bucket', 10, 1, 1, 300)
    const delays: number[] = []
    for (let i = 0; i < 5; i++) delays.push(Math.floor(admit(store.port, rate, 'k', START_MS)))
    expect(delays).toEqual([0, 100, 200, 300, -100])
  })

  it('says when the next is worth a try', () => {
    const store = fakeCounters(100)
    const rate = makeRate('token_bucket', 1, 10, 1, 0)
    expect(admit(store.port, rate, 'k', START_MS)).toBe(0)
    expect(Math.round(admit(store.port, rate, 'k', START_MS + 4000))).toBe(-6000)
    expect(admit(store.port, rate, 'other', START_MS + 4000)).toBe(0)
  })

  it('says that there is no room, and evicts nothing', () => {
    const store = fakeCounters(1)
    const rate = makeRate('token_bucket', 1, 10, 2, 0)
    expect(admit(store.port, rate, 'k', START_MS)).toBe(0)
    expect(admit(store.port, rate, 'l', START_MS)).toBe(NO_ROOM)
    expect(admit(store.port, rate, 'k', START_MS)).toBe(0)
    expect(admit(store.port, rate, 'k', START_MS) < 0).toBe(true)
  })

  it('counts several subjects as one with as much for each', () => {
    const store = fakeCounters(100)
    const rate = sharedRate(makeRate('token_bucket', 10, 1, 5, 0), 16)
    expect(admittedAt(store, rate, START_MS, 500)).toBe(80)
    expect(admittedAt(store, rate, START_MS + 1001, 500)).toBe(160 / 2)
  })
})
