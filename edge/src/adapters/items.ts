// The item pages of this node: what it has at once, and fetching what it has not, once for all who wait.
//
// Guarantees: one fetch of an item at a time on this node, whatever the number of workers and requests (a lock in shared memory,
// which a worker that dies loses after its time); a page never goes back to an older version of its product; what is said
// to have changed is fetched at least as new as that; every wait, queue and table has an end.
import * as semaphore from 'ngx.semaphore'
import type { ItemChange } from '../../../contract/followed-items'
import { endNow, type ItemTimes, missingMs, timesOf } from '../domain/item-times'
import type { FilledItem, ItemPage, ItemSettings, ItemsPort } from '../kernel/items'
import { isMine } from './follower'
import { gzip } from './gzip'
import type { HttpTarget } from './http-client'
import { type Fetched, fetchPage, TOO_LARGE } from './http-fetch'
import { type ItemFacts, itemFacts } from './item-facts'
import { type ItemStore, type ItemZones, itemStore } from './item-store'
import type { Metrics } from './metrics'
import { nowS } from './nginx-calls'
import { requiredDict } from './shared-dict'

interface ItemsParts {
  zones: ItemZones
  backend: HttpTarget
  bearer: string
  metrics: Metrics
  mayAsk: (this: void) => boolean
  askFailed: (this: void) => void
  isHot: (this: void, id: string) => boolean
  /** ids of products that are or will be sold, at most `max` */
  onSale: (this: void, max: number) => string[]
}

/** By the names that nginx.conf gives them. */
export function itemZones(): ItemZones {
  return {
    entries: requiredDict<string>('rushgate_item_entries'),
    bodies: requiredDict<string>('rushgate_item_bodies'),
    marks: requiredDict<string | number>('rushgate_item_marks'),
    facts: requiredDict<string | number>('rushgate_item_facts'),
  }
}

export interface ItemsNode {
  port: (this: void, settings: ItemSettings) => ItemsPort
  /** waits for the page of an item that this node has not; for a request */
  fill: (this: void, id: string) => FilledItem
  /** the plugin would refuse it without waiting for anybody */
  isRefused: (this: void, id: string) => boolean
  /** reads what other workers heard; cheap when there is nothing new */
  refresh: ItemFacts['refresh']
  /** the follower's loop, in a timer of one worker at a time */
  follow: ItemFacts['follow']
  /** fetches what is on sale and not here, in one worker at a time; to be called once a second */
  warm: (this: void) => void
}

type Outcome = FilledItem['outcome']

interface Flight {
  outcome: Outcome | undefined
  page: ItemPage | undefined
  wake: semaphore.Semaphore
  waiting: number
}

const LOCK = 'lock:'
const MISSING = 'missing:'
const NEEDED = 'needed:'
const FAILED = 'failed:'
const LARGE = 'large:'
/** a change that could not be fetched for so long is known by the page's own end */
const NEEDED_S = 600
const FAILED_S = 0.5
/** for so long a page that is too large is not tried again */
const LARGE_S = 60
const LOOK_AGAIN_S = 0.01
/** a reader behind the writer: the backend is asked again so often before what it has is taken */
const TRIES = 5
const TRY_AGAIN_S = 0.02
const QUEUE_MAX = 10000
const RUNNERS_MAX = 4
const WARM_MAX = 1000
const SLICE = 500
const HEADERS = 'Accept: text/html\r\nUser-Agent: rushgate\r\n'
const TAG = '^W?/?("[%w%-_.:]*")$'
const VERSION = '^"p(%d+)"$'
const EVENT = 'rushgate_plugin_events_total{plugin="item-cache",event="'

/** The backend's tag, weak: compressed or not is the same page. */
function tagOf(fetched: Fetched): string {
  const [tag] = string.match(fetched.headers.get('etag') ?? '', TAG)
  return 'W/' + (tag ?? '"' + ngx.md5(fetched.body) + '"')
}

