// Ports for plugin specs: a lane that answers what it is told, a clock that stands still, MACs that are only a mark.
import type { FollowedSale } from '../../contract/followed-sale'
import { NO_STANDING, type Standing } from '../src/domain/access-list'
import type { AgentKind } from '../src/domain/bot-score'
import type { CrawlerStanding } from '../src/domain/crawlers'
import { keyProblem } from '../src/domain/purchase'
import type { RouteName } from '../src/domain/route'
import { newBoard } from '../src/domain/stock'
import type { EventsPort } from '../src/kernel/events'
import type { ItemPage, ItemsPort } from '../src/kernel/items'
import type { JwtSession } from '../src/kernel/jwt'
import type { LanePort, LaneResult } from '../src/kernel/lane'
import type { CryptoPort, HeaderPort, InProgressPort, MarkPort, Ports } from '../src/kernel/plugin'
import { type GateRequest, newRequest } from '../src/kernel/request'
import type { KnownSale } from '../src/kernel/sales'
import type { Verdict } from '../src/kernel/verdict'
import { type FakeCounters, fakeCounters } from './fake-counters'

interface FakeItems {
  pages: Record<string, ItemPage | undefined>
  missing: Record<string, boolean | undefined>
  known: 'maybe' | 'no' | 'unsure'
  hot: Record<string, boolean | undefined>
  /** ids, each with a space before it */
  refreshed: string
}

export interface FakeGate {
  ports: Ports
  headers: Record<string, string | undefined>
  path: string
  body: string | undefined
  query: string
  /** what parseJson makes of the body */
  json: unknown
  known: KnownSale | undefined
  is_ready: boolean
  lane_result: LaneResult
  /** what it says to scripts that it answers otherwise */
  lane_results: Record<string, LaneResult | undefined>
  /** what the lane was asked, a line each */
  asked: string[]
  /** what countWithin answers */
  count: number
  rates: FakeCounters
  /** tokens that all gates share; undefined: their Redis is away */
  cluster_tokens: number | undefined
  /** requests in progress, by key */
  entered: Record<string, number | undefined>
  /** how long requests were held back */
  slept_ms: number
  /** the level of degradation */
  level: number
  /** what headers.names gives; '' for a request without any */
  header_names: string
  agent_kind: AgentKind | undefined
  is_secure: boolean
  is_https: boolean
  marks: Record<string, boolean>
  /** events: item, status and user of each */
  recorded: string[]
  /** items that were counted, purchases with "bought" before them */
  asked_items: string[]
  /** items that are hot */
  hot: Record<string, boolean>
  /** events that were counted, each with a space before it */
  counted: string
  /** what the lists say, by address, user or fingerprint */
  standings: Record<string, Standing | undefined>
  /** pages that the node has, ids that are missing, what the filter says, hot ones; what was to be refreshed */
  items: FakeItems
  /** whom the shop's own tokens are of */
  jwt: Record<string, JwtSession | undefined>
  /** what is known of whoever says that he is a crawler of the settings */
  crawler: CrawlerStanding | undefined
}

export const SALE: FollowedSale = {
  id: 'spring',
  title: 'Spring',
  state: 'ready',
  rebuilding: false,
  epoch: 2,
  redis_replid: 'r',
  opens_ms: 1000,
  closes_ms: 9000,
  shards: 1,
  id_key: 'key',
  left_shown: 'exact',
  gate: {},
  skus: [
    {
      sku: 'shoe',
      title: 'Shoe',
      price: { amount_minor: 4999, currency: 'EUR' },
      price_version: 1,
      total: 5,
      user_max: 2,
    },
  ],
}

export function knownSale(change: Partial<FollowedSale>): KnownSale {
  const sale: FollowedSale = { ...SALE, ...change }
  const known: KnownSale = { sale, skus: {}, board: newBoard() }
  for (const sku of sale.skus) known.skus[sku.sku] = sku
  return known
}

