// Session tokens: s1.<key id>.<user>.<generation>.<level>.<expires_ms>.<sid>.<mac>
//
// user        base64url of the user id's bytes (1 to 256 bytes of UTF-8)
// generation  rises with each new login of the user: a purchase with an older one is session_replaced
// level       membership level of the account, one digit: a sale may ask for one (gate.level_min)
// sid         base64url of 12 random bytes: what the request-signing key is derived from
// mac         base64url of HMAC-SHA256(HKDF subkey "session", everything before the last dot), 43 characters
//
// Signed, not stored: the gate checks it without a round trip.

const SESSION_TOKEN_LENGTH_MAX = 512
const DIGIT_0 = 48

interface SessionTokenParts {
  key_id: string
  /** base64url */
  user: string
  generation: number
  /** 0 to 9 */
  level: number
  expires_ms: number
  sid: string
  /** what the mac signs */
  signed: string
  mac: string
}

export function unsignedSessionToken(
  key_id: string,
  user_base64url: string,
  generation: number,
  level: number,
  expires_ms: number,
  sid: string,
): string {
  return 's1.' + key_id + '.' + user_base64url + '.' + generation + '.' + level + '.' + expires_ms + '.' + sid
}

/** A token's fields where they stand in a longer text; its mac follows the dot at `signed_end`. */
interface SessionTokenFields {
  key_id: string
  /** base64url, from here up to there */
  user_from: number
  user_to: number
  generation: number
  level: number
  expires_ms: number
  sid: string
  /** what the mac signs ends here */
  signed_end: number
}

const fields: SessionTokenFields = {
  key_id: '',
  user_from: 0,
  user_to: 0,
  generation: 0,
  level: 0,
  expires_ms: 0,
  sid: '',
  signed_end: 0,
}

/**
 * Reads the token that begins at `from` and ends with the text. undefined for anything that cannot be one; mac and expiry are the
 * caller's to check. The record is the same each time: the next call fills it anew.
 */
export function readSessionToken(text: string, from: number): SessionTokenFields | undefined {
  if (text.length - from > SESSION_TOKEN_LENGTH_MAX || text.indexOf('s1.', from) !== from) return undefined
  const key_end = text.indexOf('.', from + 3)
  if (key_end < 0) return undefined
  const user_end = text.indexOf('.', key_end + 1)
  if (user_end < 0) return undefined
  const generation_end = text.indexOf('.', user_end + 1)
  if (generation_end < 0) return undefined
  const level_end = text.indexOf('.', generation_end + 1)
  if (level_end !== generation_end + 2) return undefined
  const expires_end = text.indexOf('.', level_end + 1)
  if (expires_end < 0) return undefined
  const sid_end = text.indexOf('.', expires_end + 1)
  if (sid_end < 0) return undefined
  const generation = Number(text.substring(user_end + 1, generation_end))
  const expires_ms = Number(text.substring(level_end + 1, expires_end))
  const level = text.charCodeAt(generation_end + 1) - DIGIT_0
  if (!(level >= 0 && level <= 9)) return undefined
  if (!(generation >= 1 && generation < 4294967296) || !(expires_ms > 0 && expires_ms < 1e14)) return undefined
  fields.key_id = text.substring(from + 3, key_end)
  fields.user_from = key_end + 1
  fields.user_to = user_end
  fields.generation = generation
  fields.level = level
  fields.expires_ms = expires_ms
  fields.sid = text.substring(expires_end + 1, sid_end)
  fields.signed_end = sid_end
  return fields
}

/** The same of a text that is nothing but a token. */
export function parseSessionToken(text: string): SessionTokenParts | undefined {
  const read = readSessionToken(text, 0)
  if (read === undefined) return undefined
  return {
    key_id: read.key_id,
    user: text.substring(read.user_from, read.user_to),
    generation: read.generation,
    level: read.level,
    expires_ms: read.expires_ms,
    sid: read.sid,
    signed: text.substring(0, read.signed_end),
    mac: text.substring(read.signed_end + 1),
  }
}
