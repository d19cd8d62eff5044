// Session tokens: s1.<key id>.<user>.<generation>.<level>.<expires_ms>.<sid>.<mac>
//
// user        base64url of the user id's bytes (1 to 256 bytes of UTF-8)
// generation  rises with each new login of the user: a purchase with an older one is session_replaced
// level       membership level of the account, one digit: a sale may ask for one (gate.level_min)
// sid         base64url of 12 random bytes: what the request-signing key is derived from
// mac         base64url of HMAC-SHA256(HKDF subkey "session", everything before the last dot), 43 characters
//
// Signed, not stored: the gate checks it without a round trip.

export const SESSION_TOKEN_LENGTH_MAX = 512

export interface SessionTokenParts {
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

/** Returns undefined for anything that cannot be a token; mac and expiry are the caller's to check. */
export function parseSessionToken(text: string): SessionTokenParts | undefined {
  if (text.length > SESSION_TOKEN_LENGTH_MAX || text.substring(0, 3) !== 's1.') return undefined
  const key_end = text.indexOf('.', 3)
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
  const level = text.substring(generation_end + 1, level_end)
  if (!(level >= '0' && level <= '9')) return undefined
  if (!(generation >= 1 && generation < 4294967296) || !(expires_ms > 0 && expires_ms < 1e14)) return undefined
  return {
    key_id: text.substring(3, key_end),
    user: text.substring(key_end + 1, user_end),
    generation,
    level: Number(level),
    expires_ms,
    sid: text.substring(expires_end + 1, sid_end),
    signed: text.substring(0, sid_end),
    mac: text.substring(sid_end + 1),
  }
}