/** 43 characters that depend on all of the message, like a MAC's text; worth nothing as one. */
export function markOf(message: string): string {
  let sum = 7
  for (let i = 0; i < message.length; i++) sum = (sum * 31 + message.charCodeAt(i)) % 99999989
  let text = 'm' + sum
  while (text.length < 43) text = text + '_'
  return text
}

function fakeHeaders(gate: FakeGate): HeaderPort {
  return {
    is_ordered: true,
    code: () => gate.header_names.length,
    names: () => gate.header_names,
  }
}

function fakeEvents(gate: FakeGate): EventsPort {
  return {
    record: (request, item, status) => gate.recorded.push(item + ' ' + status + ' ' + request.user),
  }
}

function fakeMarks(gate: FakeGate): MarkPort {
  return {
    any: () => true,
    has: (key) => gate.marks[key] === true,
    set: (key) => {
      gate.marks[key] = true
    },
  }
}

function fakeLane(gate: FakeGate): LanePort {
  return {
    reserve: (_sale, shard, body, sku, quantity, generation, user, spends) => {
      gate.asked.push(
        'reserve ' +
          shard +
          ' ' +
          body.length +
          ' ' +
          sku +
          ' ' +
          quantity +
          ' ' +
          generation +
          ' ' +
          user +
          (spends === '' ? '' : ' ' + spends),
      )
      return gate.lane_result
    },
    ask: (script, channel, _keys, item) => {
      gate.asked.push('ask ' + script + ' ' + channel + ' ' + item)
      return gate.lane_results[script] ?? gate.lane_result
    },
    lookup: (_sale, shard, body) => {
      gate.asked.push('lookup ' + shard + ' ' + body)
      return gate.lane_result
    },
  }
}

function fakeSales(gate: FakeGate): Ports['sales'] {
  return {
    find: (id) => (gate.known !== undefined && gate.known.sale.id === id ? gate.known : undefined),
    ready: () => gate.is_ready,
  }
}

function fakeLists(gate: FakeGate): Ports['lists'] {
  const standingOf = (text: string): Standing => gate.standings[text] ?? NO_STANDING
  return { address: standingOf, user: standingOf, fingerprint: standingOf }
}

function fakeClusterRates(gate: FakeGate): Ports['cluster_rates'] {
  return {
    take: (_key, _rate, wanted) => {
      const there = gate.cluster_tokens
      if (there === undefined) return undefined
      const given = Math.min(there, wanted)
      gate.cluster_tokens = there - given
      return { given, ms: 700 }
    },
    now_ms: () => gate.rates.now_ms,
  }
}

function fakeInProgress(gate: FakeGate): InProgressPort {
  return {
    enter: (key, key_max, all_max) => {
      const own = gate.entered[key] ?? 0
      const all = gate.entered['*'] ?? 0
      if (all >= all_max) return 'all'
      if (own >= key_max) return 'key'
      gate.entered[key] = own + 1
      gate.entered['*'] = all + 1
      return 'in'
    },
  }
}

function fakeCrypto(): CryptoPort {
  return {
    isSession: (key_id, text, from, to) =>
      key_id === 'k1' && '.' + markOf(text.substring(from, to)) === text.substring(to),
    sessionMac: (key_id, message) => (key_id === 'k1' ? markOf(message) : undefined),
    mac: (purpose, key_id, message) => (key_id === 'k1' ? markOf(purpose + message) : undefined),
    signingKeyId: () => 'k1',
    isSigned: (purpose, key_id, text, from, to) =>
      key_id === 'k1' && '.' + markOf(purpose + text.substring(from, to)) === text.substring(to),
    isRequestSigned: (key_id, sid, head, body, header, from) => {
      const key = markOf('request-signing' + sid)
      return key_id === 'k1' && markOf(key + head + markOf('sha256' + body)) === header.substring(from)
    },
    sha256: (message) => markOf('sha256' + message),
    sha256Hex: (message) => 'sha256-hexadecimal-xx' + markOf(message),
    random: (bytes) => markOf('random').substring(0, Math.ceil((bytes * 4) / 3)),
    toBase64Url: (bytes) => bytes,
    saleMac: (_key, message) => markOf(message),
    equal: (a, b) => a === b,
    // the specs' users are written as they are
    fromBase64Url: (text) => (text === '!' ? undefined : text),
    fromBase64UrlAt: (text, from, to) => (text.substring(from, to) === '!' ? undefined : text.substring(from, to)),
    fromBase64: (text) => (text === '!' ? undefined : text),
    byteLength: (text) => text.length,
    crc32: () => 0,
  }
}

