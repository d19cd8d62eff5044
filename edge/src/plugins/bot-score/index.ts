// bot-score: how much a request looks like a machine, in points, and a fingerprint of its headers.
//
// Guarantee: after it `fingerprint` is the same for all requests of one client program, and `score` says what speaks against it
// (domain/bot-score.ts). Who says that he is a crawler does not buy. In a dry run nobody's score rises.
//
// Judging is a matter of some microseconds, so each pair of User-Agent and headers is judged once in a worker and then looked up.
import { parseAddress, prefixText } from '../../domain/address'
import { type AgentKind, bucketOf, type Judgement, judge, WEIGHTS } from '../../domain/bot-score'
import { readShape } from '../../domain/header-shape'
import { hastyMark, sessionMark } from '../../domain/session-cookie'
import { type Claim, readUserAgent } from '../../domain/user-agent'
import { definePlugin, type PluginPhases, type Ports } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import type { Infer } from '../../kernel/schema'
import { answerPage, type Refusal, refuse, type Verdict } from '../../kernel/verdict'
import type { schema, Thresholds } from './schema'
import { schema as declared } from './schema'

/** judgements, and User-Agents, that a worker remembers; past it all are forgotten */
const KEPT_MAX = 4096
/** longer values are no browser's; they are cut before anybody looks at them */
const VALUE_LENGTH_MAX = 512
const FINGERPRINT_LENGTH = 16
/** of IPv6, which is what one household has */
const NETWORK_BITS = 64
/** A field of the sign-in form that no person sees, as it stands in JSON when it is filled in. Empty it is `""`. */
const TRAP_FIELD = '"referral_note":"'

/** Where crawlers may go: nobody gets anything there. Sales' own thresholds are about buying. */
const READS: Record<string, boolean | undefined> = { sales: true, state: true, item: true, draw: true }

const NOTHING_TO_SEE =
  '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex">' +
  '<title>Nothing here</title></head><body><p>There is nothing here for people. <a href="/">To the sales</a></p></body></html>'

interface Known {
  judgement: Judgement
  fingerprint: string
}

interface KnownAgent {
  kind: AgentKind
  claim: Claim
  /** by sec-ch-ua, then by what the headers are like, the method and whether it is secure */
  judged: Record<string, Record<number, Known | undefined> | undefined>
}

interface Settings extends Infer<typeof schema> {
  /** every plugin's settings have it; the schema here does not know */
  dry_run?: boolean
}

const NO_THRESHOLDS: Thresholds = { routes: [], challenge_from: 0, refuse_from: 0 }

/** Which of them is for a route. */
function forRoute(settings: Settings, route: string): Thresholds {
  for (const each of settings.thresholds) {
    if (each.routes.length === 0) return each
    for (const name of each.routes) if (name === route) return each
  }
  return NO_THRESHOLDS
}

function cut(value: string | undefined): string {
  if (value === undefined) return ''
  return value.length > VALUE_LENGTH_MAX ? value.substring(0, VALUE_LENGTH_MAX) : value
}

/** Answers for a request what is known of its agent and headers. */
function memory(ports: Ports): (this: void, request: GateRequest) => Known {
  const { crypto, headers, http } = ports
  let agents: Record<string, KnownAgent | undefined> = {}
  let count = 0

  function agentOf(text: string): KnownAgent {
    const kept = agents[text]
    if (kept !== undefined) return kept
    const kind = text === '' ? 'none' : ports.agentKind(text)
    const made: KnownAgent = { kind: kind ?? 'none', claim: readUserAgent(text), judged: {} }
    // one that the list was not asked about is asked about the next time
    if (kind === undefined) return made
    count += 1
    agents[text] = made
    return made
  }

  function judgeNow(agent: KnownAgent, hints: string, is_post: boolean, is_secure: boolean): Known {
    const shape = readShape(headers.names(), headers.is_ordered)
    const judgement = judge({ kind: agent.kind, claim: agent.claim, shape, hints, is_post, is_secure })
    return {
      judgement,
      fingerprint: crypto.sha256Hex(judgement.fingerprint_of).substring(0, FINGERPRINT_LENGTH),
    }
  }

  return (request) => {
    const agent = agentOf(cut(http.header('user_agent')))
    const hints = cut(http.header('sec_ch_ua'))
    const is_post = request.method === 'POST'
    const is_secure = http.isSecure()
    const key = headers.code() * 4 + (is_post ? 2 : 0) + (is_secure ? 1 : 0)
    let judged = agent.judged[hints]
    if (judged === undefined) {
      judged = {}
      agent.judged[hints] = judged
    }
    const known = judged[key]
    if (known !== undefined) return known
    if (count >= KEPT_MAX) {
      agents = {}
      count = 0
    }
    count += 1
    const made = judgeNow(agent, hints, is_post, is_secure)
    judged[key] = made
    return made
  }
}

