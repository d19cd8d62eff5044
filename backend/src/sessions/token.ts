// Session tokens (contract/session-token.ts): minted here, checked here and at the gate, never stored.
import { randomBytes } from 'node:crypto'
import { USER_BYTES_MAX } from '../../../contract/lane-scripts'
import { parseSessionToken, unsignedSessionToken } from '../../../contract/session-token'
import { isPlainText } from '../plain-text'
import { hmacText, type Keyring, sameText } from '../secrets'

export const SESSION_MS = 12 * 60 * 60 * 1000
const SID_BYTES = 12

export interface MintedSession {
  session: string
  /** what the page signs its requests with, derived from the session's id */
  signing_key: string
  expires_ms: number
}

export interface Session {
  user: string
  generation: number
  /** membership level, 0 to 9 */
  level: number
  expires_ms: number
}

export function mintSession(
  keyring: Keyring,
  user: string,
  generation: number,
  level: number,
  now_ms: number,
): MintedSession {
  const { id, key } = keyring.signing('session')
  const sid = randomBytes(SID_BYTES).toString('base64url')
  const expires_ms = now_ms + SESSION_MS
  const signed = unsignedSessionToken(id, Buffer.from(user).toString('base64url'), generation, level, expires_ms, sid)
  return {
    session: `${signed}.${hmacText(key, signed)}`,
    signing_key: hmacText(keyring.signing('request-signing').key, sid),
    expires_ms,
  }
}

/** undefined for everything that is not a token of ours, or no longer one. */
export function verifySession(keyring: Keyring, token: string, now_ms: number): Session | undefined {
  const parts = parseSessionToken(token)
  if (parts === undefined) return undefined
  const key = keyring.find('session', parts.key_id)
  if (key === undefined || !sameText(parts.mac, hmacText(key, parts.signed))) return undefined
  if (parts.expires_ms <= now_ms) return undefined
  return {
    user: Buffer.from(parts.user, 'base64url').toString('utf8'),
    generation: parts.generation,
    level: parts.level,
    expires_ms: parts.expires_ms,
  }
}

/** The rule that a user id breaks, or undefined: 1 to 256 bytes of UTF-8 without control characters. */
export function userProblem(user: string): string | undefined {
  const length = Buffer.byteLength(user)
  if (length < 1 || length > USER_BYTES_MAX) return `must have 1 to ${USER_BYTES_MAX} bytes of UTF-8`
  if (!isPlainText(user)) return 'must be UTF-8 without control characters'
  return undefined
}
