// Requests in progress on this node, by key. Counts outlive no worker: each worker counts its own, tells the others in shared
// memory, and a worker that takes the place of one that died wipes what that had told. (nginx' own limit_conn keeps the counts of a
// killed worker for ever: tried with 1.22.)
//
// Guarantee: never more than `max` are let in, with any number of workers: a worker tells its new count before it adds up the
// others'. Two that come in at the same moment may both be turned away.
import type { InProgressPort } from '../kernel/plugin'
import { variable } from './nginx-calls'

/** in the log phase, after internal redirects too, this says what the request was counted under */
const VARIABLE = 'rushgate_counted'
/** set where there is a log phase: what is counted elsewhere would be counted for ever */
const COUNTS_VARIABLE = 'rushgate_counts'
const ALL = '*'

let zone: ngx.SharedDict<number> | undefined
let own = new LuaTable<string, number>()
let suffixes: string[] = []
let own_suffix = ''

/** What is told of this worker. One that is exiting has a successor, who tells in its place. */
function tell(key: string, count: number): void {
  if (zone === undefined || ngx.worker.exiting()) return
  if (count === 0) zone.delete(key + own_suffix)
  else zone.set(key + own_suffix, count)
}

function setOwn(key: string, count: number): void {
  if (count === 0) own.delete(key)
  else own.set(key, count)
  tell(key, count)
}

function others(key: string): number {
  let sum = 0
  if (zone === undefined) return sum
  for (const suffix of suffixes) {
    const [count] = zone.get(key + suffix)
    sum += count ?? 0
  }
  return sum
}

function isEntered(key: string, max: number): boolean {
  const count = (own.get(key) ?? 0) + 1
  setOwn(key, count)
  if (count + others(key) <= max) return true
  setOwn(key, count - 1)
  return false
}

function leave(key: string): void {
  const count = own.get(key)
  if (count !== undefined) setOwn(key, count - 1)
}

/** For the log phase. */
export function leaveInProgress(): void {
  const key = variable(VARIABLE)
  if (key === undefined || key === '') return
  leave(key)
  leave(ALL)
}

/** One for each worker, made in init_worker. */
export function inProgress(shared: ngx.SharedDict<number>): InProgressPort {
  own = new LuaTable()
  const own_id = ngx.worker.id() ?? 0
  own_suffix = '@' + tostring(own_id)
  suffixes = []
  for (let id = 0; id < ngx.worker.count(); id++) {
    if (id !== own_id) suffixes.push('@' + tostring(id))
  }
  // a single worker has nobody to tell
  zone = suffixes.length === 0 ? undefined : shared
  for (const key of shared.get_keys(0)) {
    if (string.sub(key, -own_suffix.length) === own_suffix) shared.delete(key)
  }
  return {
    enter: (key, key_max, all_max) => {
      if (variable(COUNTS_VARIABLE) !== '1') return 'not_counted'
      if (!isEntered(ALL, all_max)) return 'all'
      if (!isEntered(key, key_max)) {
        leave(ALL)
        return 'key'
      }
      ngx.var[VARIABLE] = key
      return 'in'
    },
  }
}
