// POST /sessions logs in, DELETE /sessions logs out.
import { createHash } from 'node:crypto'
import type { Response, Router } from 'express'
import { z } from 'zod'
import { IDEMPOTENCY_KEY_LENGTH_MAX } from '../../../contract/lane-scripts'
import { type Authenticator, cookieName } from '../http/auth'
import { readJson } from '../http/body'
import { Refusal } from '../http/refusal'
import { addRoute } from '../http/routes'
import type { Accounts } from './accounts'
import type { Sessions, UserSession } from './sessions'
import { SESSION_MS, userProblem } from './token'

/** How long the same Idempotency-Key gets the same session. */
const REPEAT_MS = 60_000
const REPEATS_MAX = 20_000
export const SECRET_LENGTH_MAX = 1024

export const userField = z.string().check((context) => {
  const problem = userProblem(context.value)
  if (problem !== undefined) context.issues.push({ code: 'custom', message: problem, input: context.value })
})

const loginBody = z.strictObject({
  user: userField,
  // no more is said of a secret than that it is wrong
  secret: z.string().max(SECRET_LENGTH_MAX),
  // a field that no person fills in: the gate has seen it, and nothing else comes of it
  referral_note: z.string().max(SECRET_LENGTH_MAX).optional(),
})

interface Repeat {
  request: string
  answer: Promise<UserSession>
  until_ms: number
}

/**
 * Answers of the last minute by user and key. In this process only: a token is not to lie about in Redis, and a repeat
 * that reaches another backend merely logs in once more.
 */
class Repeats {
  private readonly answers = new Map<string, Repeat>()

  /** Same key, same request: the same answer. Another request under the key is refused. */
  async once(user: string, key: string, request: string, login: () => Promise<UserSession>): Promise<UserSession> {
    const name = digest(user, key)
    const now_ms = performance.now()
    const known = this.answers.get(name)
    if (known !== undefined && known.until_ms > now_ms) {
      if (known.request !== request) throw new Refusal('key_reused', 'Idempotency-Key: was used with another body')
      return known.answer
    }
    const answer = login()
    this.answers.delete(name)
    this.answers.set(name, { request, answer, until_ms: now_ms + REPEAT_MS })
    this.dropOld(now_ms)
    answer.catch(() => this.answers.delete(name))
    return answer
  }

  /** The oldest come first in a Map. */
  private dropOld(now_ms: number): void {
    for (const [name, { until_ms }] of this.answers) {
      if (until_ms > now_ms && this.answers.size <= REPEATS_MAX) return
      this.answers.delete(name)
    }
  }
}

function digest(...parts: string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part)
  return hash.digest('base64url')
}

interface SessionRouteParts {
  accounts: Accounts
  sessions: Sessions
  auth: Authenticator
  public_url: string
}

export function addSessionRoutes(router: Router, { accounts, sessions, auth, public_url }: SessionRouteParts): void {
  const repeats = new Repeats()
  const setCookie = (response: Response, value: string, max_age_ms: number) => {
    response.cookie(cookieName(public_url), value, {
      httpOnly: true,
      sameSite: 'lax',
      secure: public_url.startsWith('https:'),
      path: '/',
      maxAge: max_age_ms,
    })
  }
  const login = async (user: string, secret: string): Promise<UserSession> => {
    const account = await accounts.verify(user, secret)
    if (account === undefined) throw new Refusal('bad_credentials', 'user or secret is not right')
    const [session] = await sessions.create([user], 'login', account.level)
    return session as UserSession
  }
  addRoute(router, '/sessions', {
    post: async (request, response) => {
      const key = request.headers['idempotency-key']
      if (key !== undefined && !isKey(key)) {
        const rule = `must be 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} visible ASCII characters`
        throw new Refusal('bad_request', `Idempotency-Key: ${rule}`)
      }
      const { user, secret } = await readJson(request, loginBody)
      const created =
        typeof key === 'string'
          ? await repeats.once(user, key, digest(user, secret), () => login(user, secret))
          : await login(user, secret)
      setCookie(response, created.session, SESSION_MS)
      response.status(201).json({
        session: created.session,
        signing_key: created.signing_key,
        expires_at: new Date(created.expires_ms).toISOString(),
      })
    },
    delete: async (request, response) => {
      const session = auth.session(request)
      await sessions.requireNewest(session)
      await sessions.end(session.user)
      setCookie(response, '', 0)
      response.status(204).end()
    },
  })
}

function isKey(key: string | string[]): key is string {
  return typeof key === 'string' && key.length <= IDEMPOTENCY_KEY_LENGTH_MAX && /^[\x21-\x7e]+$/.test(key)
}
