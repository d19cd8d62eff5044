// session: reads the shopper's session token and says who the shopper is (contract/session-token.ts).
//
// Guarantee: after it, user, generation, session id and level are those of a token that this site signed and that has not
// expired, and a purchase has the membership level that its sale asks for.
// Whether a newer session has replaced it is seen where it matters, in the reservation's own script.
import { USER_BYTES_MAX } from '../../../../contract/lane-scripts'
import { readSessionToken } from '../../../../contract/session-token'
import { sessionCookie, sessionMark } from '../../domain/session-cookie'
import { isUtf8 } from '../../domain/utf8'
import { type JwtReader, NEWEST_GENERATION } from '../../kernel/jwt'
import type { HttpPort, PluginPhases, Ports } from '../../kernel/plugin'
import { definePlugin } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import type { Infer } from '../../kernel/schema'
import { type Refusal, refuse } from '../../kernel/verdict'
import { schema } from './schema'

const BEARER = 'Bearer '
/** what our own tokens begin with; a JWT never does */
const OURS = 's1.'

/** A cookie is sent along by any page: what changes something must come from a page of ours. */
function isSameSite(http: HttpPort): boolean {
  const origin = http.header('origin')
  if (origin === undefined) return http.header('sec_fetch_site') === 'same-origin'
  const host = http.header('host')
  if (host === undefined) return false
  // over https a page of plain http is another site: anybody on the way may have written it
  return origin === 'https://' + host || (origin === 'http://' + host && !http.isHttps())
}

/** The token begins at `from` and ends with the text: cutting it out would leave two more texts to the collector. */
function readToken(ports: Ports, text: string, from: number, request: GateRequest): Refusal | undefined {
  const parts = readSessionToken(text, from)
  const crypto = ports.crypto
  if (parts === undefined || !crypto.isSession(parts.key_id, text, from, parts.signed_end)) {
    return refuse('no_session', 'The session token is not one of ours.')
  }
  if (parts.expires_ms <= request.now_ms) return refuse('no_session', 'The session has expired: sign in again.')
  const user = crypto.fromBase64UrlAt(text, parts.user_from, parts.user_to)
  if (
    user === undefined ||
    user === '' ||
    user.length > USER_BYTES_MAX ||
    !(ports.http.isPrintable(user) || isUtf8(user))
  ) {
    return refuse('no_session', 'The session token names no user.')
  }
  request.user = user
  request.generation = parts.generation
  request.session_id = parts.sid
  request.session_key_id = parts.key_id
  request.level = parts.level
  return undefined
}

/** A sale may be for members only (gate.level_min); a sale that is not known is the next plugin's to speak of. */
function levelProblem(ports: Ports, request: GateRequest): Refusal | undefined {
  const level_min = ports.sales.find(request.route.subject)?.sale.gate['level_min']
  if (typeof level_min !== 'number' || request.level >= level_min) return undefined
  const refusal = refuse(
    'level_required',
    'This sale is for members of level ' + level_min + ' and above; the session has level ' + request.level + '.',
  )
  refusal.members = ',"level_min":' + level_min
  return refusal
}

function create(config: Infer<typeof schema>, ports: Ports): PluginPhases {
  const http = ports.http

  // without issuer and audience a token for another service would pass
  const jwt =
    config.jwt.keys !== '' && config.jwt.issuer !== '' && config.jwt.audience !== '' ? ports.jwt(config.jwt) : undefined
  if (config.jwt.keys !== '' && jwt === undefined)
    ports.warn('jwt: needs issuer and audience; no such token is believed')

  /** The backend, where it is asked, is told the same as a session token of ours. */
  function readJwt(reader: JwtReader, token: string, request: GateRequest): Refusal | undefined {
    const known = reader.read(token, request.now_ms)
    if (known === undefined) return refuse('no_session', 'The token is not one that this shop believes, or no longer.')
    request.user = known.user
    request.generation = NEWEST_GENERATION
    request.session_id = known.session_id
    request.session_key_id = known.session_key_id
    request.level = known.level
    if (request.route.name !== 'reserve') {
      request.session_mark = sessionMark(BEARER + token, undefined)
      http.setHeader('Authorization', BEARER + known.session)
    }
    return undefined
  }

  function identify(request: GateRequest): Refusal | undefined {
    const authorization = http.header('authorization')
    if (authorization !== undefined) {
      if (authorization.substring(0, BEARER.length) !== BEARER) {
        return refuse('no_session', 'Authorization must be "Bearer" and a session token.')
      }
      const from = BEARER.length
      if (jwt !== undefined && authorization.substring(from, from + OURS.length) !== OURS) {
        return readJwt(jwt, authorization.substring(from), request)
      }
      return readToken(ports, authorization, from, request)
    }
    const cookies = config.cookie ? http.header('cookie') : undefined
    const token = cookies === undefined ? undefined : sessionCookie(cookies, http.isHttps())
    if (token === undefined) return refuse('no_session', 'Sign in first: POST /sessions.')
    if (request.method !== 'GET' && request.method !== 'HEAD' && !isSameSite(http)) {
      return refuse('refused', 'A request with a cookie must come from this site: its Origin does not say so.')
    }
    return readToken(ports, token, 0, request)
  }

  function access(request: GateRequest): Refusal | undefined {
    const refusal = identify(request)
    const name = request.route.name
    // nobody waits for a sale that is not for them
    if (refusal !== undefined || (name !== 'reserve' && name !== 'take_ticket')) return refusal
    return levelProblem(ports, request)
  }

  return { access }
}

export const session = definePlugin({
  name: 'session',
  version: '0.1.0',
  priority: 2000,
  routes: ['challenge', 'take_ticket', 'ticket', 'reserve', 'cart', 'reservation', 'give_back', 'pay'],
  fails: 'closed',
  schema,
  create,
})
