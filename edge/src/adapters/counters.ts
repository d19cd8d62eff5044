// Counters of rate limits in shared memory: domain/rate.ts' store. Nothing is evicted: a full zone says so.
import type { CounterStore } from '../domain/rate'

const NO_MEMORY = 'no memory'

export function counterStore(zone: ngx.SharedDict<number>, prefix: string): CounterStore {
  return {
    get: (key) => {
      const [value] = zone.get(prefix + key)
      return value
    },
    create: (key, value, ttl_ms) => {
      const [ok, failure] = zone.safe_add(prefix + key, value, ttl_ms / 1000)
      if (ok) return 'made'
      return failure === NO_MEMORY ? 'full' : 'there'
    },
    add: (key, amount) => {
      const [value] = zone.incr(prefix + key, amount)
      return value
    },
    keep: (key, ttl_ms) => {
      zone.expire(prefix + key, ttl_ms / 1000)
    },
  }
}
