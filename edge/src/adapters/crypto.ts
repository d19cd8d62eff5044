// HMAC-SHA256 from libcrypto, with the key worked in once: a MAC costs two copies of a hash state and four block rounds
// (0.6 µs), where the one-shot HMAC() of OpenSSL 3 looks its algorithm up again each time (2 µs and more).

import * as ffi from 'ffi'
import * as base64 from 'ngx.base64'
import { HKDF_SALT, type SubkeyPurpose } from '../../../contract/secrets'

const BLOCK_BYTES = 64
const DIGEST_BYTES = 32

// Names of our own for libcrypto's functions: another module may have declared them with another struct.
ffi.cdef(`
  typedef struct { uint32_t h[8]; uint32_t nl, nh; uint32_t data[16]; unsigned int num, md_len; } rushgate_sha256;
  int rushgate_sha256_init(rushgate_sha256 *state) __asm__("SHA256_Init");
  int rushgate_sha256_update(rushgate_sha256 *state, const char *data, size_t bytes) __asm__("SHA256_Update");
  int rushgate_sha256_final(unsigned char *digest, rushgate_sha256 *state) __asm__("SHA256_Final");
  int rushgate_random(unsigned char *into, int bytes) __asm__("RAND_bytes");
  int rushgate_memcmp(const char *a, const char *b, size_t bytes) __asm__("CRYPTO_memcmp");
  typedef struct { size_t bytes; char *data; } rushgate_text;
  void rushgate_encode_base64url(rushgate_text *to, const rushgate_text *from) __asm__("ngx_encode_base64url");
  intptr_t rushgate_decode_base64url(rushgate_text *to, const rushgate_text *from) __asm__("ngx_decode_base64url");
`)

/** @noSelf */
interface LibCrypto {
  rushgate_sha256_init: (state: ffi.CData) => number
  rushgate_sha256_update: (state: ffi.CData, data: string | ffi.CData, bytes: number) => number
  rushgate_sha256_final: (digest: ffi.CData, state: ffi.CData) => number
  rushgate_random: (into: ffi.CData, bytes: number) => number
  rushgate_memcmp: (a: string | ffi.CData, b: string | ffi.CData, bytes: number) => number
  rushgate_encode_base64url: (to: ffi.CData, from: ffi.CData) => void
  rushgate_decode_base64url: (to: ffi.CData, from: ffi.CData) => ffi.CData
}

const libcrypto = ffi.C as unknown as LibCrypto
const STATE_BYTES = ffi.sizeof('rushgate_sha256') as number
const scratch = ffi.new<ffi.CData>('rushgate_sha256')
const digest = ffi.new<ffi.CData>('unsigned char[32]')

/** A key, worked into the states that its inner and its outer hash begin with. */
export interface HmacKey {
  inner: ffi.CData
  outer: ffi.CData
}

/** 32 bytes */
export function sha256(message: string): string {
  libcrypto.rushgate_sha256_init(scratch)
  libcrypto.rushgate_sha256_update(scratch, message, message.length)
  libcrypto.rushgate_sha256_final(digest, scratch)
  return ffi.string(digest, DIGEST_BYTES)
}

const HEXADECIMAL = '0123456789abcdef'
const pairs = new LuaTable<string, string>()
for (const high of $range(0, 15)) {
  for (const low of $range(0, 15)) {
    pairs.set(
      string.char(high * 16 + low),
      string.sub(HEXADECIMAL, high + 1, high + 1) + string.sub(HEXADECIMAL, low + 1, low + 1),
    )
  }
}

/** lower case */
export function hexadecimal(bytes: string): string {
  const [text] = string.gsub(bytes, '.', pairs as unknown as Record<string, string>)
  return text
}

const block = ffi.new<ffi.CArray>('unsigned char[64]')

function paddedState(key: string, pad: number): ffi.CData {
  for (const i of $range(0, BLOCK_BYTES - 1)) {
    block[i] = (i < key.length ? string.byte(key, i + 1) : 0) ^ pad
  }
  const state = ffi.new<ffi.CData>('rushgate_sha256')
  libcrypto.rushgate_sha256_init(state)
  libcrypto.rushgate_sha256_update(state, block, BLOCK_BYTES)
  return state
}

export function hmacKey(secret: string): HmacKey {
  const key = secret.length > BLOCK_BYTES ? sha256(secret) : secret
  return { inner: paddedState(key, 0x36), outer: paddedState(key, 0x5c) }
}

