// Passes, the right to buy that a place in the waiting room turns into: p1.<key id>.<sale>.<user>.<pass id>.<expires_ms>.<mac>
//
// user     base64url of the user id's bytes: a pass is worth nothing to anybody else
// pass id  22 base64url characters (16 random bytes); the reserve script spends it, so it buys once
// mac      base64url of HMAC-SHA256(HKDF subkey "pass", everything before the last dot)
import { ID_LENGTH_MAX } from './keys'
import { USER_TEXT_LENGTH_MAX } from './ticket'
import { isWord, KEY_ID_LENGTH_MAX, TIME_LIMIT_MS, TOKEN_MAC_LENGTH, wholeNumber } from './token-fields'

export const PASS_ID_LENGTH = 22
/** How long a place in checkout is kept for somebody who has not bought yet. */
export const CHECKOUT_MS = 120000
/**
 * A pass ends so much earlier than its place: what is bought at the last moment is settled, and has the place kept until it is paid,
 * before the place would come up again.
 */
export const PASS_MARGIN_MS = 5000
const PASS_LENGTH_MAX = 544

interface PassParts {
  key_id: string
  sale: string
  /** base64url */
  user: string
  pass_id: string
  expires_ms: number
  /** what the mac signs */
  signed: string
  mac: string
}

export function unsignedPass(
  key_id: string,
  sale: string,
  user_base64url: string,
  pass_id: string,
  expires_ms: number,
): string {
  return 'p1.' + key_id + '.' + sale + '.' + user_base64url + '.' + pass_id + '.' + expires_ms
}

/** A pass's fields where they stand; its mac follows the dot at `signed_end`. */
export interface PassFields {
  key_id: string
  sale: string
  /** base64url, from here up to there */
  user_from: number
  user_to: number
  pass_id: string
  expires_ms: number
  /** what the mac signs ends here */
  signed_end: number
}

const fields: PassFields = { key_id: '', sale: '', user_from: 0, user_to: 0, pass_id: '', expires_ms: 0, signed_end: 0 }

/**
 * Finds the fields of a pass without looking at their characters, which are ours where the mac is. undefined for anything that has
 * other fields. The record is the same each time: the next call fills it anew.
 */
export function readPassFields(text: string): PassFields | undefined {
  if (text.length > PASS_LENGTH_MAX || text.indexOf('p1.') !== 0) return undefined
  const key_end = text.indexOf('.', 3)
  if (key_end < 0) return undefined
  const sale_end = text.indexOf('.', key_end + 1)
  if (sale_end < 0) return undefined
  const user_end = text.indexOf('.', sale_end + 1)
  if (user_end < 0) return undefined
  const pass_end = text.indexOf('.', user_end + 1)
  if (pass_end !== user_end + 1 + PASS_ID_LENGTH) return undefined
  const expires_end = text.indexOf('.', pass_end + 1)
  if (expires_end < 0) return undefined
  const expires_ms = Number(text.substring(pass_end + 1, expires_end))
  if (!(expires_ms > 0 && expires_ms < TIME_LIMIT_MS)) return undefined
  fields.key_id = text.substring(3, key_end)
  fields.sale = text.substring(key_end + 1, sale_end)
  fields.user_from = sale_end + 1
  fields.user_to = user_end
  fields.pass_id = text.substring(user_end + 1, pass_end)
  fields.expires_ms = expires_ms
  fields.signed_end = expires_end
  return fields
}

/** Returns undefined for anything that cannot be a pass; mac, user, sale and expiry are the caller's to check. */
export function parsePass(text: string): PassParts | undefined {
  if (text.length > PASS_LENGTH_MAX || text.substring(0, 3) !== 'p1.') return undefined
  const key_end = text.indexOf('.', 3)
  if (key_end < 0) return undefined
  const sale_end = text.indexOf('.', key_end + 1)
  if (sale_end < 0) return undefined
  const user_end = text.indexOf('.', sale_end + 1)
  if (user_end < 0) return undefined
  const pass_end = text.indexOf('.', user_end + 1)
  if (pass_end < 0) return undefined
  const expires_end = text.indexOf('.', pass_end + 1)
  if (expires_end < 0) return undefined
  const key_id = text.substring(3, key_end)
  const sale = text.substring(key_end + 1, sale_end)
  const user = text.substring(sale_end + 1, user_end)
  const pass_id = text.substring(user_end + 1, pass_end)
  const expires_ms = wholeNumber(text.substring(pass_end + 1, expires_end), 1, TIME_LIMIT_MS)
  const mac = text.substring(expires_end + 1)
  if (expires_ms < 0 || !isWord(pass_id, PASS_ID_LENGTH, PASS_ID_LENGTH)) return undefined
  if (!isWord(key_id, 1, KEY_ID_LENGTH_MAX) || !isWord(sale, 1, ID_LENGTH_MAX)) return undefined
  if (!isWord(user, 1, USER_TEXT_LENGTH_MAX) || !isWord(mac, TOKEN_MAC_LENGTH, TOKEN_MAC_LENGTH)) return undefined
  return { key_id, sale, user, pass_id, expires_ms, signed: text.substring(0, expires_end), mac }
}