function create(config: Settings, ports: Ports): PluginPhases {
  const { http, marks } = ports
  const dry_run = config.dry_run ?? false
  const look = memory(ports)
  const readCrawler = ports.crawlers({ crawlers: config.crawlers, keep_s: config.crawlers_keep_s })
  const routes: Record<string, Thresholds | undefined> = {}

  function networkOf(address: string): string {
    const parsed = address.indexOf(':') < 0 ? undefined : parseAddress(address)
    return parsed === undefined ? address : prefixText(parsed, NETWORK_BITS)
  }

  function markOfSession(request: GateRequest): string {
    if (request.session_mark !== undefined) return request.session_mark
    return sessionMark(http.header('authorization'), http.header('cookie'))
  }

  /** A shared address is not punished for one of its people, where sessions tell them apart. */
  function remember(request: GateRequest): void {
    const network = networkOf(request.address)
    const session = markOfSession(request)
    if (session !== '') marks.set('trap:s:' + session, config.trap_s)
    marks.set('trap:c:' + network + ' ' + request.fingerprint, config.trap_s)
    marks.set('trap:a:' + network, config.trap_s)
  }

  function trapPoints(request: GateRequest): number {
    if (!marks.any(request.now_ms)) return 0
    const network = networkOf(request.address)
    const session = markOfSession(request)
    const is_marked = marks.has('trap:c:' + network + ' ' + request.fingerprint)
    if (session !== '') {
      if (marks.has(hastyMark(session))) return WEIGHTS.hasty
      if (marks.has('trap:s:' + session)) return WEIGHTS.trap_session
      return is_marked ? WEIGHTS.trap_client_signed_in : 0
    }
    if (is_marked) return WEIGHTS.trap_client
    return marks.has('trap:a:' + network) ? WEIGHTS.trap_address : 0
  }

  /** Points for a field that no person sees: it stands in the form for signing in. */
  function fieldPoints(request: GateRequest): number {
    const body = request.route.name === 'login' ? http.body() : undefined
    const at = body === undefined ? -1 : body.indexOf(TRAP_FIELD)
    if (body === undefined || at < 0) return 0
    const value = at + TRAP_FIELD.length
    if (body.substring(value, value + 1) === '"') return 0
    ports.count('trap_field')
    remember(request)
    return WEIGHTS.trap_field
  }

  function thresholdsOf(request: GateRequest): Thresholds {
    const route = request.route.name
    const of_sale = ports.sales.find(request.route.subject)?.sale.gate.score
    if (of_sale !== undefined && route !== 'login' && READS[route] !== true) {
      return { routes: [], challenge_from: of_sale.challenge_from ?? 0, refuse_from: of_sale.refuse_from ?? 0 }
    }
    let of_route = routes[route]
    if (of_route === undefined) {
      of_route = forRoute(config, route)
      routes[route] = of_route
    }
    return of_route
  }

  function refusal(score: number, reasons: string): Refusal {
    const refused = refuse('refused', 'This shop does not sell to programs that look like this one.')
    refused.limit = score + reasons
    return refused
  }

  /** Crawlers read and do not buy. Who uses the name of one that he is not is remembered as who followed the link. */
  function crawlerVerdict(request: GateRequest, judgement: Judgement, score: number): Refusal | undefined {
    const standing = readCrawler(cut(http.header('user_agent')), request.address)
    if (standing !== undefined) ports.count('crawler_' + standing)
    let points = score
    let reasons = judgement.reasons
    if (standing === 'false') {
      points += WEIGHTS.false_crawler
      reasons = reasons + ' false_crawler'
      remember(request)
    }
    if (READS[request.route.name] !== true) return refusal(points, reasons)
    if (standing === 'verified') return undefined
    const { refuse_from } = thresholdsOf(request)
    if (refuse_from > 0 && points >= refuse_from) return refusal(points, reasons)
    if (!dry_run) request.score = points
    return undefined
  }

  function access(request: GateRequest): Verdict | undefined {
    const { judgement, fingerprint } = look(request)
    request.fingerprint = fingerprint
    if (request.route.name === 'trap') {
      ports.count('trap_link')
      remember(request)
      return answerPage(NOTHING_TO_SEE)
    }
    // the operator knows who this is
    if (request.is_allowed) return undefined
    const trap = trapPoints(request)
    const field = fieldPoints(request)
    const score = judgement.points + (trap > field ? trap : field)
    ports.count(judgement.class)
    if (score > 0) ports.count(bucketOf(score))
    if (judgement.class === 'crawler') return crawlerVerdict(request, judgement, score)
    // who asks for a challenge may get one, whatever he looks like now
    if (score === 0 && request.route.name !== 'challenge') return undefined
    const { challenge_from, refuse_from } = thresholdsOf(request)
    if (refuse_from > 0 && score >= refuse_from) {
      return refusal(score, judgement.reasons + (trap > 0 || field > 0 ? trapReason(trap) : ''))
    }
    weigh(request, score, challenge_from)
    return undefined
  }

  function trapReason(points: number): string {
    return points === WEIGHTS.hasty ? ' hasty' : ' trap'
  }

  function weigh(request: GateRequest, score: number, challenge_from: number): void {
    const route = request.route.name
    if (challenge_from > 0 && route === 'challenge') {
      request.proof_asked = true
    } else if (challenge_from > 0 && score >= challenge_from && route === 'reserve') {
      ports.count(dry_run ? 'would_challenge' : 'challenged')
      request.proof_asked = !dry_run
    }
    if (!dry_run) request.score = score
  }

  return { access }
}

export const botScore = definePlugin({
  name: 'bot-score',
  version: '0.1.0',
  priority: 1980,
  routes: ['challenge', 'take_ticket', 'reserve', 'login', 'trap'],
  fails: 'open',
  schema: declared,
  create,
})