/** 32 bytes */
export function hmac(key: HmacKey, message: string): string {
  ffi.copy(scratch, key.inner, STATE_BYTES)
  libcrypto.rushgate_sha256_update(scratch, message, message.length)
  libcrypto.rushgate_sha256_final(digest, scratch)
  ffi.copy(scratch, key.outer, STATE_BYTES)
  libcrypto.rushgate_sha256_update(scratch, digest, DIGEST_BYTES)
  libcrypto.rushgate_sha256_final(digest, scratch)
  return ffi.string(digest, DIGEST_BYTES)
}

/** 43 characters */
export function hmacText(key: HmacKey, message: string): string {
  return base64.encode_base64url(hmac(key, message))
}

/** bytes of C that nginx writes base64url to, or reads it from */
export interface TextInMemory extends ffi.CData {
  bytes: number
  data: ffi.CData
}

/** `to` needs room for it; sets `to.bytes`. */
export function encodeInMemory(to: TextInMemory, from: TextInMemory): void {
  libcrypto.rushgate_encode_base64url(to, from)
}

/** The place that is `offset` bytes into a buffer. */
export function placeIn(buffer: ffi.CData, offset: number): ffi.CData {
  return ((buffer as unknown as number) + offset) as unknown as ffi.CData
}

const DECODED_LENGTH_MAX = 1024
const decoded = ffi.new<ffi.CArray>('char[1024]')
const decoded_text = ffi.new<TextInMemory>('rushgate_text')
decoded_text.data = ffi.cast('char *', decoded)
const encoded_text = ffi.new<TextInMemory>('rushgate_text')

/**
 * What the base64url from `from` up to `to` stands for; undefined when it is none. The part is not made a text: user ids in a row
 * look alike to LuaJIT's hash of texts, which sees a few bytes of each, and pile up in its table.
 */
export function decodedPart(text: string, from: number, to: number): string | undefined {
  if (to - from > DECODED_LENGTH_MAX) return undefined
  encoded_text.data = placeIn(ffi.cast<ffi.CData>('char *', ffi.cast('const char *', text)), from)
  encoded_text.bytes = to - from
  if (tonumber(libcrypto.rushgate_decode_base64url(decoded_text, encoded_text)) !== 0) return undefined
  return ffi.string(decoded, tonumber(decoded_text.bytes))
}

const MAC_LENGTH = 43
const mac = ffi.new<ffi.CArray>('char[44]')
const mac_text = ffi.new<TextInMemory>('rushgate_text')
mac_text.data = ffi.cast('char *', mac)
const digest_bytes = ffi.new<TextInMemory>('rushgate_text')
digest_bytes.data = ffi.cast('char *', digest)
digest_bytes.bytes = DIGEST_BYTES

/** Does the mac of the text from `from` up to `to` follow after the dot at `to`, and nothing else? Makes no text. */
export function isSigned(key: HmacKey, text: string, from: number, to: number): boolean {
  if (text.length - to - 1 !== MAC_LENGTH) return false
  const start = ffi.cast<ffi.CData>('const char *', text)
  ffi.copy(scratch, key.inner, STATE_BYTES)
  libcrypto.rushgate_sha256_update(scratch, placeIn(start, from), to - from)
  libcrypto.rushgate_sha256_final(digest, scratch)
  ffi.copy(scratch, key.outer, STATE_BYTES)
  libcrypto.rushgate_sha256_update(scratch, digest, DIGEST_BYTES)
  libcrypto.rushgate_sha256_final(digest, scratch)
  encodeInMemory(mac_text, digest_bytes)
  return libcrypto.rushgate_memcmp(mac, placeIn(start, to + 1), MAC_LENGTH) === 0
}

const short_mac_text = ffi.new<TextInMemory>('rushgate_text')
const short_digest = ffi.new<TextInMemory>('rushgate_text')
short_digest.data = ffi.cast('char *', digest)

/** base64url of the first `bytes` of the mac, to `to`, which has room for it. Makes no text. */
export function writeMac(key: HmacKey, message: string, bytes: number, to: ffi.CData): void {
  ffi.copy(scratch, key.inner, STATE_BYTES)
  libcrypto.rushgate_sha256_update(scratch, message, message.length)
  libcrypto.rushgate_sha256_final(digest, scratch)
  ffi.copy(scratch, key.outer, STATE_BYTES)
  libcrypto.rushgate_sha256_update(scratch, digest, DIGEST_BYTES)
  libcrypto.rushgate_sha256_final(digest, scratch)
  short_digest.bytes = bytes
  short_mac_text.data = to
  encodeInMemory(short_mac_text, short_digest)
}

