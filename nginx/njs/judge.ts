// What the outer tier does with a request, decided without nginx.
//
// Guarantee: a request that goes on carries no token whose MAC is not one of ours, and no expired session; where the gate
// needs a session, it carries one. What is checked here the gates check again: this saves them the work, and is no substitute.
import type { RefusalCode } from '../../contract/codes'
import { parsePass } from '../../contract/pass'
import type { SubkeyPurpose } from '../../contract/secrets'
import { parseSessionToken } from '../../contract/session-token'
import { parseTicket } from '../../contract/ticket'
import { matchRoute, type RouteName } from '../../edge/src/domain/route'
import { sessionCookie } from '../../edge/src/domain/session-cookie'

export interface Asked {
  method: string
  /** decoded and normalised, without the query */
  path: string
  authorization: string | undefined
  cookies: string | undefined
  /** to us, or to a balancer before us */
  is_https: boolean
  /** a header by its name in small letters with underscores */
  header: (name: string) => string | undefined
  /** the client's network: what users without a session are told apart by */
  network: string
  now_ms: number
}

/** MAC of a message under the subkey of a purpose, as base64url; undefined for a key id that is none of ours. */
type MacPort = (purpose: SubkeyPurpose, key_id: string, message: string) => string | undefined

/** What all tokens have in common. */
interface SignedToken {
  key_id: string
  signed: string
  mac: string
  expires_ms: number
}

interface TokenKind {
  purpose: SubkeyPurpose
  name: string
  code: RefusalCode
  /** '' when the request has none; the session has places of its own */
  find: (asked: Asked) => string
  parse: (text: string) => SignedToken | undefined
  /** false where an expired one may still be right: the gate judges that */
  ends: boolean
}

const SESSION: TokenKind = {
  purpose: 'session',
  name: 'session token',
  code: 'no_session',
  find: (asked) => asked.authorization || '',
  parse: parseSessionToken,
  ends: true,
}

/** Tokens beside the session. A retry after an unknown outcome may come with a pass that has expired meanwhile. */
const OTHERS: TokenKind[] = [
  {
    purpose: 'pass',
    name: 'pass',
    code: 'pass_required',
    find: (asked) => asked.header('x_rush_pass') || '',
    parse: parsePass,
    ends: false,
  },
  { purpose: 'ticket', name: 'ticket', code: 'not_found', find: ticketInPath, parse: parseTicket, ends: false },
]

/** Of /sales/{sale}/tickets/{ticket}. */
function ticketInPath(asked: Asked): string {
  const at = asked.path.indexOf('/tickets/')
  return asked.path.substring(0, 7) === '/sales/' && at > 0 ? asked.path.substring(at + 9) : ''
}

/** Those of the gate's session plugin, and signing out. */
export const NEED_SESSION: RouteName[] = [
  'reserve',
  'challenge',
  'take_ticket',
  'ticket',
  'cart',
  'reservation',
  'give_back',
  'pay',
  'logout',
]
/** Their Authorization and cookies are those of others: a payment provider's, the sandbox's. */
const OTHERS_CREDENTIALS: RouteName[] = ['webhook', 'sandbox']

const BEARER = 'Bearer '

/** Takes the same time wherever the texts differ; only their lengths can be learnt from it. */
export function sameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}

/** '' when the token is right, else the sentence to refuse it with. */
function wrongWith(kind: TokenKind, token: SignedToken | undefined, asked: Asked, macOf: MacPort): string {
  const mac = token === undefined ? undefined : macOf(kind.purpose, token.key_id, token.signed)
  if (token === undefined || mac === undefined || !sameText(mac, token.mac)) {
    return 'The ' + kind.name + ' is not one of ours.'
  }
  if (kind.ends && token.expires_ms <= asked.now_ms) {
    return 'The ' + kind.name + ' has expired.'
  }
  return ''
}

function refusal(code: RefusalCode, detail: string): string {
  return '!' + code + ' ' + detail
}

/**
 * The verdict as one text, because that is what an nginx variable holds:
 * `+KEY` forward; `-KEY` forward without any session cookie; `!CODE DETAIL` refuse.
 * KEY is what the gate is chosen by: the user, or the network of who has no session.
 *
 * A cookie of no worth is refused only where a session is needed, and taken off elsewhere: a browser sends it unasked, also with
 * the request that gets it a new one. A Bearer token is sent on purpose.
 */
export function judge(asked: Asked, macOf: MacPort): string {
  const nobody = 'a:' + asked.network
  const route = matchRoute(asked.method, asked.path).route
  const name = route === undefined ? undefined : route.name
  if (name !== undefined && OTHERS_CREDENTIALS.indexOf(name) >= 0) return '+' + nobody
  const needs_session = name !== undefined && NEED_SESSION.indexOf(name) >= 0

  for (const kind of OTHERS) {
    const text = kind.find(asked)
    const wrong = text === '' ? '' : wrongWith(kind, kind.parse(text), asked, macOf)
    if (wrong !== '') return refusal(kind.code, wrong)
  }

  const authorization = asked.authorization
  if (authorization !== undefined && authorization !== '') {
    if (authorization.substring(0, BEARER.length) !== BEARER) {
      if (needs_session) return refusal('no_session', 'Authorization must be "Bearer" and a session token.')
      return '+' + nobody
    }
    const token = parseSessionToken(authorization.substring(BEARER.length))
    const wrong = wrongWith(SESSION, token, asked, macOf)
    // with both, the token counts: so no cookie goes on unchecked
    return token === undefined || wrong !== '' ? refusal(SESSION.code, wrong) : '-u:' + token.user
  }

  const cookie = asked.cookies === undefined ? undefined : sessionCookie(asked.cookies, asked.is_https)
  if (cookie === undefined) {
    return needs_session ? refusal('no_session', 'Sign in first: POST /sessions.') : '-' + nobody
  }
  const token = parseSessionToken(cookie)
  const wrong = wrongWith(SESSION, token, asked, macOf)
  if (token !== undefined && wrong === '') return '+u:' + token.user
  return needs_session ? refusal(SESSION.code, wrong) : '-' + nobody
}
