// Which items there are and what has changed about them, as this node follows it from the backend: one worker asks, all read.
//
// A Bloom filter of all ids, and exactly those that came after it. Where there is no room for one of these the filter is not
// believed any more until the next one comes. Kept over reloads, and while the backend is away.
import type { FollowedFilter, FollowedItems, ItemChange } from '../../../contract/followed-items'
import { type BloomFilter, mayContain } from '../domain/bloom'
import { type Follower, newFollower, type Versioned } from './follower'
import type { HttpTarget } from './http-client'
import type { Metrics } from './metrics'

export interface ItemFacts {
  knows: (this: void, id: string) => 'maybe' | 'no' | 'unsure'
  /** reads what other workers heard; cheap when there is nothing new */
  refresh: (this: void) => void
  follow: Follower['follow']
}

type Zone = ngx.SharedDict<string | number>

/** "<version> <seed> <bits> <hashes>" and, after a line end, the bits: one value, so that nobody reads half of it */
const FILTER = 'filter'
const HEAD = '^(%d+) (%d+) (%d+) (%d+)\n()'
const FILTER_VERSION = 'filter_version'
/** the follower's: what has been heard */
const VERSION = 'items_version'
/** set when an id that came after the filter found no room */
const INCOMPLETE = 'filter_incomplete'
const ADDED = '^%+'
const SLICE = 500
const PAUSE_S = 0.001
/** when there was no room: so long until everything is asked for anew */
const ASK_ANEW_S = 5
/** by then all workers have the new filter */
const DROP_AFTER_S = 3

/** `changed`: told in the worker that follows, after what is known is in shared memory; an id of '': all of them. */
export function itemFacts(
  facts: Zone,
  backend: HttpTarget,
  bearer: string,
  metrics: Metrics,
  changed: (this: void, change: ItemChange) => void,
): ItemFacts {
  let filter: BloomFilter | undefined
  let filter_version = -1
  let is_complete = false

  function filterVersion(): number {
    return (facts.get(FILTER_VERSION)[0] as number | undefined) ?? -1
  }

  /** Those that the new filter has. */
  function dropAdded(version: number): void {
    let count = 0
    for (const key of facts.get_keys(0)) {
      const [found] = string.find(key, ADDED)
      if (found !== undefined) {
        const [since] = facts.get(key)
        if (since !== undefined && (since as number) <= version) facts.delete(key)
        count += 1
        if (count % SLICE === 0) ngx.sleep(PAUSE_S)
      }
    }
  }

  /** Before the changes that come with it; it is believed after them. False when there is none, or none that can be kept. */
  function keepFilter(told: FollowedFilter | undefined): boolean {
    if (told === undefined || told.version <= filterVersion()) return false
    const bits = ngx.decode_base64(told.text)
    if (bits === undefined || bits.length * 8 !== told.bits) {
      ngx.log(ngx.ERR, 'items: the filter of products cannot be read')
      return false
    }
    const head = string.format('%d %d %d %d', told.version, told.seed, told.bits, told.hashes)
    const [kept, failure] = facts.safe_set(FILTER, head + '\n' + bits)
    if (!kept) {
      metrics.add('rushgate_items_lost_total', 1)
      ngx.log(ngx.ERR, 'items: no room for the filter: make lua_shared_dict rushgate_item_facts larger: ', failure)
      return false
    }
    facts.delete(INCOMPLETE)
    return true
  }

  function believeFilter(told: FollowedFilter): void {
    facts.set(FILTER_VERSION, told.version)
    metrics.set('rushgate_items_known', told.count)
    ngx.timer.at(
      DROP_AFTER_S,
      (premature: boolean, version: number) => {
        if (!premature) dropAdded(version)
      },
      told.version,
    )
  }

  /** A filter that has them all takes their place: without a version the backend tells everything. */
  function askAnew(premature: boolean): void {
    if (!premature) facts.delete(VERSION)
  }

  function takeChange(change: ItemChange): void {
    const key = '+' + change.id
    if (change.removed) {
      facts.delete(key)
      return
    }
    const [kept, failure] = facts.safe_set(key, change.version)
    if (kept) return
    if (facts.get(INCOMPLETE)[0] === undefined) ngx.timer.at(ASK_ANEW_S, askAnew)
    facts.set(INCOMPLETE, 1)
    metrics.add('rushgate_items_lost_total', 1)
    ngx.log(ngx.ERR, 'items: no room for a new one: make lua_shared_dict rushgate_item_facts larger: ', failure)
  }

  function take(_body: string, said: Versioned): void {
    const followed = said as FollowedItems
    const { changes, filter: told } = followed
    const is_new = keepFilter(told)
    for (let i = 0; i < changes.length; i++) {
      takeChange(changes[i] as ItemChange)
      if (i % SLICE === SLICE - 1) ngx.sleep(PAUSE_S)
    }
    if (is_new && told !== undefined) believeFilter(told)
    if (followed.complete) changed({ id: '', version: followed.version, removed: false })
    for (const change of changes) changed(change)
  }

  function load(): void {
    is_complete = facts.get(INCOMPLETE)[0] === undefined
    const newest = filterVersion()
    if (newest < 0 || newest === filter_version) return
    const [kept] = facts.get(FILTER)
    if (kept === undefined) return
    const [version, seed, bits, hashes, from] = string.match(kept as string, HEAD)
    if (version === undefined) return
    filter = {
      seed: tonumber(seed) as number,
      bits: tonumber(bits) as number,
      hashes: tonumber(hashes) as number,
      text: string.sub(kept as string, from as unknown as number),
    }
    filter_version = newest
  }

  const more = (): string => '&filter=' + string.format('%d', filterVersion())
  const follower = newFollower('items', facts, backend, bearer, take, load, more)

  function knows(id: string): 'maybe' | 'no' | 'unsure' {
    if (filter === undefined || !is_complete) return 'unsure'
    if (mayContain(filter, id) || facts.get('+' + id)[0] !== undefined) return 'maybe'
    return 'no'
  }

  return {
    knows,
    refresh: () => {
      follower.keepDuty()
      load()
    },
    follow: follower.follow,
  }
}
