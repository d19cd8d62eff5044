// One worker of a node follows the backend by a long poll and leaves what it hears in shared memory, for all to read.
//
// Versions only go upwards, and the last good state is kept when the backend is away. It survives a reload, as shared
// memory does: the next worker goes on from the version that is there.
import * as cjson from 'cjson.safe'
import { getJson, type HttpTarget } from './http-client'

export type SharedState = ngx.SharedDict<string | number>

export interface Versioned {
  version: number
}

export interface Follower {
  /** the loop, in a timer of each worker: one at a time does the work */
  follow: (this: void) => void
  /** keeps the duty while a poll waits, which is longer than the lease lasts; to be called several times a second */
  keepDuty: (this: void) => void
}

const WAIT_MS = 20000
const LEASE_S = 3
const BACK_OFF_MIN_S = 0.2
const BACK_OFF_MAX_S = 3

/** One worker of the node at a time; a worker that died loses the duty after the lease. */
export function isMine(shared: SharedState, duty: string): boolean {
  const me = tostring(ngx.worker.pid())
  const [added] = shared.add(duty, me, LEASE_S)
  if (added) return true
  const [owner] = shared.get(duty)
  if (owner !== me) return false
  shared.set(duty, me, LEASE_S)
  return true
}

/**
 * Follows GET /internal/`name`. `take` is handed each newer answer, as text and decoded, and leaves it in shared memory; the
 * version, key `name`_version, is raised after that. `more`: what else the query says, beginning with an ampersand.
 */
export function newFollower(
  name: string,
  shared: SharedState,
  backend: HttpTarget,
  bearer: string,
  take: (this: void, body: string, said: Versioned) => void,
  onTaken: (this: void) => void,
  more: (this: void) => string = () => '',
): Follower {
  const duty = name + '_follower'
  const version_key = name + '_version'
  let following = false

  /** False when the backend did not answer, or not with what it should. */
  function poll(): boolean {
    const [after] = shared.get(version_key)
    const path = '/internal/' + name + '?after=' + tostring(after ?? -1) + '&wait_ms=' + tostring(WAIT_MS) + more()
    const [body, failure] = getJson(backend, path, bearer, WAIT_MS / 1000 + 5)
    if (body === undefined) {
      if (failure !== 'exiting') ngx.log(ngx.WARN, name, ': backend: ', failure)
      return false
    }
    const [decoded, problem] = cjson.decode(body)
    const said = decoded as Versioned | undefined
    if (said === undefined || type(said.version) !== 'number') {
      ngx.log(ngx.ERR, name, ': backend answered what has no version: ', problem)
      return false
    }
    if (after === undefined || said.version > (after as number)) {
      take(body, said)
      shared.set(version_key, said.version)
      onTaken()
    }
    return true
  }

  function pollAsFollower(): boolean {
    following = true
    const went_well = poll()
    following = false
    return went_well
  }

  function follow(): void {
    let back_off_s = BACK_OFF_MIN_S
    while (!ngx.worker.exiting()) {
      if (!isMine(shared, duty)) {
        ngx.sleep(1)
      } else if (pollAsFollower()) {
        back_off_s = BACK_OFF_MIN_S
      } else if (!ngx.worker.exiting()) {
        ngx.sleep(back_off_s * (0.5 + math.random()))
        back_off_s = math.min(BACK_OFF_MAX_S, back_off_s * 2)
      }
    }
    if (isMine(shared, duty)) shared.delete(duty)
  }

  function keepDuty(): void {
    if (following) isMine(shared, duty)
  }

  return { follow, keepDuty }
}
