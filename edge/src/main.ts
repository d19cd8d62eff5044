// The gate: what nginx.conf calls, phase by phase.
//
//   init         configuration, secrets, plugins: everything that can be wrong, before a worker starts
//   init_worker  lane, follower, timers
//   exit_worker  events that are still queued
//   access       the chain; what it does not answer is forwarded to the backend
//   item         the page of an item that is not in memory: waits for it
//   healthz, metrics   for operators
import * as base64 from 'ngx.base64'
import { REFUSALS, type RefusalCode } from '../../contract/codes'
import { type BackendBreaker, backendBreaker } from './adapters/backend-breaker'
import { backendTargets } from './adapters/backend-servers'
import { addressReader } from './adapters/client-address'
import { loadConfig } from './adapters/config'
import { crawlersPort } from './adapters/crawlers'
import { subkey } from './adapters/crypto'
import { cryptoPort } from './adapters/crypto-port'
import { type Endings, requestEndings } from './adapters/endings'
import { type Environment, readEnvironment, type Secret } from './adapters/environment'
import { mapEventCounts } from './adapters/event-counts'
import { checkEvents, type Events, newEvents } from './adapters/events'
import { headerPort } from './adapters/header-shape'
import type { HotNode } from './adapters/hot-items'
import { startHotItems } from './adapters/hot-start'
import { readBody, sendAnswer, sendRefusal } from './adapters/http'
import { inProgress, leaveInProgress } from './adapters/in-progress'
import { itemFiller } from './adapters/item-filler'
import { type ItemsNode, itemsNode, itemZones } from './adapters/items'
import { type Lane, newLane, queueAgeMs, startLane, volatileLimits, wakeLane } from './adapters/lane'
import { buildLinks } from './adapters/links'
import { type ListsNode, listsNode } from './adapters/lists'
import { flushLane, type Metrics, newMetrics, type PairCounter, pairCounter } from './adapters/metrics'
import { nowS, variable } from './adapters/nginx-calls'
import { type NodeLevel, nodeLevel } from './adapters/node-level'
import { loadOwnPlugins } from './adapters/own-plugins'
import { portsFor } from './adapters/plugin-ports'
import { newReceipts, type Receipts } from './adapters/receipts'
import { type RedisScripts, redisScripts } from './adapters/redis-scripts'
import { type SalesNode, salesNode } from './adapters/sales'
import { requiredDict } from './adapters/shared-dict'
import { following, startTimer } from './adapters/timers'
import { apiRoleOfRoute } from './domain/api-role'
import { matchRoute, type RouteName, upstreamPath } from './domain/route'
import { type ChainReport, type RouteLinks, runChain } from './kernel/chain'
import type { GateConfig } from './kernel/config'
import type { InProgressPort, Ports } from './kernel/plugin'
import { type GateRequest, newRequest } from './kernel/request'
import { type Answer, FORWARD, type Refusal, refuse, refuseFor, type Verdict } from './kernel/verdict'
import { plugins } from './plugins/index'
import { itemCache } from './plugins/item-cache/index'

const TICK_S = 0.1
const STOCK_S = 0.25
const FLUSH_S = 1
const CHECK_S = 0.5
const WARM_S = 1
/**
 * A worker's live heap is small and what a request leaves behind is not: at Lua's 200 % a fifth of the time went to marking
 * the same few megabytes again and again.
 */
const GC_PAUSE_PERCENT = 400
/**
 * LuaJIT gives up on a trace with more constants than this, and its 500 are fewer than a purchase has: with 4000 the path
 * of a purchase is compiled whole (bench compiled: 3.1 to 2.4 µs).
 */
const JIT_OPTIONS = 'maxirconst=4000'
/** far away: fires early, as premature, when the worker is told to stop */
const EXIT_WATCH_S = 86400
/** in receipts: refused by no plugin */
const GATE = 'gate'

