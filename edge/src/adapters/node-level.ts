// The level of degradation of this node: each worker looks at its own load, and the highest of them counts for all.
//
// Worker 0 says changes in the error log and keeps the gauges, so that a node speaks once.
import type { DegradeByHand } from '../../../contract/degradation'
import { effectiveLevel, noLoad, observeLoad, pressureOf, termsOf } from '../domain/degradation'
import type { DegradeSettings } from '../kernel/config'
import type { Metrics } from './metrics'
import { nowS } from './nginx-calls'

export interface NodeLevel {
  level: (this: void) => number
  /** one look; `queue_age_ms`: how long the oldest request in this worker's lane has waited; what is away is 1, else 0 */
  tick: (this: void, queue_age_ms: number, redis_away: number, volatile_away: number, backend_away: number) => void
}

/** What a worker that died has said is forgotten after this. */
const SAID_S = 3
/** a worker's word is its level, in tens whether its lane is down, in hundreds whether the volatile one is */
const TENS = 10
const HUNDREDS = 100

export function nodeLevel(
  shared: ngx.SharedDict<string | number>,
  settings: DegradeSettings,
  metrics: Metrics,
  byHand: (this: void) => DegradeByHand,
  tick_s: number,
): NodeLevel {
  const load = noLoad()
  const me = ngx.worker.id() ?? 0
  let last_s = 0
  let said = 0
  let level = 0
  let level_shown = -1
  let backend_shown = 0
  /** by upstream, as the gauges have it */
  const shown = new LuaTable<string, number>()

  function measure(queue_age_ms: number, now_s: number): number {
    // the timer is late by what the event loop was busy
    const lag_ms = last_s === 0 ? 0 : Math.max(0, (now_s - last_s - tick_s) * 1000)
    last_s = now_s
    if (!settings.by_load) return 0
    const pressure = pressureOf(queue_age_ms, settings.queue_age_ms_max, lag_ms, settings.lag_ms_max)
    const before = load.level
    const now = observeLoad(load, pressure, now_s * 1000, settings.quiet_ms)
    if (now !== before) {
      ngx.log(ngx.WARN, 'degradation: load of this worker: level ', now, ' after ', before, ', pressure ', pressure)
    }
    return now
  }

  function share(word: number): void {
    if (word !== 0 || said !== 0) shared.set('worker_load:' + tostring(me), word, SAID_S)
    said = word
  }

  function tick(queue_age_ms: number, redis_away: number, volatile_away: number, backend_away: number): void {
    share(measure(queue_age_ms, nowS()) + TENS * redis_away + HUNDREDS * volatile_away)
    let by_load = 0
    let redis = 0
    let redis_volatile = 0
    for (let id = 0; id < ngx.worker.count(); id++) {
      const [word] = shared.get('worker_load:' + tostring(id))
      if (word !== undefined) {
        by_load = Math.max(by_load, (word as number) % TENS)
        redis += math.floor((word as number) / TENS) % TENS
        redis_volatile += math.floor((word as number) / HUNDREDS)
      }
    }
    const by_hand = byHand()
    level = effectiveLevel(by_hand, by_load)
    if (me !== 0) return
    showLevel(by_hand, by_load)
    showBreaker('redis', redis)
    showBreaker('redis_volatile', redis_volatile)
    showBreaker('backend', backend_away)
    if (backend_away !== backend_shown) {
      ngx.log(ngx.WARN, backend_away > 0 ? 'breaker: backend: open' : 'breaker: backend: closed again')
      backend_shown = backend_away
    }
  }

  function showLevel(by_hand: DegradeByHand, by_load: number): void {
    if (level === level_shown) return
    if (level !== math.max(0, level_shown)) {
      const why = ' (by hand ' + tostring(by_hand.level) + (by_hand.pinned ? ', pinned' : '')
      ngx.log(ngx.WARN, 'degradation: level ', level, ' ', termsOf(level).name, why, ', by load ', by_load, ')')
    }
    metrics.set('rushgate_degrade_level', level)
    level_shown = level
  }

  function showBreaker(upstream: string, open: number): void {
    if (open === shown.get(upstream)) return
    metrics.set('rushgate_breaker_open{upstream="' + upstream + '"}', open)
    shown.set(upstream, open)
  }

  return { level: () => level, tick }
}
