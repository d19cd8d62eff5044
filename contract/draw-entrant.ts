// Who takes part in a draw, without a name: the first 128 bits of HMAC-SHA256(the sale's id key, "draw" sale user), each part
// length-prefixed. One a user and sale, so that asking again enters once; the published list names nobody.
//
// As text (on tickets and in the transcript) 22 base64url characters, the last of which carries two bits; in Redis 16 bytes.
import { type HmacText, lengthPrefixed } from './reservation-id'

export const ENTRANT_LENGTH = 22
export const ENTRANT_BYTES = 16

/** `hmac` is bound to the sale's id key. */
export function drawEntrant(
  hmac: HmacText,
  byte_length: (this: void, text: string) => number,
  sale: string,
  user: string,
): string {
  const message = '4:draw' + lengthPrefixed(sale, byte_length(sale)) + lengthPrefixed(user, byte_length(user))
  const text = hmac(message)
  // the last character of 128 bits has four bits that are zero: A, Q, g or w
  const last = text.charCodeAt(ENTRANT_LENGTH - 1)
  return text.substring(0, ENTRANT_LENGTH - 1) + firstTwoBits(last)
}

/** The base64url character of this one's two highest bits: A to P begin with 00, Q to f with 01, g to v with 10, the others with 11. */
function firstTwoBits(code: number): string {
  if (code >= 65 && code <= 80) return 'A'
  if ((code >= 81 && code <= 90) || (code >= 97 && code <= 102)) return 'Q'
  if (code >= 103 && code <= 118) return 'g'
  return 'w'
}
