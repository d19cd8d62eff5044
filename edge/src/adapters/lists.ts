// The allow and deny lists of this node: one worker follows the backend, all look entries up in shared memory.
//
// An entry is one key without a value, which ends by itself at its time, also when the backend is away. Changes are applied
// as they come; a whole list takes the place of what is there key by key, so that nobody who is denied slips through.
import * as cjson from 'cjson.safe'
import type { FollowedLists, ListChange } from '../../../contract/followed-lists'
import {
  type ListStore,
  listKey,
  NO_STANDING,
  noLists,
  type Standing,
  standingOfAddress,
  standingOfFingerprint,
  standingOfUser,
} from '../domain/access-list'
import type { ListsPort } from '../kernel/lists'
import { type Follower, newFollower, type SharedState, type Versioned } from './follower'
import type { HttpTarget } from './http-client'
import type { Metrics } from './metrics'
import { nowS } from './nginx-calls'

export interface ListsNode {
  port: ListsPort
  /** false until the first answer of the backend */
  ready: (this: void) => boolean
  /** reads what other workers heard; cheap when there is nothing new */
  refresh: (this: void) => void
  follow: Follower['follow']
}

const VERSION = 'lists_version'
const USE = 'lists_use'
const FOR_EVER = 0
const ENTRY_PATTERN = '^%a+ %a+ '
/** entries between two pauses, in which requests go on: about a millisecond */
const SLICE = 500
const PAUSE_S = 0.001
/** addresses whose standing a worker remembers, and for how long: an entry may end meanwhile */
const REMEMBERED_MAX = 4096
const REMEMBERED_S = 0.5

export function listsNode(shared: SharedState, backend: HttpTarget, bearer: string, metrics: Metrics): ListsNode {
  let version = -1
  let use = noLists()
  let has_addresses = false
  let remembered = new LuaTable<string, Standing>()
  let remembered_count = 0
  let forget_s = 0
  const store: ListStore = {
    has: (key) => {
      const [there] = shared.get(key)
      return there !== undefined
    },
  }

  function apply(change: ListChange): void {
    const key = listKey(change.list, change.kind, change.value)
    const left_s = change.until_ms === 0 ? FOR_EVER : change.until_ms / 1000 - nowS()
    // less than a millisecond would count as for ever
    if (change.removed || (left_s !== FOR_EVER && left_s < 0.01)) {
      shared.delete(key)
      return
    }
    const [kept, failure] = shared.safe_set(key, 1, left_s)
    if (kept) return
    metrics.add('rushgate_lists_lost_total', 1)
    ngx.log(ngx.ERR, 'lists: no room for an entry: make lua_shared_dict rushgate_lists larger: ', failure)
  }

  function applyAll(changes: ListChange[]): void {
    for (let i = 0; i < changes.length; i++) {
      apply(changes[i] as ListChange)
      if (i % SLICE === SLICE - 1) ngx.sleep(PAUSE_S)
    }
  }

  /** Strikes off what a whole list does not name. */
  function dropOthers(changes: ListChange[]): void {
    const named = new LuaTable<string, boolean>()
    for (const { list, kind, value } of changes) named.set(listKey(list, kind, value), true)
    for (const key of shared.get_keys(0)) {
      const [is_entry] = string.match(key, ENTRY_PATTERN)
      if (is_entry !== undefined && !named.has(key)) shared.delete(key)
    }
  }

  function take(_body: string, said: Versioned): void {
    const followed = said as FollowedLists
    // first, so that there is never need of room for two whole lists
    if (followed.complete) dropOthers(followed.changes)
    applyAll(followed.changes)
    const [text] = cjson.encode(followed.in_use)
    shared.set(USE, text as string)
  }

  function forget(): void {
    remembered = new LuaTable()
    remembered_count = 0
    forget_s = nowS() + REMEMBERED_S
  }

  function load(): void {
    const [newest] = shared.get(VERSION)
    if (newest === undefined || newest === version) return
    const [text] = shared.get(USE)
    const [decoded] = cjson.decode(tostring(text))
    if (decoded === undefined) return
    use = decoded as FollowedLists['in_use']
    version = newest as number
    const { allow, deny } = use
    has_addresses = allow.address + allow.cidr + deny.address + deny.cidr > 0
    forget()
  }

  const follower = newFollower('lists', shared, backend, bearer, take, load)

  function refresh(): void {
    follower.keepDuty()
    load()
    if (remembered_count > 0 && nowS() >= forget_s) forget()
  }

  function address(text: string): Standing {
    if (!has_addresses) return NO_STANDING
    const known = remembered.get(text)
    if (known !== undefined) return known
    const standing = standingOfAddress(store, use, text)
    if (remembered_count >= REMEMBERED_MAX) forget()
    remembered.set(text, standing)
    remembered_count += 1
    return standing
  }

  return {
    port: {
      address,
      user: (user) => standingOfUser(store, use, user),
      fingerprint: (text) => standingOfFingerprint(store, use, text),
    },
    ready: () => version >= 0,
    refresh,
    follow: follower.follow,
  }
}