// the key of a session, as eight words, padded to the block that an HMAC's inner or outer hash begins with
const session_key = ffi.new<ffi.CArray>('int32_t[8]')
const padded = ffi.new<ffi.CArray>('int32_t[16]')
const padded_bytes = ffi.cast<ffi.CData>('char *', padded)

/** Written out: a loop here would keep LuaJIT from compiling the purchase. */
function padSessionKey(pad: number): void {
  padded[0] = (session_key[0] as number) ^ pad
  padded[1] = (session_key[1] as number) ^ pad
  padded[2] = (session_key[2] as number) ^ pad
  padded[3] = (session_key[3] as number) ^ pad
  padded[4] = (session_key[4] as number) ^ pad
  padded[5] = (session_key[5] as number) ^ pad
  padded[6] = (session_key[6] as number) ^ pad
  padded[7] = (session_key[7] as number) ^ pad
  ffi.fill(placeIn(padded_bytes, DIGEST_BYTES), BLOCK_BYTES - DIGEST_BYTES, pad & 0xff)
}

const INNER_PAD = 0x36363636
const OUTER_PAD = 0x5c5c5c5c
const body_hash = ffi.new<ffi.CArray>('char[44]')
const body_hash_text = ffi.new<TextInMemory>('rushgate_text')
body_hash_text.data = ffi.cast('char *', body_hash)

/**
 * contract/request-signature.ts: `header` ends, from `from` on, with the mac of `head` and base64url(SHA-256(body)) under the key
 * that is the mac of `sid` under `key`. Makes no text.
 */
export function isRequestSigned(
  key: HmacKey,
  sid: string,
  head: string,
  body: string,
  header: string,
  from: number,
): boolean {
  if (header.length - from !== MAC_LENGTH) return false
  libcrypto.rushgate_sha256_init(scratch)
  libcrypto.rushgate_sha256_update(scratch, body, body.length)
  libcrypto.rushgate_sha256_final(digest, scratch)
  encodeInMemory(body_hash_text, digest_bytes)
  ffi.copy(scratch, key.inner, STATE_BYTES)
  libcrypto.rushgate_sha256_update(scratch, sid, sid.length)
  libcrypto.rushgate_sha256_final(digest, scratch)
  ffi.copy(scratch, key.outer, STATE_BYTES)
  libcrypto.rushgate_sha256_update(scratch, digest, DIGEST_BYTES)
  libcrypto.rushgate_sha256_final(digest, scratch)
  ffi.copy(session_key, digest, DIGEST_BYTES)
  padSessionKey(INNER_PAD)
  libcrypto.rushgate_sha256_init(scratch)
  libcrypto.rushgate_sha256_update(scratch, padded_bytes, BLOCK_BYTES)
  libcrypto.rushgate_sha256_update(scratch, head, head.length)
  libcrypto.rushgate_sha256_update(scratch, body_hash, MAC_LENGTH)
  libcrypto.rushgate_sha256_final(digest, scratch)
  padSessionKey(OUTER_PAD)
  libcrypto.rushgate_sha256_init(scratch)
  libcrypto.rushgate_sha256_update(scratch, padded_bytes, BLOCK_BYTES)
  libcrypto.rushgate_sha256_update(scratch, digest, DIGEST_BYTES)
  libcrypto.rushgate_sha256_final(digest, scratch)
  encodeInMemory(mac_text, digest_bytes)
  return libcrypto.rushgate_memcmp(mac, placeIn(ffi.cast<ffi.CData>('const char *', header), from), MAC_LENGTH) === 0
}

/** HKDF-SHA256 (RFC 5869) for one block of output, which is all that a subkey is. */
export function subkey(secret: string, purpose: SubkeyPurpose): string {
  const pseudorandom = hmac(hmacKey(HKDF_SALT), secret)
  return hmac(hmacKey(pseudorandom), purpose + '\x01')
}

const RANDOM_BYTES_MAX = 64
const random_bytes = ffi.new<ffi.CData>('unsigned char[64]')

/** From libcrypto's generator, which the system's seeds; at most 64. */
export function randomBytes(bytes: number): string {
  if (bytes > RANDOM_BYTES_MAX || libcrypto.rushgate_random(random_bytes, bytes) !== 1) {
    error('no random bytes: ' + bytes, 0)
  }
  return ffi.string(random_bytes, bytes)
}

/** Takes as long wherever they differ; lengths are no secret. */
export function equal(a: string, b: string): boolean {
  return a.length === b.length && libcrypto.rushgate_memcmp(a, b, a.length) === 0
}
