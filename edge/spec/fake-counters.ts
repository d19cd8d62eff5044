// Shared memory for specs of rate limits: a few entries that expire by a clock that the spec sets.
import type { CounterStore } from '../src/domain/rate'

export interface FakeCounters {
  port: CounterStore
  now_ms: number
  /** called before each operation: where other workers come in between */
  before: () => void
}

interface Entry {
  value: number
  /** 0: never */
  ends_ms: number
}

export function fakeCounters(entries_max: number): FakeCounters {
  const entries: Record<string, Entry | undefined> = {}

  function find(key: string): Entry | undefined {
    const entry = entries[key]
    if (entry === undefined || entry.ends_ms === 0 || entry.ends_ms > fake.now_ms) return entry
    entries[key] = undefined
    return undefined
  }

  function used(): number {
    let count = 0
    for (const key in entries) if (find(key) !== undefined) count += 1
    return count
  }

  const fake: FakeCounters = {
    now_ms: 0,
    before: () => {},
    port: {
      get: (key) => {
        fake.before()
        const entry = find(key)
        return entry === undefined ? undefined : entry.value
      },
      create: (key, value, ttl_ms) => {
        fake.before()
        if (find(key) !== undefined) return 'there'
        if (used() >= entries_max) return 'full'
        entries[key] = { value, ends_ms: ttl_ms === 0 ? 0 : fake.now_ms + ttl_ms }
        return 'made'
      },
      add: (key, amount) => {
        fake.before()
        const entry = find(key)
        if (entry === undefined) return undefined
        entry.value = entry.value + amount
        return entry.value
      },
      keep: (key, ttl_ms) => {
        fake.before()
        const entry = find(key)
        if (entry !== undefined) entry.ends_ms = ttl_ms === 0 ? 0 : fake.now_ms + ttl_ms
      },
    },
  }
  return fake
}
