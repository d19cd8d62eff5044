// Counters of rate limits in shared memory: domain/rate.ts' store. Nothing is evicted: a full zone says so.
import type { CounterStore } from '../domain/rate'

const NO_MEMORY = 'no memory'

export function counterStore(zone: ngx.SharedDict<number>, prefix: string): CounterStore {
  // one request's calls are for the same counter in a row: its name is made once, which is a look into LuaJIT's table of all texts
  let last_key = ''
  let last_name = prefix

  function nameOf(key: string): string {
    if (key !== last_key) {
      last_key = key
      last_name = prefix + key
    }
    return last_name
  }

  return {
    get: (key) => {
      const [value] = zone.get(nameOf(key))
      return value
    },
    create: (key, value, ttl_ms) => {
      const [ok, failure] = zone.safe_add(prefix + key, value, ttl_ms / 1000)
      if (ok) return 'made'
      return failure === NO_MEMORY ? 'full' : 'there'
    },
    add: (key, amount) => {
      const [value] = zone.incr(nameOf(key), amount)
      return value
    },
    keep: (key, ttl_ms) => {
      zone.expire(nameOf(key), ttl_ms / 1000)
    },
  }
}
