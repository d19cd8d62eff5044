// The plugin contract: a door (this record) with the room behind it (its folder).
//
// A plugin speaks once, by returning a verdict; it never ends a request, sets a status or touches nginx. What it needs
// of the world it is handed as ports, when it is created.
import type { SubkeyPurpose } from '../../../contract/secrets'
import type { AgentKind } from '../domain/bot-score'
import type { TokenSource } from '../domain/cluster-rate'
import type { CounterStore } from '../domain/rate'
import type { RouteName } from '../domain/route'
import type { CrawlersPort } from './crawlers'
import type { EventsPort } from './events'
import type { ItemSettings, ItemsPort } from './items'
import type { JwtPort } from './jwt'
import type { LanePort } from './lane'
import type { ListsPort } from './lists'
import type { GateRequest } from './request'
import type { SalesPort } from './sales'
import type { ObjectField } from './schema'
import type { Verdict } from './verdict'

export interface Ports {
  lane: LanePort
  sales: SalesPort
  lists: ListsPort
  crypto: CryptoPort
  http: HttpPort
  /** reads the shop's own tokens */
  jwt: JwtPort
  /** uniform in [0, 1) */
  chance: (this: void) => number
  /** adds 1 to a counter of this plugin, named [a-z_]+ */
  count: (this: void, name: string) => void
  /** a line in the error log; never called with secrets or tokens */
  warn: (this: void, message: string) => void
  /** Counts and checks in one atomic step, node-wide: the count of `key` after adding 1, within a window that began with its first. */
  countWithin: (this: void, key: string, window_s: number) => number
  /** this node's counters of rate limits, keys of this plugin's own */
  rates: CounterStore
  /** the same, with room kept for a few thousand: for when the other is full */
  shared_rates: CounterStore
  /** the level of degradation of this node, 0 (normal) to 3: contract/degradation.ts says what each switches off */
  degrade: (this: void) => number
  /** tokens of limits that all gates share */
  cluster_rates: TokenSource
  in_progress: InProgressPort
  /** holds the request back; others go on meanwhile */
  sleep: (this: void, ms: number) => void
  headers: HeaderPort
  /** what a maintained list says of a User-Agent; undefined: not looked at this time */
  agentKind: (this: void, user_agent: string) => AgentKind | undefined
  /** tells crawlers from those who use their names */
  crawlers: CrawlersPort
  /** node-wide, bounded and forgotten after a while; keys are shared by all plugins */
  marks: MarkPort
  /** events of items, to Kafka or to the Redis of volatile data */
  events: EventsPort
  /** the pages of items that this node keeps, under these settings; for one plugin */
  items: (this: void, settings: ItemSettings) => ItemsPort
  /** counts a request for this item: nearly free */
  countItem: (this: void, item: string) => void
  /** the same of a purchase, where purchases are counted, once its SKU is known */
  countPurchase: (this: void, sku: string) => void
  /** whether many ask for this item just now, or an operator has said so: nearly free */
  isHot: (this: void, item: string) => boolean
}

/** The headers that domain/header-shape.ts knows, without their values. */
export interface HeaderPort {
  /** whether their order is the client's own */
  is_ordered: boolean
  /** equal for requests with equal `names`; costs no text */
  code: (this: void) => number
  /** for domain/header-shape.ts' readShape */
  names: (this: void) => string
}

export interface MarkPort {
  /** whether there is any mark at all, not older than a moment: nearly free */
  any: (this: void, now_ms: number) => boolean
  has: (this: void, key: string) => boolean
  set: (this: void, key: string, ttl_s: number) => void
}

export interface InProgressPort {
  /**
   * Counts the request until it ends, unless that would be too many: of its key or of all. Once a request.
   * `key` is not '' and not '*'. not_counted: nginx.conf does not say here when a request has ended.
   */
  enter: (this: void, key: string, key_max: number, all_max: number) => 'in' | 'key' | 'all' | 'not_counted'
}

