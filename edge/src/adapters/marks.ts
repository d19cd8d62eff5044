// Marks in shared memory: a key that is there for a while. Every worker of the node sees them; when the zone is full the oldest go.
import type { MarkPort } from '../kernel/plugin'

/** is there as long as any mark */
const ANY = '*'
const LOOK_EVERY_MS = 100

export function markPort(zone: ngx.SharedDict<number>): MarkPort {
  let looked_ms = 0
  let is_any = false

  return {
    any: (now_ms) => {
      // a clock that is set back looks again too
      if (now_ms - looked_ms >= LOOK_EVERY_MS || now_ms < looked_ms) {
        looked_ms = now_ms
        is_any = zone.get(ANY)[0] !== undefined
      }
      return is_any
    },
    has: (key) => zone.get(key)[0] !== undefined,
    set: (key, ttl_s) => {
      zone.set(key, 1, ttl_s)
      zone.set(ANY, 1, ttl_s)
      is_any = true
    },
  }
}
