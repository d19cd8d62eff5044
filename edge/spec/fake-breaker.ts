// Shared memory for specs of breakers: numbers, and claims that end by a clock that the spec sets.
import type { BreakerStore } from '../src/domain/breaker'

interface FakeBreakerStore {
  store: BreakerStore
  now_ms: number
  /** called before each operation: where other workers come in between */
  before: () => void
}

export function fakeBreakerStore(): FakeBreakerStore {
  const values: Record<string, number | undefined> = {}
  const claims: Record<string, number | undefined> = {}
  const fake: FakeBreakerStore = {
    now_ms: 0,
    before: () => {},
    store: {
      get: (key) => {
        fake.before()
        return values[key] ?? 0
      },
      set: (key, value) => {
        fake.before()
        values[key] = value
      },
      add: (key, amount) => {
        fake.before()
        const value = (values[key] ?? 0) + amount
        values[key] = value
        return value
      },
      claim: (key, ttl_ms) => {
        fake.before()
        const ends_ms = claims[key]
        if (ends_ms !== undefined && ends_ms > fake.now_ms) return false
        claims[key] = fake.now_ms + ttl_ms
        return true
      },
      release: (key) => {
        fake.before()
        claims[key] = undefined
      },
    },
  }
  return fake
}
