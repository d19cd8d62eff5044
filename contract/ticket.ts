// Tickets, places in the waiting room: t1.<key id>.<sale>.<user>.<number>.<issued_ms>.<expires_ms>.<mac>
//
// user        base64url of the user id's bytes (1 to 256 bytes): a ticket is worth nothing to anybody else
// number      order of arrival, from 1; 0 is a ticket of the draw, whose number is the rank that the draw gives its user
// issued_ms   by Redis' clock
// mac         base64url of HMAC-SHA256(HKDF subkey "ticket", everything before the last dot)
//
// Signed, not stored: waiting costs the server no memory. No field may hold a dot, so that each has one reading.
import { ID_LENGTH_MAX } from './keys'
import { isWord, KEY_ID_LENGTH_MAX, TIME_LIMIT_MS, TOKEN_MAC_LENGTH, wholeNumber } from './token-fields'

/** 256 bytes of user id are 342 characters. */
export const USER_TEXT_LENGTH_MAX = 342
export const TICKET_LENGTH_MAX = 560
/** Numbers are below this: four bytes in the scripts' items. */
const TICKET_NUMBER_LIMIT = 4294967296
/** Stands in place of a number until the draw is made. */
export const DRAW_NUMBER = 0

export interface TicketParts {
  key_id: string
  sale: string
  /** base64url */
  user: string
  number: number
  issued_ms: number
  expires_ms: number
  /** what the mac signs */
  signed: string
  mac: string
}

export function unsignedTicket(
  key_id: string,
  sale: string,
  user_base64url: string,
  number: number,
  issued_ms: number,
  expires_ms: number,
): string {
  return 't1.' + key_id + '.' + sale + '.' + user_base64url + '.' + number + '.' + issued_ms + '.' + expires_ms
}

/** Returns undefined for anything that cannot be a ticket; mac, user, sale and expiry are the caller's to check. */
export function parseTicket(text: string): TicketParts | undefined {
  if (text.length > TICKET_LENGTH_MAX || text.substring(0, 3) !== 't1.') return undefined
  const key_end = text.indexOf('.', 3)
  if (key_end < 0) return undefined
  const sale_end = text.indexOf('.', key_end + 1)
  if (sale_end < 0) return undefined
  const user_end = text.indexOf('.', sale_end + 1)
  if (user_end < 0) return undefined
  const number_end = text.indexOf('.', user_end + 1)
  if (number_end < 0) return undefined
  const issued_end = text.indexOf('.', number_end + 1)
  if (issued_end < 0) return undefined
  const expires_end = text.indexOf('.', issued_end + 1)
  if (expires_end < 0) return undefined
  const key_id = text.substring(3, key_end)
  const sale = text.substring(key_end + 1, sale_end)
  const user = text.substring(sale_end + 1, user_end)
  const number = wholeNumber(text.substring(user_end + 1, number_end), 0, TICKET_NUMBER_LIMIT)
  const issued_ms = wholeNumber(text.substring(number_end + 1, issued_end), 1, TIME_LIMIT_MS)
  const expires_ms = wholeNumber(text.substring(issued_end + 1, expires_end), 1, TIME_LIMIT_MS)
  const mac = text.substring(expires_end + 1)
  if (number < 0 || issued_ms < 0 || expires_ms < 0) return undefined
  if (!isWord(key_id, 1, KEY_ID_LENGTH_MAX) || !isWord(sale, 1, ID_LENGTH_MAX)) return undefined
  if (!isWord(user, 1, USER_TEXT_LENGTH_MAX) || !isWord(mac, TOKEN_MAC_LENGTH, TOKEN_MAC_LENGTH)) return undefined
  return { key_id, sale, user, number, issued_ms, expires_ms, signed: text.substring(0, expires_end), mac }
}
