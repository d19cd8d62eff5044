// Hot items of this node: each worker counts its requests, tells the others what it watches in shared memory, and adds up what they
// tell, every 20 ms. One of them exchanges rates with the other gates through the Redis of volatile data.
//
// Guarantee: bounded memory (TOLD_MAX items a worker and CAPACITY counts a node); a rate is the true one of the last window, but for
// items that a worker has seen less often than `notice` times in it while no other worker of the node has: a fourth of the lower
// threshold at most, over all workers. Without Redis the node's own rates go on.
import * as cjson from 'cjson.safe'
import type { FollowedPins, Pin } from '../../../contract/followed-pins'
import { countItem, type HotCounter, newHotCounter, turnHotCounter, watchForOthers } from '../domain/hot-items'
import { adoptHot, type HotItem, type HotSet, newHotSet, type Rates, topRates, updateHotSet } from '../domain/hot-set'
import type { HotItemSettings } from '../plugins/hot-items/schema'
import { type Follower, isMine, newFollower, type SharedState } from './follower'
import type { HttpTarget } from './http-client'
import type { Metrics } from './metrics'
import { nowS } from './nginx-calls'

export interface HotNode {
  count: (this: void, item: string) => void
  /** the same of a purchase, where hot-items runs on their route */
  countPurchase: (this: void, item: string) => void
  isHot: (this: void, item: string) => boolean
  /** one look, every 20 ms */
  tick: (this: void) => void
  /** waits for Redis */
  exchange: (this: void, ask: HotExchange) => void
  follow: Follower['follow']
  /** what this worker knows, as JSON */
  print: (this: void) => string
  /** gauges, as Prometheus text */
  printGauges: (this: void) => string
  flush: (this: void) => void
}

/** Tells the other gates of `items`; undefined when Redis is away. Shapes as in edge/src/redis/hot-items.ts. */
export type HotExchange = (this: void, gate: string, items: string) => string | undefined

interface HotOptions {
  settings: HotItemSettings
  /** finds what is hot, and protects nothing */
  dry_run: boolean
  gate: string
  counts_purchases: boolean
}

const SLOT_MS = 20
/** counts of all workers together: about 100 bytes each */
const CAPACITY = 12288
const WORKER_CAPACITY_MIN = 256
const WORKER_CAPACITY_MAX = 4096
/** items that a worker tells of */
const TOLD_MAX = 96
/** what a worker has not renewed within this is not counted: it is dead, or stuck */
const TOLD_MS_MAX = 500
/** what was hot so long ago still is, for a worker that begins */
const ADOPTED_MS_MAX = 3000
/** what the other gates count is forgotten after this */
const OTHERS_S = 1
const EXCHANGED_MAX = 32
const TOP_SHOWN = 20
/** by how much all workers together may miss: this part of the lower threshold */
const MISSED_PART = 4

/** What another worker has told. */
interface Told {
  text: string
  at_ms: number
  items: string[]
  sums: number[]
  since: number[]
  asks: boolean[]
}

function parseTold(text: string): Told {
  const [at] = string.match(text, '^(%d+)\n')
  const told: Told = { text, at_ms: tonumber(at ?? '0') as number, items: [], sums: [], since: [], asks: [] }
  for (const [item, sum, since, asks] of string.gmatch(text, '(%S+) (%d+) (%d+) (%d)\n')) {
    table.insert(told.items, item as string)
    table.insert(told.sums, tonumber(sum) as number)
    table.insert(told.since, tonumber(since) as number)
    table.insert(told.asks, asks === '1')
  }
  return told
}

function parseOthers(text: string): Rates {
  const rates: Rates = {}
  for (const [item, per_s] of string.gmatch(text, '([^,;%s]+),([%d.]+);')) {
    rates[item as string] = tonumber(per_s) as number
  }
  return rates
}

/** Lua cannot tell an empty list from an empty object. */
function listText(list: object[]): string {
  const [text] = list.length === 0 ? ['[]'] : cjson.encode(list)
  return text as string
}

function newCounter(settings: HotItemSettings): HotCounter {
  const workers = ngx.worker.count()
  const leave_count = (settings.enter_per_s * settings.leave_percent * settings.window_ms) / 100000
  return newHotCounter({
    capacity: Math.max(WORKER_CAPACITY_MIN, Math.min(WORKER_CAPACITY_MAX, math.floor(CAPACITY / workers))),
    notice: math.floor(leave_count / (MISSED_PART * workers)),
    watched_max: TOLD_MAX,
    window_slots: math.ceil(settings.window_ms / SLOT_MS),
  })
}