let environment: Environment
let config: GateConfig
let lane: Lane
/** to what may be lost; started by its first item */
let volatile_lane: Lane
let in_progress: InProgressPort
let events: Events
let endings: Endings
let scripts: RedisScripts
let sales: SalesNode
let lists: ListsNode
let items: ItemsNode
/** undefined where the plugin item-cache is not on its route */
let fillItem: ((this: void) => Answer | Refusal | undefined) | undefined
let hot: HotNode
let metrics: Metrics
let requests: PairCounter
let backend_breaker: BackendBreaker
let node: NodeLevel
let links_of: Record<string, RouteLinks> = {}
let report: ChainReport
let readAddress: (this: void) => string
let receipts: Receipts
/** undefined when the path is no route */
let decided: GateRequest | undefined
/** the plugin that refused, or the gate itself; between the refusal and its receipt nothing yields */
let refused_by = GATE

function chainReport(): ChainReport {
  const countRefusal = pairCounter(metrics, 'rushgate_refusals_total', 'plugin', 'code')
  const countWouldRefuse = pairCounter(metrics, 'rushgate_would_refuse_total', 'plugin', 'code')
  return {
    refused: (plugin, refusal, dry_run) => {
      if (dry_run) {
        countWouldRefuse(plugin, refusal.code)
      } else {
        refused_by = plugin
        countRefusal(plugin, refusal.code)
      }
    },
    storeFailed: (plugin, detail, fails) => {
      refused_by = plugin
      metrics.add('rushgate_store_failures_total{plugin="' + plugin + '",fails="' + fails + '"}', 1)
      ngx.log(ngx.ERR, plugin, ': ', detail)
    },
  }
}

export function init(): void {
  environment = readEnvironment()
  loadOwnPlugins(plugins)
  config = loadConfig(environment.config, plugins)
  checkEvents(environment.kafka, config.events)
  mapEventCounts()
}

function tick(): void {
  sales.refresh()
  lists.refresh()
  items.refresh()
  backend_breaker.refresh()
  const backend_away = backend_breaker.isClosed() ? 0 : 1
  node.tick(queueAgeMs(lane, nowS()), lane.down ? 1 : 0, volatile_lane.down ? 1 : 0, backend_away)
}

function readStock(): void {
  sales.readStock(scripts.stock)
}

/** In a timer of its own, because it waits for the backend. */
function checkBackend(premature: boolean): void {
  if (premature) return
  backend_breaker.check()
}

function flush(): void {
  hot.flush()
  metrics.flush()
  events.pour()
  flushLane(metrics, lane, 'rushgate_lane_')
  flushLane(metrics, volatile_lane, 'rushgate_volatile_lane_')
}

/** nginx runs this early, as premature, when the worker is told to stop. */
function watchExit(premature: boolean): void {
  if (premature) {
    wakeLane(lane)
    wakeLane(volatile_lane)
    hot.flush()
    metrics.flush()
    events.drain()
  } else {
    ngx.timer.at(EXIT_WATCH_S, watchExit)
  }
}

