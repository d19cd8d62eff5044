// Who is calling: a shopper with a session, the operator, or a gate.
import type { Request } from 'express'
import { rememberUser } from '../receipts/receipts'
import type { Keyring } from '../secrets'
import { sameText } from '../secrets'
import { type Session, verifySession } from '../sessions/token'
import { Refusal } from './refusal'
import type { Handler } from './routes'

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

export function cookieName(public_url: string): string {
  return public_url.startsWith('https:') ? '__Host-rush_session' : 'rush_session'
}

function bearer(request: Request): string | undefined {
  const match = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')
  return match?.[1]
}

function cookie(request: Request, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const equals = pair.indexOf('=')
    if (equals > 0 && pair.substring(0, equals).trim() === name) return pair.substring(equals + 1).trim()
  }
  return undefined
}

export class Authenticator {
  private readonly cookie_name: string
  private readonly public_origin: string

  constructor(
    private readonly keyring: Keyring,
    private readonly admin_token: string,
    public_url: string,
    private readonly now: () => number,
  ) {
    this.cookie_name = cookieName(public_url)
    this.public_origin = new URL(public_url).origin
  }

  /** Refuses with no_session; a cookie that changes something must come from a page of this site. */
  session(request: Request): Session {
    const token = bearer(request)
    const from_cookie = token === undefined ? cookie(request, this.cookie_name) : undefined
    const presented = token ?? from_cookie
    if (presented === undefined) throw new Refusal('no_session', 'log in first: POST /sessions')
    const session = verifySession(this.keyring, presented, this.now())
    if (session === undefined) throw new Refusal('no_session', 'the session is not valid, or no longer')
    if (from_cookie !== undefined && !SAFE_METHODS.has(request.method)) this.requireOurOrigin(request)
    rememberUser(request, session.user)
    return session
  }

  readonly admin: Handler = (request) => {
    const token = bearer(request)
    if (token === undefined || !sameText(token, this.admin_token)) {
      throw new Refusal('bad_credentials', 'the admin API needs Authorization: Bearer with the admin token')
    }
  }

  /** A gate's calls: the subkey of any of the secrets. */
  readonly gate: Handler = (request) => {
    const token = bearer(request) ?? ''
    let known = false
    for (const { key } of this.keyring.all('internal')) {
      if (sameText(token, key.toString('base64url'))) known = true
    }
    if (!known) throw new Refusal('bad_credentials', 'this path is for gates, which know RUSHGATE_SECRET')
  }

  /** By whatever name the shop was reached; where that is by https, a page of plain http is another site. */
  private isSameHost(origin: string, host: string | undefined): boolean {
    if (!URL.canParse(origin)) return false
    const from = new URL(origin)
    return from.host === host && (from.protocol === 'https:' || !this.public_origin.startsWith('https:'))
  }

  private requireOurOrigin(request: Request): void {
    const { origin } = request.headers
    if (origin === undefined) {
      if (request.headers['sec-fetch-site'] === 'same-origin') return
      throw new Refusal('refused', 'a request with the session cookie must carry Origin')
    }
    if (origin !== this.public_origin && !this.isSameHost(origin, request.headers.host))
      throw new Refusal('refused', 'Origin is not this site')
  }
}
