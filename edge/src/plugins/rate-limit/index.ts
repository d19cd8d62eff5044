// Rate limits of this node, in two doors: what is known before the session (address, route, header, login), and after it
// (user, session). Each limit counts and checks in one atomic step (domain/rate.ts); those of scope cluster with all gates
// together (domain/cluster-rate.ts).
import { addressPrefixes } from '../../domain/address-prefix'
import { admitInCluster, type ClusterRate, clusterRate, type Reach } from '../../domain/cluster-rate'
import { admit, makeRate, NO_ROOM, type Rate, sharedRate } from '../../domain/rate'
import { hastyMark, sessionMark } from '../../domain/session-cookie'
import { definePlugin, type PluginPhases, type Ports } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import { type RateLimitHeaders, type Refusal, refuseFor } from '../../kernel/verdict'
import { type Limit, schema, userSchema } from './schema'

/** When the zone is full, subjects fall into so many groups, each with the rate of so many subjects. */
const GROUPS = 64
const SUBJECTS_A_GROUP = 16
/** longer subjects are counted by their hash */
const SUBJECT_LENGTH_MAX = 64
const HASTY_WINDOW_S = 60

interface Settings {
  limits: Limit[]
  waiting_max: number
  /** user-limit has them */
  hasty_after?: number
  hasty_s?: number
  /** every plugin's settings have it; the schema here does not know */
  dry_run?: boolean
}

interface ReadyLimit {
  name: string
  by: Limit['by']
  header: string
  routes: Record<string, boolean>
  everywhere: boolean
  rate: Rate
  shared: Rate
  /** undefined: counted on this node */
  cluster: ClusterRate | undefined
  /** what is said when it is used up: filled in anew each time, and read before another request is served */
  refusal: Refusal
  rate_limit: RateLimitHeaders
  /** that rate_limit.state says */
  state_s: number
}

function inCluster(limit: Limit): ClusterRate {
  const { algorithm, rate, per_s, burst, delay_ms_max, lease_ms, share_when_alone } = limit
  return clusterRate(algorithm, rate, per_s, burst, delay_ms_max, lease_ms, share_when_alone)
}

function ready(limit: Limit): ReadyLimit {
  const routes: Record<string, boolean> = {}
  for (const route of limit.routes) routes[route] = true
  const rate = makeRate(limit.algorithm, limit.rate, limit.per_s, limit.burst, limit.delay_ms_max)
  const rate_limit = { policy: '"' + limit.name + '";q=' + limit.rate + ';w=' + limit.per_s, state: '' }
  const refusal = refuseFor('rate_limited', 'Too many requests: the limit "' + limit.name + '" is used up.', 1)
  refusal.rate_limit = rate_limit
  return {
    name: limit.name,
    by: limit.by,
    header: limit.header,
    routes,
    everywhere: limit.routes.length === 0,
    rate,
    shared: sharedRate(rate, SUBJECTS_A_GROUP),
    cluster: limit.scope === 'cluster' ? inCluster(limit) : undefined,
    refusal,
    rate_limit,
    state_s: 0,
  }
}

/** The account that a login names; '' when it names none: then the backend refuses it. */
function accountOf(ports: Ports): string {
  const body = ports.http.body()
  const login = body === undefined ? undefined : (ports.http.parseJson(body) as { user?: unknown } | undefined)
  if (typeof login !== 'object' || !login) return ''
  const user = login.user
  return typeof user === 'string' ? user : ''
}

function refusal(limit: ReadyLimit, wait_ms: number): Refusal {
  const wait_s = Math.max(1, Math.ceil(wait_ms / 1000))
  if (wait_s !== limit.state_s) {
    limit.state_s = wait_s
    limit.rate_limit.state = '"' + limit.name + '";r=0;t=' + wait_s
  }
  limit.refusal.retry_after_ms = Math.max(1, Math.ceil(wait_ms))
  return limit.refusal
}