function newSet(settings: HotItemSettings): HotSet {
  const part = settings.leave_percent / 100
  return newHotSet({
    enter_per_s: settings.enter_per_s,
    leave_per_s: settings.enter_per_s * part,
    cluster_enter_per_s: settings.cluster_enter_per_s,
    cluster_leave_per_s: settings.cluster_enter_per_s * part,
    quiet_ms: settings.quiet_ms,
    hot_max: settings.hot_max,
  })
}

export function hotNode(
  shared: SharedState,
  backend: HttpTarget,
  bearer: string,
  metrics: Metrics,
  { settings, dry_run, gate, counts_purchases }: HotOptions,
): HotNode {
  const me = ngx.worker.id() ?? 0
  const counter = newCounter(settings)
  const set = newSet(settings)
  const window_s = (counter.window_slots * SLOT_MS) / 1000
  const told_by: (Told | undefined)[] = []
  let told_nothing = true
  let rates: Rates = {}
  let others: Rates = {}
  let others_text = ''
  let pins: Record<string, Pin | undefined> = {}
  let pins_text = ''
  let is_hot = new LuaTable<string, boolean>()
  let said = new LuaTable<string, boolean>()
  let merges = 0
  let shown = { purges: 0, forgotten: 0, unwatched: 0, entered: 0, left: 0, crowded: 0, merges: 0 }

  /** What is told of this worker. */
  function tell(now_ms: number): void {
    if (counter.watched.length === 0 && told_nothing) return
    told_nothing = counter.watched.length === 0
    const lines: string[] = [string.format('%d\n', now_ms)]
    for (const one of counter.watched) {
      const since_ms = set.by_name[one.item]?.since_ms ?? 0
      const asks = one.sum >= counter.notice ? 1 : 0
      table.insert(lines, string.format('%s %d %d %d\n', one.item, one.sum, since_ms, asks))
    }
    shared.set('told' + tostring(me), table.concat(lines))
  }

  function toldBy(worker: number): Told | undefined {
    const [text] = shared.get('told' + tostring(worker))
    if (text === undefined) return undefined
    const known = told_by[worker]
    if (known !== undefined && known.text === text) return known
    const told = parseTold(text as string)
    told_by[worker] = told
    return told
  }

  function addTold(told: Told, since: Rates): void {
    for (let i = 0; i < told.items.length; i++) {
      const item = told.items[i] as string
      const of_told = told.since[i] as number
      rates[item] = (rates[item] ?? 0) + (told.sums[i] as number) / window_s
      if (of_told > 0) since[item] = Math.min(since[item] ?? of_told, of_told)
      if (told.asks[i] === true) watchForOthers(counter, item)
    }
  }

  /** Of all workers, dead ones aside. */
  function gather(now_ms: number): Rates {
    const since: Rates = {}
    rates = {}
    for (const one of counter.watched) rates[one.item] = one.sum / window_s
    for (let worker = 0; worker < ngx.worker.count(); worker++) {
      if (worker !== me) {
        const told = toldBy(worker)
        if (told !== undefined && now_ms - told.at_ms < TOLD_MS_MAX) addTold(told, since)
      }
    }
    const [text] = shared.get('others')
    if (text === undefined) {
      if (others_text !== '') others = {}
      others_text = ''
    } else if (text !== others_text) {
      others_text = text as string
      others = parseOthers(others_text)
    }
    return since
  }

  /** What plugins ask for. */
  function decideAnew(): void {
    is_hot = new LuaTable()
    if (dry_run) return
    for (const one of set.hot) if (pins[one.item] !== 'released') is_hot.set(one.item, true)
    for (const item in pins) if (pins[item] === 'hot') is_hot.set(item, true)
  }

  /** The node speaks once. */
  function say(): void {
    if (me !== 0) return
    const before = said
    said = new LuaTable()
    for (const { item, node_per_s, cluster_per_s } of set.hot) {
      said.set(item, true)
      if (!before.has(item)) {
        const rate_text = string.format('%d a second here, %d at all gates', node_per_s, cluster_per_s)
        ngx.log(ngx.NOTICE, 'hot-items: ', item, ' is hot: ', rate_text)
      }
    }
    for (const [item] of before) if (!said.has(item)) ngx.log(ngx.NOTICE, 'hot-items: ', item, ' is hot no longer')
  }

  function tick(): void {
    // nginx' time is that of the last wait for events: a busy worker's is old
    ngx.update_time()
    const now_ms = nowS() * 1000
    follower.keepDuty()
    loadPins()
    turnHotCounter(counter, math.floor(now_ms / SLOT_MS))
    tell(now_ms)
    const since = gather(now_ms)
    merges += 1
    if (!updateHotSet(set, rates, others, since, now_ms)) return
    decideAnew()
    say()
  }

  /** What the other gates are told, and what is kept for operators: GET /admin/hot-items/live. */
  function itemsText(): string {
    const pieces: string[] = []
    for (const { item, per_s } of topRates(rates, EXCHANGED_MAX)) {
      const since_ms = set.by_name[item]?.since_ms ?? 0
      table.insert(pieces, string.format('%s,%.1f,%d;', item, per_s, since_ms))
    }
    return table.concat(pieces)
  }

  function exchange(ask: HotExchange): void {
    if (!isMine(shared, 'hot_exchanger')) return
    const answer = ask(gate, itemsText())
    // what is not renewed ends by itself
    if (answer !== undefined) shared.set('others', answer, OTHERS_S)
  }

  function take(body: string): void {
    shared.set('pins', body)
  }

  /** A reload, or a worker's death, cools nothing down: what was hot a moment ago is, until it has been quiet. */
  function adopt(): void {
    const now_ms = nowS() * 1000
    for (let worker = 0; worker < ngx.worker.count(); worker++) {
      const told = toldBy(worker)
      if (told !== undefined && now_ms - told.at_ms < ADOPTED_MS_MAX) {
        for (let i = 0; i < told.items.length; i++) {
          const since_ms = told.since[i] as number
          if (since_ms > 0) adoptHot(set, told.items[i] as string, since_ms, now_ms)
        }
      }
    }
    for (const { item } of set.hot) said.set(item, true)
    decideAnew()
  }

  function loadPins(): void {
    const [text] = shared.get('pins')
    if (text === undefined || text === pins_text) return
    const [decoded] = cjson.decode(text as string)
    if (decoded === undefined) return
    pins_text = text as string
    pins = {}
    for (const { item, pin } of (decoded as FollowedPins).pins) pins[item] = pin
    decideAnew()
  }

  const follower = newFollower('pins', shared, backend, bearer, take, loadPins)
  adopt()

  function view(one: HotItem): object {
    const { item, since_ms, known_ms, node_per_s, cluster_per_s } = one
    return { item, since_ms, known_ms, node_per_s, cluster_per_s, pin: pins[item] }
  }

  function print(): string {
    const hot: object[] = []
    for (const one of set.hot) table.insert(hot, view(one))
    const { capacity, size, floor, forgotten, watched } = counter
    const of_counter = { capacity, size, floor, forgotten, watched: watched.length }
    const now_ms = math.floor(nowS() * 1000)
    const of_worker = { gate, worker: me, pid: ngx.worker.pid(), now_ms, window_ms: window_s * 1000, dry_run }
    const [head] = cjson.encode({ pins, counter: of_counter, of: of_worker })
    const body = string.sub(head as string, 1, -2)
    return body + ',"hot":' + listText(hot) + ',"top":' + listText(topRates(rates, TOP_SHOWN)) + '}'
  }

  function printGauges(): string {
    const lines: string[] = [
      '# HELP rushgate_hot_items Items that are hot at this node now.',
      '# TYPE rushgate_hot_items gauge',
      'rushgate_hot_items ' + tostring(set.hot.length),
      '# HELP rushgate_hot_item_requests_per_second Rate of each hot item, at this node and at all gates.',
      '# TYPE rushgate_hot_item_requests_per_second gauge',
    ]
    for (const { item, node_per_s, cluster_per_s } of set.hot) {
      const series = 'rushgate_hot_item_requests_per_second{item="' + item + '",of="'
      table.insert(lines, series + string.format('node"} %.1f', node_per_s))
      table.insert(lines, series + string.format('cluster"} %.1f', cluster_per_s))
    }
    return table.concat(lines, '\n') + '\n'
  }

  function flush(): void {
    const { purges, forgotten, unwatched } = counter
    const { entered, left, crowded } = set
    const now = { purges, forgotten, unwatched, entered, left, crowded, merges }
    metrics.add('rushgate_hot_merges_total', now.merges - shown.merges)
    metrics.add('rushgate_hot_purges_total', now.purges - shown.purges)
    metrics.add('rushgate_hot_forgotten_total', now.forgotten - shown.forgotten)
    metrics.add('rushgate_hot_no_room_total', now.unwatched + now.crowded - shown.unwatched - shown.crowded)
    if (me === 0) metrics.add('rushgate_hot_changes_total{to="hot"}', now.entered - shown.entered)
    if (me === 0) metrics.add('rushgate_hot_changes_total{to="not_hot"}', now.left - shown.left)
    shown = now
  }

  return {
    count: (item) => countItem(counter, item),
    countPurchase: (item) => {
      if (counts_purchases) countItem(counter, item)
    },
    isHot: (item) => is_hot.has(item),
    tick,
    exchange,
    follow: follower.follow,
    print,
    printGauges,
    flush,
  }
}
