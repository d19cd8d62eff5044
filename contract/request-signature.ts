// Signed requests: X-Rush-Signature: v1.<time_ms>.<mac>
//
// mac        base64url of HMAC-SHA256(signing key, canonical string), 43 characters
// canonical  "v1", method, path as sent without its query, time_ms, Idempotency-Key ('' if none) and
//            base64url(SHA-256(body)), with line feeds between them
// key        32 bytes for each session, handed out at login as base64url (`signing_key`): HMAC-SHA256 of the token's sid under
//            the subkey "request-signing" of the token's key id, so the gate derives it again and keeps nothing
//
// The Idempotency-Key is the nonce: a signed request that is sent again gets the reservation it got before, so a replay
// wins nothing and a retry after an unknown outcome is never refused for its nonce. Nothing is remembered, nothing runs full.

export const SIGNATURE_HEADER = 'X-Rush-Signature'
const VERSION = 'v1'
/** What a time can have: up to the year 5138, and a number that both sides write alike. */
const TIME_DIGITS_MAX = 14
const MAC_LENGTH = 43

interface SignedParts {
  /** as it stands in the header */
  time: string
  time_ms: number
  /** the mac stands in the header from here to its end */
  mac_from: number
}

/** Function of a text's UTF-8 bytes, as base64url. */
type TextDigest = (this: void, text: string) => string

/** What stands before the body's hash in what the mac signs. */
export function signedHead(method: string, path: string, time: string, key: string): string {
  return VERSION + '\n' + method + '\n' + path + '\n' + time + '\n' + key + '\n'
}

/** What the mac signs. `body_hash`: base64url(SHA-256(body)). */
export function signedText(method: string, path: string, time: string, key: string, body_hash: string): string {
  return signedHead(method, path, time, key) + body_hash
}

export function signatureHeader(time: string, mac: string): string {
  return VERSION + '.' + time + '.' + mac
}

/** The header's value, for clients whose cryptography does not wait: Node's and k6's. */
export function signRequest(
  sha256: TextDigest,
  hmac: TextDigest,
  request: { method: string; path: string; time_ms: number; key: string; body: string },
): string {
  const time = '' + request.time_ms
  return signatureHeader(time, hmac(signedText(request.method, request.path, time, request.key, sha256(request.body))))
}

/** undefined for what cannot be a signature; mac and time are the caller's to check. */
export function parseSignature(header: string): SignedParts | undefined {
  if (header.substring(0, 3) !== VERSION + '.') return undefined
  const dot = header.indexOf('.', 3)
  if (dot < 4 || dot - 3 > TIME_DIGITS_MAX || header.length - dot - 1 !== MAC_LENGTH) return undefined
  const time = header.substring(3, dot)
  const time_ms = Number(time)
  // one way to write a time, so that what is signed is what is read
  if (!(time_ms > 0) || '' + time_ms !== time) return undefined
  return { time, time_ms, mac_from: dot + 1 }
}