export interface CryptoPort {
  /** Is the mac of `text` from `from` up to `to`, under the subkey "session" of this key id, what follows the dot at `to`? */
  isSession: (this: void, key_id: string, text: string, from: number, to: number) => boolean
  /** HMAC-SHA256 under the subkey "session" of this key id, as base64url; undefined for an unknown key id */
  sessionMac: (this: void, key_id: string, message: string) => string | undefined
  /** the same under the subkey of another purpose */
  mac: (this: void, purpose: SubkeyPurpose, key_id: string, message: string) => string | undefined
  /** id of the secret that signs; tokens made here carry it */
  signingKeyId: (this: void) => string
  /** the same under the subkey of another purpose; false for an unknown key id */
  isSigned: (this: void, purpose: SubkeyPurpose, key_id: string, text: string, from: number, to: number) => boolean
  /**
   * Is what stands in `header` from `from` on, to its end, the mac of `head` and base64url(SHA-256(body)) under the key of this
   * session: the mac of its sid under the subkey "request-signing" of this key id?
   */
  isRequestSigned: (
    this: void,
    key_id: string,
    sid: string,
    head: string,
    body: string,
    header: string,
    from: number,
  ) => boolean
  /** SHA-256 as base64url */
  sha256: (this: void, message: string) => string
  /** SHA-256 as lower-case hexadecimal */
  sha256Hex: (this: void, message: string) => string
  /** `bytes` random bytes as base64url, from the system's generator */
  random: (this: void, bytes: number) => string
  toBase64Url: (this: void, bytes: string) => string
  /** HMAC-SHA256 under a sale's id key (base64url, as the backend sends it), as base64url */
  saleMac: (this: void, id_key: string, message: string) => string
  /** in a time that does not depend on where they differ */
  equal: (this: void, a: string, b: string) => boolean
  /** undefined when it is not base64url */
  fromBase64Url: (this: void, text: string) => string | undefined
  /** the same of a part of `text` */
  fromBase64UrlAt: (this: void, text: string, from: number, to: number) => string | undefined
  /** base64 or base64url; undefined when it is neither */
  fromBase64: (this: void, text: string) => string | undefined
  byteLength: (this: void, text: string) => number
  crc32: (this: void, text: string) => number
}

export interface HttpPort {
  /** Replaces a header of the request, for the plugins that follow and for the backend. `name` as it is written in HTTP. */
  setHeader: (this: void, name: string, value: string) => void
  /** A request header, the first if it came several times. `name` is lower case with underscores. */
  header: (this: void, name: string) => string | undefined
  /** what follows the "?", as it was sent; '' for nothing */
  query: (this: void) => string
  /** Whether browsers take this for a place that is safe from listeners: https, here or at a trusted proxy, or loopback. */
  isSecure: (this: void) => boolean
  /** Whether the shopper's browser speaks https, to us or to a proxy that says so in X-Forwarded-Proto. */
  isHttps: (this: void) => boolean
  /** The path as it was sent, without its query. */
  path: (this: void) => string
  /** undefined when there is none or it was too large to be kept in memory */
  body: (this: void) => string | undefined
  /** One or more visible ASCII characters, and nothing else. */
  isVisible: (this: void, text: string) => boolean
  /** Nothing but ASCII from the space to the tilde, tabs and line ends; quick, where `isUtf8` goes through it byte by byte. */
  isPrintable: (this: void, text: string) => boolean
  /** undefined for text that is not JSON */
  parseJson: (this: void, text: string) => unknown
  /** value as a JSON string, quotes included */
  jsonString: (this: void, text: string) => string
}

export interface PluginPhases {
  /**
   * Asked at `early_priority`, before the body is read: a refusal that holds whatever is in it, and whatever the plugins after
   * that would say. What it lets pass goes to `access` all the same. Not asked in a dry run.
   */
  early?: (this: void, request: GateRequest) => Verdict | undefined
  /** Returns undefined to let the next plugin speak. */
  access: (this: void, request: GateRequest) => Verdict | undefined
  /**
   * Told once what became of a request, whoever answered it, with its status: before the answer goes out; of one that is forwarded in
   * nginx' log phase, where its location has one (nginx.conf: rushgate_counts). Must not wait. A fault in it is written down, and the
   * request does not notice.
   */
  done?: (this: void, request: GateRequest, status: number) => void
}

export interface Plugin {
  name: string
  version: string
  /** higher runs earlier */
  priority: number
  /** where it runs when rushgate.json does not say */
  routes: readonly RouteName[]
  /** what a fault of this plugin or of its store means for a request */
  fails: 'open' | 'closed'
  /** its `access` asks for the body of a purchase */
  reads_body?: boolean
  /** of its `early`; without one it is asked right before the first plugin that reads the body */
  early_priority?: number
  schema: ObjectField
  /** `config` has been read by `schema` */
  create: (this: void, config: never, ports: Ports) => PluginPhases
}

export interface PluginDeclaration<C extends object> {
  name: string
  version: string
  priority: number
  routes: readonly RouteName[]
  fails: 'open' | 'closed'
  reads_body?: boolean
  early_priority?: number
  schema: ObjectField<C>
  create: (this: void, config: C, ports: Ports) => PluginPhases
}

/** Checks that settings and schema are of one type; gives a plugin that can stand in a list with others. */
export function definePlugin<C extends object>(declaration: PluginDeclaration<C>): Plugin {
  return declaration as unknown as Plugin
}