function versionOf(tag: string): number {
  const [digits] = string.match(string.sub(tag, 3), VERSION)
  return tonumber(digits ?? '0') as number
}

export function itemsNode(parts: ItemsParts): ItemsNode {
  const { zones, backend, metrics, mayAsk, isHot } = parts
  const { marks } = zones
  const me = tostring(ngx.worker.pid())
  const flights = new LuaTable<string, Flight>()
  const queued = new LuaTable<string, boolean>()
  let queue: string[] = []
  let queue_from = 0
  let runners = 0
  let fetching = 0
  let waiting = 0
  const facts = itemFacts(zones.facts, backend, parts.bearer, metrics, changed)
  let settings: ItemSettings
  let store: ItemStore | undefined

  function count(event: string): void {
    metrics.add(EVENT + event + '"}', 1)
  }

  function pages(): ItemStore {
    if (store === undefined) error('items: not set up', 0)
    return store
  }

  function nowMs(): number {
    return math.floor(nowS() * 1000)
  }

  function needed(id: string): number {
    return (marks.get(NEEDED + id)[0] as number | undefined) ?? 0
  }

  function setMark(key: string, value: string | number, ttl_s: number): void {
    const [, , forcible] = marks.set(key, value, ttl_s)
    if (forcible) countEvicted('marks')
  }

  function countEvicted(zone: string): void {
    metrics.add('rushgate_items_evicted_total{zone="' + zone + '"}', 1)
  }

  function drawTimes(id: string): ItemTimes {
    return timesOf(settings.rules, nowMs(), isHot(id), math.random())
  }

  /** What an answer means; undefined: it is of an older version than there must be by now. */
  function take(id: string, flight: Flight, fetched: Fetched, before: ItemPage | undefined): Outcome | undefined {
    const { status, headers, body } = fetched
    if (status === 404 || status === 410) {
      setMark(MISSING + id, 1, missingMs(settings.rules, math.random()) / 1000)
      pages().drop(id)
      return 'missing'
    }
    if (status === 304 && before !== undefined) {
      if (before.version < needed(id)) return undefined
      const times = drawTimes(id)
      pages().setTimes(id, times)
      const { version, tag, content_type, body: kept, gzip: kept_gzip } = before
      flight.page = { version, tag, content_type, body: kept, gzip: kept_gzip, times, from: 'node' }
      return before.version < needed(id) ? undefined : 'page'
    }
    if (status !== 200) return 'failed'
    const tag = tagOf(fetched)
    const version = versionOf(tag)
    if (version < math.max(needed(id), before === undefined ? 0 : before.version)) return undefined
    const times = drawTimes(id)
    const content_type = headers.get('content-type') ?? 'application/octet-stream'
    const page: ItemPage = { version, tag, content_type, body, gzip: gzip(body), times, from: 'node' }
    if (!pages().put(id, page, times)) count('no_room')
    flight.page = page
    // once more, now that whoever tells of a change finds it there
    return version < needed(id) ? undefined : 'page'
  }

  function lockS(): number {
    return (settings.connect_ms_max + settings.answer_ms_max) / 1000 + 1
  }

  /** Under the lock. */
  function ask(id: string, flight: Flight): Outcome {
    const { connect_ms_max, answer_ms_max, page_bytes_max } = settings
    const limits = { connect_ms: connect_ms_max, answer_ms: answer_ms_max, body_bytes_max: page_bytes_max }
    const before = pages().get(id)
    // if it cannot be fetched, what there is is marked as stale
    if (before !== undefined && before.version < needed(id)) pages().setTimes(id, endNow(before.times, nowMs()))
    for (const attempt of $range(1, TRIES)) {
      marks.set(LOCK + id, me, lockS())
      const if_changed = before === undefined ? '' : 'If-None-Match: ' + string.sub(before.tag, 3) + '\r\n'
      count('fetched')
      const [fetched, failure] = fetchPage(backend, '/item/' + id, HEADERS + if_changed, limits)
      if (fetched === undefined) {
        if (failure === TOO_LARGE) {
          setMark(LARGE + id, 1, LARGE_S)
          return 'too_large'
        }
        if (ngx.worker.exiting()) return 'failed'
        ngx.log(ngx.WARN, 'items: backend: ', failure)
        parts.askFailed()
        return 'failed'
      }
      const outcome = take(id, flight, fetched, before)
      if (outcome !== undefined) return outcome
      count('older')
      ngx.sleep(TRY_AGAIN_S * attempt)
    }
    return 'failed'
  }

  function askGuarded(id: string, flight: Flight): Outcome {
    const [ok, outcome] = pcall(ask, id, flight)
    if (ok) return outcome as Outcome
    ngx.log(ngx.ERR, 'items: fault: ', outcome)
    return 'failed'
  }

  /** What another worker has found while this one waited; undefined: it is this one's turn. */
  function found(id: string, flight: Flight): Outcome | undefined {
    if (isMissing(id)) return 'missing'
    const page = pages().get(id)
    if (page === undefined || nowMs() >= page.times.fresh_until_ms || page.version < needed(id)) return undefined
    flight.page = page
    return 'page'
  }

  /** `is_ahead`: what is there is fresh, and to be fetched all the same. */
  function lead(id: string, flight: Flight, deadline_s: number, is_ahead: boolean): Outcome {
    while (true) {
      const [is_ours] = marks.add(LOCK + id, me, lockS())
      if (is_ours) {
        const result = (is_ahead ? undefined : found(id, flight)) ?? askGuarded(id, flight)
        if (result === 'failed') setMark(FAILED + id, 1, FAILED_S * (1 + math.random()))
        marks.delete(LOCK + id)
        return result
      }
      // ahead of time there is no hurry: another worker is at it
      if (is_ahead || nowS() >= deadline_s || ngx.worker.exiting()) return 'late'
      ngx.sleep(LOOK_AGAIN_S * (0.5 + math.random()))
      const there = found(id, flight)
      if (there !== undefined) return there
      if (marks.get(FAILED + id)[0] !== undefined) return 'failed'
    }
  }

  /** This worker's one fetch of an item; wakes all who wait for it. */
  function fly(id: string, deadline_s: number, is_ahead: boolean): Flight {
    const [wake, failure] = semaphore.new(0)
    if (wake === undefined) error('items: ' + tostring(failure), 0)
    const flight: Flight = { outcome: undefined, page: undefined, wake, waiting: 0 }
    flights.set(id, flight)
    fetching += 1
    const [ok, outcome] = pcall(lead, id, flight, deadline_s, is_ahead)
    if (!ok) ngx.log(ngx.ERR, 'items: fault: ', outcome)
    fetching -= 1
    flights.delete(id)
    flight.outcome = ok ? (outcome as Outcome) : 'failed'
    if (flight.waiting > 0) wake.post(flight.waiting)
    return flight
  }

  function filled(flight: Flight, collapsed: boolean): FilledItem {
    const { page } = flight
    const outcome = flight.outcome ?? 'late'
    return { outcome, page, collapsed, limit: outcome === 'late' ? 'item-cache.wait_ms_max' : '' }
  }

  function refused(limit: string): FilledItem {
    return { outcome: 'busy', collapsed: false, limit }
  }

  function fill(id: string): FilledItem {
    const page = pages().get(id)
    if (page !== undefined && nowMs() < page.times.kept_until_ms) {
      return { outcome: 'page', page, collapsed: true, limit: '' }
    }
    if (isMissing(id)) return { outcome: 'missing', collapsed: true, limit: '' }
    if (marks.get(FAILED + id)[0] !== undefined) return { outcome: 'failed', collapsed: true, limit: '' }
    if (marks.get(LARGE + id)[0] !== undefined) return { outcome: 'too_large', collapsed: true, limit: '' }
    const wait_s = settings.wait_ms_max / 1000
    const flight = flights.get(id)
    if (flight === undefined) {
      if (fetching >= settings.fetches_max) return refused('item-cache.fetches_max')
      return filled(fly(id, nowS() + wait_s, false), false)
    }
    if (waiting >= settings.waiting_max) return refused('item-cache.waiting_max')
    count('coalesced')
    waiting += 1
    flight.waiting += 1
    const [woken] = flight.wake.wait(wait_s)
    if (!woken) flight.waiting -= 1
    waiting -= 1
    return filled(flight, true)
  }

  function isMissing(id: string): boolean {
    return marks.get(MISSING + id)[0] !== undefined
  }

  function refreshOne(id: string): void {
    if (ngx.worker.exiting() || !mayAsk() || flights.get(id) !== undefined) return
    const page = pages().get(id)
    const is_ahead = page !== undefined && nowMs() < page.times.fresh_until_ms && page.version >= needed(id)
    fly(id, nowS() + lockS(), is_ahead)
  }

  function run(): void {
    while (queue_from < queue.length) {
      const id = queue[queue_from] as string
      queue_from += 1
      queued.delete(id)
      const [ok, failure] = pcall(refreshOne, id)
      if (!ok) ngx.log(ngx.ERR, 'items: fault: ', failure)
    }
    queue = []
    queue_from = 0
    runners -= 1
  }

  function refresh(id: string): void {
    if (queued.has(id) || flights.get(id) !== undefined || ngx.worker.exiting()) return
    if (!mayAsk() || marks.get(FAILED + id)[0] !== undefined) return
    if (queue.length - queue_from >= QUEUE_MAX) {
      count('queue_full')
      return
    }
    queued.set(id, true)
    queue.push(id)
    if (runners >= RUNNERS_MAX) return
    const [started] = ngx.timer.at(0, run)
    if (started) runners += 1
  }

  function changedAll(): void {
    const keys = zones.entries.get_keys(0)
    for (let i = 0; i < keys.length; i++) {
      const id = keys[i] as string
      const page = pages().get(id)
      if (page !== undefined) pages().setTimes(id, endNow(page.times, nowMs()))
      if (i % SLICE === SLICE - 1) ngx.sleep(0.001)
    }
  }

  /** The backend says that something has changed; an id of '': anything may have. */
  function changed({ id, version, removed }: ItemChange): void {
    if (store === undefined) return
    if (id === '') {
      changedAll()
      return
    }
    // in this order: a fetch that has just ended has left its page, and one that begins now gets the new one
    const is_here = marks.get(LOCK + id)[0] !== undefined || store.has(id)
    if (is_here) setMark(NEEDED + id, version, NEEDED_S)
    marks.delete(MISSING + id)
    if (removed) {
      store.drop(id)
      return
    }
    const page = store.get(id)
    if (page === undefined || page.version >= version) return
    marks.delete(FAILED + id)
    refresh(id)
  }

  function warm(): void {
    if (store === undefined || !mayAsk() || !isMine(zones.facts, 'items_warmer')) return
    for (const id of parts.onSale(WARM_MAX)) {
      if (!store.has(id) && facts.knows(id) === 'maybe' && !isMissing(id)) {
        count('warmed')
        refresh(id)
      }
    }
  }

  function port(of_plugin: ItemSettings): ItemsPort {
    settings = of_plugin
    const pages_of_node = itemStore(zones, of_plugin.worker_pages_max, nowS, countEvicted)
    store = pages_of_node
    return {
      page: pages_of_node.get,
      isMissing,
      knows: facts.knows,
      isHot,
      refresh,
    }
  }

  const isRefused = (id: string): boolean => isMissing(id) || facts.knows(id) === 'no'
  return { port, fill, isRefused, refresh: facts.refresh, follow: facts.follow, warm }
}
