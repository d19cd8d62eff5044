// Reservation ids: r1.<sale>.<shard>.<body>.<mac>
//
// body  22 base64url characters: the first 128 bits of HMAC-SHA256(id key, "id" user sale key), each
//       part length-prefixed. The same buyer with the same Idempotency-Key always gets the same body.
// mac   16 base64url characters: the first 96 bits of HMAC-SHA256(id key, "owner" body user): a poll by
//       anybody else, or an invented id, is refused without a round trip.
// The id key is random, kept with the sale in the ledger and never changed: rotating RUSHGATE_SECRET
// must not turn a retry into a second purchase. The SKU is not part of the body, so that the same key
// with another SKU is found and refused as key_reused (docs/DECISIONS/).
//
// The mac does not cover the shard, which follows from the user: who reads an id compares the two (shardOfUser).
//
// HMAC and base64url are handed in: the gate has them from libcrypto and nginx, Node from its own.

import { wholeNumber } from './token-fields'

export const BODY_LENGTH = 22
export const MAC_LENGTH = 16
/** shards of a sale, at most */
const SHARDS_MAX = 1024

interface ReservationIdParts {
  sale: string
  shard: number
  body: string
  mac: string
}

/** HMAC-SHA256 under a key bound beforehand, as unpadded base64url text (43 characters). */
export type HmacText = (this: void, message: string) => string

/** `length` is the number of bytes of `text` in UTF-8: text itself knows it in Lua, but not in Node. */
export function lengthPrefixed(text: string, length: number): string {
  return length + ':' + text
}

export function reservationBody(
  hmac: HmacText,
  byte_length: (this: void, text: string) => number,
  user: string,
  sale: string,
  key: string,
): string {
  const message =
    '2:id' +
    lengthPrefixed(user, byte_length(user)) +
    lengthPrefixed(sale, byte_length(sale)) +
    lengthPrefixed(key, byte_length(key))
  return hmac(message).substring(0, BODY_LENGTH)
}

export function reservationMac(
  hmac: HmacText,
  byte_length: (this: void, text: string) => number,
  user: string,
  body: string,
): string {
  const message = '5:owner' + lengthPrefixed(body, byte_length(body)) + lengthPrefixed(user, byte_length(user))
  return hmac(message).substring(0, MAC_LENGTH)
}

export function formatReservationId(sale: string, shard: number, body: string, mac: string): string {
  return 'r1.' + sale + '.' + shard + '.' + body + '.' + mac
}

/** Returns undefined for anything that cannot be an id; whether the mac is right is the caller's to check. */
export function parseReservationId(text: string): ReservationIdParts | undefined {
  if (text.length > 160 || text.substring(0, 3) !== 'r1.') return undefined
  const sale_end = text.indexOf('.', 3)
  if (sale_end < 4) return undefined
  const shard_end = text.indexOf('.', sale_end + 1)
  if (shard_end < 0) return undefined
  const body_end = text.indexOf('.', shard_end + 1)
  if (body_end !== shard_end + 1 + BODY_LENGTH) return undefined
  const mac = text.substring(body_end + 1)
  if (mac.length !== MAC_LENGTH) return undefined
  const shard_text = text.substring(sale_end + 1, shard_end)
  const shard = wholeNumber(shard_text, 0, SHARDS_MAX)
  if (shard < 0) return undefined
  return { sale: text.substring(3, sale_end), shard, body: text.substring(shard_end + 1, body_end), mac }
}