export function init_worker(): void {
  collectgarbage('setpause', GC_PAUSE_PERCENT)
  jit.opt.start(JIT_OPTIONS)
  math.randomseed(nowS() * 1000 + ngx.worker.pid() * 7919)
  const first = environment.secrets[0]
  const bearer = base64.encode_base64url(subkey(first === undefined ? '' : first.secret, 'internal'))
  const counters = requiredDict<number>('rushgate_metrics')
  metrics = newMetrics(counters)
  const shared = requiredDict<string | number>('rushgate_sales')
  const backends = backendTargets(shared, environment.backends)
  const backend = backends.of.operations
  sales = salesNode(shared, backend, bearer)
  backend_breaker = backendBreaker(shared, backends, bearer)
  node = nodeLevel(shared, config.degrade, metrics, sales.degradeByHand, TICK_S)
  lists = listsNode(requiredDict<string | number>('rushgate_lists'), backend, bearer, metrics)
  volatile_lane = newLane(environment.redis_volatile, volatileLimits(config.lane, config.volatile_lane))
  events = newEvents(environment.kafka, config.events, first as Secret, volatile_lane, counters)
  hot = startHotItems(config, backend, bearer, metrics, volatile_lane)
  items = itemsNode({
    zones: itemZones(),
    backend: backends.of.product,
    bearer,
    metrics,
    mayAsk: backend_breaker.isClosed,
    askFailed: backend_breaker.failed,
    isHot: hot.isHot,
    onSale: sales.onSale,
  })
  lane = newLane(environment.redis, config.lane)
  in_progress = inProgress(requiredDict<number>('rushgate_in_progress'))
  scripts = redisScripts(lane, sales.onStock)
  sales.onChange(scripts.forget)
  requests = pairCounter(metrics, 'rushgate_requests_total', 'route', 'result')
  report = chainReport()
  readAddress = addressReader(config.clients)
  receipts = newReceipts(first as Secret, readAddress)
  const crypto = cryptoPort(environment.secrets)
  const headers = headerPort(config.clients)
  const crawlers = crawlersPort(requiredDict<string>('rushgate_crawlers'), backend, bearer, metrics)
  const of_client = { crypto, headers, crawlers }
  const of_items = { events, items, hot }
  const parts = { scripts, sales, lists, metrics, node, volatile_lane, in_progress, of_client, of_items }
  const ports_of = new LuaTable<string, Ports>()
  for (const plugin of plugins) ports_of.set(plugin.name, portsFor(plugin.name, parts))
  links_of = buildLinks(plugins, config, ports_of)
  endings = requestEndings(links_of, metrics)
  fillItem = itemFiller(items, config, report)
  sales.refresh()
  lists.refresh()
  items.refresh()
  startLane(lane)
  startTimer(0, following('sales', sales.follow), false)
  startTimer(0, following('lists', lists.follow), false)
  startTimer(0, following('items', items.follow), false)
  events.start()
  startTimer(TICK_S, tick, true)
  startTimer(WARM_S, items.warm, true)
  startTimer(STOCK_S, readStock, true)
  startTimer(CHECK_S, checkBackend, true)
  startTimer(FLUSH_S, flush, true)
  startTimer(EXIT_WATCH_S, watchExit, false)
}

/** The worker's last moment, when it serves nobody any more. */
export function exit_worker(): void {
  events.close()
  metrics.flush()
}

const BACKEND_AWAY = 'The backend does not answer; purchases and polls go on without it.'
const BACKEND_RETRY_MS = 2000

let route_name: RouteName | 'none' = 'none'

/**
 * Up to where the body is needed; undefined: it is. Runs under a guard, as `decideRest` does: what they raise becomes a 500 and a
 * traceback in the log.
 */
function decide(): Verdict | undefined {
  const method = ngx.req.get_method()
  const match = matchRoute(method, variable('uri') ?? '')
  const route = match.route
  if (route === undefined) {
    route_name = 'none'
    decided = undefined
    refused_by = GATE
    if (match.allow === undefined) return refuse('not_found', 'There is nothing here.')
    const verdict = refuse('method_not_allowed', 'This path answers to ' + match.allow + '.')
    verdict.allow = match.allow
    return verdict
  }
  const now_ms = nowS() * 1000
  const request = newRequest(method, route, now_ms, now_ms + sales.clockOffset(), readAddress())
  const links = links_of[route.name] as RouteLinks
  const verdict = runChain(links.head, request, report)
  if (verdict === FORWARD && links.rest.length > 0) {
    decided = request
    return undefined
  }
  return conclude(request, verdict)
}

function decideRest(request: GateRequest): Verdict {
  const links = links_of[request.route.name] as RouteLinks
  return conclude(request, runChain(links.rest, request, report))
}

function conclude(request: GateRequest, verdict: Verdict): Verdict {
  const route = request.route
  if (verdict === FORWARD) {
    if (!backend_breaker.isClosed()) {
      route_name = route.name
      decided = request
      refused_by = GATE
      const refusal = refuseFor('unavailable', BACKEND_AWAY, BACKEND_RETRY_MS)
      refusal.limit = 'breaker.backend'
      return refusal
    }
    ngx.var['rushgate_role'] = apiRoleOfRoute(route.name)
    ngx.var['rushgate_upstream'] = upstreamPath(route)
    ngx.var['rushgate_address'] = request.address
  }
  // set last: while a plugin waits, other requests come through here
  route_name = route.name
  decided = request
  return verdict
}

