// How much a request looks like a machine's: what its User-Agent claims, held against its other headers. Points add up.
//
// It tells those who lie badly from those who do not. A real browser that is driven by a program has a browser's headers and gets no
// points here, unless it says what it is.
import { type HeaderShape, isInOrder } from './header-shape'
import { type Claim, type Family, numberAfter } from './user-agent'

/** What a maintained list says of a User-Agent. */
export type AgentKind = 'none' | 'library' | 'automation' | 'crawler'

type AgentClass =
  /** claims to be a browser, and nothing speaks against it */
  | 'browser'
  /** claims to be a browser and sends what that browser does not */
  | 'contradictory'
  /** says that it is a program, or nothing */
  | 'tool'
  /** says that it is a browser driven by a program */
  | 'automation'
  | 'crawler'

/** All weights, in points. Nothing that an odd but honest browser does on its own comes to more than 30. */
export const WEIGHTS = {
  /** no User-Agent */
  no_agent: 40,
  /** names a library or a program, as curl does */
  tool: 30,
  /** names a browser without a window, or a driver of browsers */
  automation: 40,
  crawler: 40,
  /** uses the name of a crawler that it is not */
  false_crawler: 60,
  /** a browser without Sec-Fetch-Site, -Mode and -Dest, which pages cannot take away */
  metadata: 30,
  /** a Chromium without sec-ch-ua, or one whose version there is another */
  hints: 20,
  /** sec-ch-ua from a browser that has never sent it */
  other_hints: 30,
  /** in an order in which this browser does not send them */
  order: 25,
  /** a browser without Accept-Language */
  language: 15,
  /** a browser without Accept-Encoding */
  encoding: 15,
  /** a browser's POST without Origin */
  origin: 15,
  /** older than what this shop's pages run in */
  old: 10,
  /** this session was told again and again that it asks too often, and went on (user-limit) */
  hasty: 80,
  /** this request filled in a field that no person sees */
  trap_field: 60,
  /** this session followed a link that no person sees, in the last hour */
  trap_session: 60,
  /** this client (address and fingerprint) did, and is not signed in */
  trap_client: 40,
  /** this client did, and is signed in: others may share both */
  trap_client_signed_in: 20,
  /** somebody at this address did; counts for nobody who is signed in */
  trap_address: 15,
}

/** Points from which a browser's claim is called contradictory. */
const CONTRADICTORY_FROM = 20

/** Since these versions browsers send them on https and on loopback. */
const METADATA_SINCE: Record<string, number> = { chromium: 80, webview: 80, firefox: 90, safari: 17 }
const HINTS_SINCE = 90
const HINTS_MARK = '"Chromium";v="'
/** What web/shop is built for. */
const OLD_BELOW: Record<string, number> = { chromium: 110, webview: 110, firefox: 115, safari: 16 }

const CHROMIUM_ORDER = ['host', 'user-agent', 'accept', 'sec-fetch-site', 'sec-fetch-mode', 'sec-fetch-dest']
const CHROMIUM_ENCODINGS = ['accept', 'accept-encoding', 'accept-language']
const FIREFOX_ORDER = ['host', 'user-agent', 'accept', 'accept-language', 'accept-encoding']

export interface Evidence {
  kind: AgentKind
  claim: Claim
  shape: HeaderShape
  /** value of sec-ch-ua; '' for none */
  hints: string
  is_post: boolean
  /** https, or loopback: where browsers send Sec-Fetch-* and sec-ch-ua */
  is_secure: boolean
}

export interface Judgement {
  class: AgentClass
  points: number
  /** names of the weights, each with a space before it */
  reasons: string
  /** what the fingerprint is a hash of */
  fingerprint_of: string
}

function isBrowser(family: Family): boolean {
  return family !== 'other' && family !== 'none'
}

function orderIsWrong(family: Family, shape: HeaderShape): boolean {
  if (!shape.is_ordered) return false
  if (family === 'chromium' || family === 'webview') {
    return !isInOrder(shape, CHROMIUM_ORDER) || !isInOrder(shape, CHROMIUM_ENCODINGS)
  }
  // Safari's has changed from version to version
  return family === 'firefox' ? !isInOrder(shape, FIREFOX_ORDER) : false
}

function hintsAreWrong(claim: Claim, hints: string): boolean {
  if (claim.family !== 'chromium' || claim.version < HINTS_SINCE) return false
  if (hints === '') return true
  const told = numberAfter(hints, HINTS_MARK)
  return told > 0 && told !== claim.version
}

type Reason = keyof typeof WEIGHTS

/** What a browser's headers say against it. */
function againstBrowser(evidence: Evidence): Reason[] {
  const found: Reason[] = []
  const { claim, shape } = evidence
  const place = shape.place
  if (evidence.is_secure) {
    const since = METADATA_SINCE[claim.family] ?? 0
    const is_missing =
      place['sec-fetch-site'] === undefined ||
      place['sec-fetch-mode'] === undefined ||
      place['sec-fetch-dest'] === undefined
    if (is_missing && claim.version >= since) found.push('metadata')
    if (hintsAreWrong(claim, evidence.hints)) found.push('hints')
  }
  if (evidence.hints !== '' && (claim.family === 'firefox' || claim.family === 'safari')) found.push('other_hints')
  if (orderIsWrong(claim.family, shape)) found.push('order')
  if (place['accept-language'] === undefined) found.push('language')
  if (place['accept-encoding'] === undefined) found.push('encoding')
  if (evidence.is_post && place['origin'] === undefined) found.push('origin')
  if (claim.version > 0 && claim.version < (OLD_BELOW[claim.family] ?? 0)) found.push('old')
  return found
}

/** What the list says, or its claim to be nothing that is known; undefined for what may be a browser. */
function named(evidence: Evidence): { class: AgentClass; reason: Reason } | undefined {
  const { kind, claim } = evidence
  if (kind === 'crawler') return { class: 'crawler', reason: 'crawler' }
  if (kind === 'automation') return { class: 'automation', reason: 'automation' }
  if (claim.family === 'none') return { class: 'tool', reason: 'no_agent' }
  if (kind === 'library' || !isBrowser(claim.family)) return { class: 'tool', reason: 'tool' }
  return undefined
}

export function judge(evidence: Evidence): Judgement {
  const { claim, shape } = evidence
  const said = named(evidence)
  let points = 0
  let reasons = ''
  if (said !== undefined) {
    points = WEIGHTS[said.reason]
    reasons = ' ' + said.reason
  }
  // a browser that says it is driven has a browser's headers, or lies about that too
  if (isBrowser(claim.family) && said?.class !== 'crawler') {
    for (const reason of againstBrowser(evidence)) {
      points += WEIGHTS[reason]
      reasons = reasons + ' ' + reason
    }
  }
  const by_claim: AgentClass = points >= CONTRADICTORY_FROM ? 'contradictory' : 'browser'
  return {
    class: said === undefined ? by_claim : said.class,
    points,
    reasons,
    fingerprint_of: claim.family + ' ' + claim.product + ' ' + shape.text,
  }
}

/** How scores are counted: the name of the bucket. */
export function bucketOf(score: number): string {
  if (score <= 0) return 'score_0'
  if (score < 20) return 'score_1_to_19'
  if (score < 40) return 'score_20_to_39'
  if (score < 70) return 'score_40_to_69'
  if (score < 100) return 'score_70_to_99'
  return 'score_100_up'
}
