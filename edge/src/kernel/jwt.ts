// Tokens of the shop's own, as plugins see them: a reader for some settings, which says who a token is of.
import type { JwtHolder, JwtRules } from '../domain/jwt'

/** The shop decides which of its sessions count: to the reserve script none is older than another. */
export const NEWEST_GENERATION = 4294967295

export interface JwtSettings extends JwtRules {
  /** path of a JWKS file, or the JWKS itself */
  keys: string
}

/** A holder, and the same as a session token of ours, for the backend. */
export interface JwtSession extends JwtHolder {
  session_id: string
  session_key_id: string
  session: string
}

export interface JwtReader {
  /** undefined for a token that is not to be believed */
  read: (this: void, token: string, now_ms: number) => JwtSession | undefined
}

/** What the reader needs to be told: it follows the file and warns of one that cannot be read. */
export type JwtPort = (this: void, settings: JwtSettings) => JwtReader