function countRequest(result: RefusalCode | 'answered' | 'forwarded' | 'fault'): void {
  requests(route_name, result)
}

/** For nginx' log phase, where a location has one: the ends of requests that are counted or were forwarded. */
export function log(): void {
  leaveInProgress()
  endings.log()
}

function sendFault(traceback: unknown): void {
  metrics.add('rushgate_faults_total', 1)
  ngx.log(ngx.ERR, 'fault: ', traceback)
  countRequest('fault')
  const fault = refuse('internal', 'This is a fault of ours; it has been written down.')
  sendRefusal(fault, receipts.seal(fault, GATE, undefined))
}

export function access(): void {
  let [ok, outcome] = xpcall(decide, debug.traceback)
  if (ok && outcome === undefined) {
    const request = decided as GateRequest
    // not under the guard: after a call into nginx' C code LuaJIT compiles nothing on the way back through one
    readBody()
    ;[ok, outcome] = xpcall(decideRest, debug.traceback, request)
  }
  if (!ok) {
    sendFault(outcome)
    return
  }
  const verdict = outcome as Verdict
  if (verdict.kind === 'forward') {
    countRequest('forwarded')
    endings.keep(decided, route_name === 'item')
    // to the location that may wait for the backend; what it needs stands in variables, which are kept
    if (route_name === 'item') ngx.exec(ngx.var['rushgate_upstream'] as string)
  } else if (verdict.kind === 'answer') {
    countRequest('answered')
    endings.tell(decided, verdict.status)
    sendAnswer(verdict)
  } else if (verdict.kind === 'refusal') {
    countRequest(verdict.code)
    endings.tell(decided, REFUSALS[verdict.code].status)
    sendRefusal(verdict, receipts.seal(verdict, refused_by, decided))
  }
}

/** After the internal redirect to /item/{id}: the chain has let it pass, and its page is not in memory. */
export function item(): void {
  if (fillItem === undefined) return
  const [ok, outcome] = xpcall(fillItem, debug.traceback)
  route_name = 'item'
  if (!ok) {
    sendFault(outcome)
    return
  }
  const verdict = outcome as Answer | Refusal | undefined
  if (verdict === undefined) return
  if (verdict.kind === 'answer') {
    sendAnswer(verdict)
  } else {
    countRequest(verdict.code)
    sendRefusal(verdict, receipts.seal(verdict, itemCache.name, undefined))
  }
}

/** nginx' page for a request that it could not forward: no connection, or no answer in time. */
export function backend_failed(): void {
  backend_breaker.failed()
  const refusal = refuseFor('unavailable', BACKEND_AWAY, BACKEND_RETRY_MS)
  sendRefusal(refusal, receipts.seal(refusal, GATE, undefined))
}

/** Why this node cannot take purchases right now; undefined when it can. */
function unhealthy(): Refusal | undefined {
  if (!sales.port.ready()) return refuse('unavailable', 'The sales are not known yet: the backend has not answered.')
  if (!lists.ready()) return refuse('unavailable', 'The lists are not known yet: the backend has not answered.')
  if (lane.connection === undefined) return refuse('unavailable', 'Redis is away.')
  if (lane.queued >= lane.limits.queue_max) return refuse('busy', 'lane.queue_max is reached.')
  return undefined
}

export function healthz(): void {
  const problem = unhealthy()
  if (problem !== undefined) sendRefusal(problem, receipts.seal(problem, GATE, undefined))
  else sendAnswer({ kind: 'answer', status: 200, content_type: 'application/json', body: '{"status":"ok"}' })
}

export function print_metrics(): void {
  sendAnswer({
    kind: 'answer',
    status: 200,
    content_type: 'text/plain; version=0.0.4',
    body: metrics.print() + hot.printGauges(),
  })
}

export function print_hot_items(): void {
  sendAnswer({ kind: 'answer', status: 200, content_type: 'application/json', body: hot.print() })
}