function create(config: Settings, ports: Ports): PluginPhases {
  const limits: ReadyLimit[] = []
  for (const limit of config.limits) limits.push(ready(limit))
  const dry_run = config.dry_run ?? false
  const hasty_after = config.hasty_after ?? 0
  const addressKey = addressPrefixes(32, 64)
  const networkKey = addressPrefixes(24, 48)
  const reach: Reach = { away_until_ms: 0 }
  let waiting = 0

  function short(subject: string): string {
    return ports.crypto.byteLength(subject) > SUBJECT_LENGTH_MAX ? ports.crypto.sha256(subject) : subject
  }

  /** What the request is counted under; undefined when this limit has nothing to count. */
  function subjectOf(limit: ReadyLimit, request: GateRequest): string | undefined {
    if (limit.by === 'address') return addressKey(request.address)
    if (limit.by === 'address_net') return networkKey(request.address)
    if (limit.by === 'user') return request.user === '' ? undefined : short(request.user)
    if (limit.by === 'session') return request.session_id === '' ? undefined : short(request.session_id)
    if (limit.by === 'route') return request.route.name
    if (limit.by === 'login') return short(addressKey(request.address) + ' ' + accountOf(ports))
    const value = ports.http.header(limit.header)
    return value === undefined ? undefined : short(value)
  }

  function ask(limit: ReadyLimit, subject: string, now_ms: number): number {
    const key = limit.name + ':' + subject
    const answer =
      limit.cluster === undefined
        ? admit(ports.rates, limit.rate, key, now_ms)
        : admitInCluster(ports.rates, ports.cluster_rates, reach, limit.cluster, key)
    if (answer > NO_ROOM) return answer
    ports.count('zone_full')
    const group = ports.crypto.crc32(subject) % GROUPS
    const shared = admit(ports.shared_rates, limit.shared, limit.name + ':' + group, now_ms)
    return shared > NO_ROOM ? shared : -limit.rate.interval_ms
  }

  /** Browsers wait as they are told. Who goes on asking is remembered, and bot-score sees it with the next request. */
  function noteHaste(key: string, request: GateRequest): void {
    if (ports.countWithin('refused:' + key, HASTY_WINDOW_S) < hasty_after) return
    ports.count('hasty')
    const session = request.session_mark ?? sessionMark(ports.http.header('authorization'), ports.http.header('cookie'))
    if (session !== '') ports.marks.set(hastyMark(session), config.hasty_s ?? HASTY_WINDOW_S)
  }

  /** One limit's word on the request. */
  function apply(limit: ReadyLimit, request: GateRequest): Refusal | undefined {
    const subject = subjectOf(limit, request)
    if (subject === undefined) return undefined
    const answer = ask(limit, subject, request.now_ms)
    if (answer === 0) return undefined
    if (answer > 0 && waiting < config.waiting_max) {
      ports.count('delayed')
      if (dry_run) return undefined
      waiting += 1
      ports.sleep(answer)
      waiting -= 1
      return undefined
    }
    ports.count(limit.name)
    if (!dry_run && hasty_after > 0) noteHaste(limit.name + ':' + subject, request)
    return refusal(limit, answer > 0 ? answer : -answer)
  }

  function access(request: GateRequest): Refusal | undefined {
    const route = request.route.name
    for (const limit of limits) {
      // whoever is on the allow list still may not guess at passwords
      const counts = !request.is_allowed || limit.by === 'login'
      if (counts && (limit.everywhere || limit.routes[route] === true)) {
        const verdict = apply(limit, request)
        if (verdict !== undefined) return verdict
      }
    }
    return undefined
  }

  return { access }
}

export const rateLimit = definePlugin({
  name: 'rate-limit',
  version: '0.1.0',
  priority: 3000,
  routes: ['sales', 'state', 'draw', 'login', 'search'],
  fails: 'closed',
  schema,
  create,
})

export const userLimit = definePlugin({
  name: 'user-limit',
  version: '0.1.0',
  priority: 1900,
  routes: [],
  fails: 'closed',
  schema: userSchema,
  create,
})