function fakeItems(gate: FakeGate): ItemsPort {
  return {
    page: (id) => gate.items.pages[id],
    isMissing: (id) => gate.items.missing[id] === true,
    knows: () => gate.items.known,
    isHot: (id) => gate.items.hot[id] === true,
    refresh: (id) => {
      gate.items.refreshed = gate.items.refreshed + ' ' + id
    },
  }
}

export function fakeGate(): FakeGate {
  const gate: FakeGate = {
    headers: {},
    path: '/',
    body: '',
    query: '',
    json: {},
    known: knownSale({}),
    is_ready: true,
    lane_result: { line: 'held 17 1500' },
    lane_results: {},
    asked: [],
    count: 1,
    rates: fakeCounters(10000),
    cluster_tokens: 10,
    entered: {},
    slept_ms: 0,
    level: 0,
    standings: {},
    jwt: {},
    crawler: undefined,
    header_names: '',
    agent_kind: 'none',
    is_secure: true,
    is_https: false,
    marks: {},
    recorded: [],
    asked_items: [],
    hot: {},
    counted: '',
    items: { pages: {}, missing: {}, known: 'maybe', hot: {}, refreshed: '' },
  } as unknown as FakeGate
  gate.ports = {
    lane: fakeLane(gate),
    sales: fakeSales(gate),
    lists: fakeLists(gate),
    crypto: fakeCrypto(),
    crawlers: () => () => gate.crawler,
    jwt: () => ({ read: (token) => gate.jwt[token] }),
    http: {
      setHeader: (name, value) => gate.asked.push(name + ': ' + value),
      header: (name) => gate.headers[name],
      isSecure: () => gate.is_secure,
      isHttps: () => gate.is_https,
      path: () => gate.path,
      body: () => gate.body,
      query: () => gate.query,
      parseJson: () => gate.json,
      isVisible: (text) => text !== '' && keyProblem(text) === undefined,
      // so that specs see what isUtf8 says
      isPrintable: () => false,
      jsonString: (text) => '"' + text + '"',
    },
    chance: () => 0,
    count: (name) => {
      gate.counted = gate.counted + ' ' + name
    },
    warn: () => {},
    countWithin: () => gate.count,
    rates: gate.rates.port,
    shared_rates: fakeCounters(10000).port,
    degrade: () => gate.level,
    cluster_rates: fakeClusterRates(gate),
    in_progress: fakeInProgress(gate),
    sleep: (ms) => {
      gate.slept_ms = gate.slept_ms + ms
    },
    headers: fakeHeaders(gate),
    agentKind: () => gate.agent_kind,
    marks: fakeMarks(gate),
    events: fakeEvents(gate),
    items: () => fakeItems(gate),
    countItem: (item) => gate.asked_items.push(item),
    countPurchase: (sku) => gate.asked_items.push('bought ' + sku),
    isHot: (item) => gate.hot[item] === true,
  }
  return gate
}

export function requestTo(route: RouteName, subject: string, method: string): GateRequest {
  const request = newRequest(method, { name: route, subject }, 5000, 5000, '192.0.2.1')
  request.user = 'ada'
  request.generation = 3
  request.session_id = 'sid'
  request.session_key_id = 'k1'
  return request
}

/** A verdict in one line, for comparisons that can be read. */
export function said(verdict: Verdict | undefined): string {
  if (verdict === undefined) return 'nothing'
  if (verdict.kind === 'refusal') return verdict.code
  if (verdict.kind === 'answer') return verdict.status + ' ' + verdict.body
  return verdict.kind
}
