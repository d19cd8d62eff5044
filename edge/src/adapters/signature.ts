// Signatures of others, by libcrypto's EVP interface; the same calls in OpenSSL 1.1.1 and 3. A public key is written as the
// SubjectPublicKeyInfo (RFC 5280) that d2i_PUBKEY reads, because building it from numbers differs between the two.
//
// RS256 costs about 30 µs, EdDSA 100 µs: whoever verifies the same token often keeps the result.
import * as ffi from 'ffi'

ffi.cdef(`
  typedef struct rushgate_evp_pkey rushgate_evp_pkey;
  typedef struct rushgate_evp_md rushgate_evp_md;
  typedef struct rushgate_evp_md_ctx rushgate_evp_md_ctx;
  rushgate_evp_pkey *rushgate_d2i_pubkey(void *none, const unsigned char **data, long bytes) __asm__("d2i_PUBKEY");
  void rushgate_pkey_free(rushgate_evp_pkey *key) __asm__("EVP_PKEY_free");
  rushgate_evp_md_ctx *rushgate_md_ctx_new(void) __asm__("EVP_MD_CTX_new");
  void rushgate_md_ctx_free(rushgate_evp_md_ctx *context) __asm__("EVP_MD_CTX_free");
  const rushgate_evp_md *rushgate_evp_sha256(void) __asm__("EVP_sha256");
  int rushgate_verify_init(rushgate_evp_md_ctx *context, void *none, const rushgate_evp_md *digest, void *engine,
    rushgate_evp_pkey *key) __asm__("EVP_DigestVerifyInit");
  int rushgate_verify(rushgate_evp_md_ctx *context, const char *signature, size_t signature_bytes, const char *text,
    size_t bytes) __asm__("EVP_DigestVerify");
  void rushgate_err_clear(void) __asm__("ERR_clear_error");
`)

/** @noSelf */
interface LibCrypto {
  rushgate_d2i_pubkey: (none: undefined, data: ffi.CData, bytes: number) => ffi.CData
  rushgate_pkey_free: (this: void, key: ffi.CData) => void
  rushgate_md_ctx_new: () => ffi.CData
  rushgate_md_ctx_free: (this: void, context: ffi.CData) => void
  rushgate_evp_sha256: () => ffi.CData
  rushgate_verify_init: (
    context: ffi.CData,
    none: undefined,
    digest: ffi.CData | undefined,
    engine: undefined,
    key: ffi.CData,
  ) => number
  rushgate_verify: (
    context: ffi.CData,
    signature: string,
    signature_bytes: number,
    text: string,
    bytes: number,
  ) => number
  rushgate_err_clear: () => void
}

/** counted from 0, as C does: an array of TypeScript's would be counted from 1 */
interface CPointers extends ffi.CData {
  [index: number]: ffi.CData
}

const libcrypto = ffi.C as unknown as LibCrypto

// By number: a character past 127 in a text of ours would become two bytes of UTF-8.
const SEQUENCE = string.char(0x30)
const INTEGER = string.char(0x02)
const BIT_STRING = string.char(0x03)
const ZERO = string.char(0)
/** rsaEncryption, with its NULL parameters */
const RSA_ALGORITHM = string.char(0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0)
const ED25519_PREFIX = string.char(0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0)
const RSA_BYTES_MIN = 256
/** verifying grows with the square of it */
const RSA_BYTES_MAX = 512
const ED25519_BYTES = 32

function der(tag: string, content: string): string {
  const bytes = content.length
  if (bytes < 128) return tag + string.char(bytes) + content
  if (bytes < 256) return tag + string.char(0x81, bytes) + content
  return tag + string.char(0x82, Math.floor(bytes / 256), bytes % 256) + content
}

/** Positive, without leading zeros but for the one that keeps it positive. */
function derInteger(bytes: string): string {
  return der(INTEGER, string.byte(bytes, 1) >= 128 ? ZERO + bytes : bytes)
}

function withoutZeros(bytes: string): string {
  const [first] = string.find(bytes, '[^%z]')
  return first === undefined ? '' : string.sub(bytes, first)
}

export interface PublicKey {
  key: ffi.CData
  /** undefined: the algorithm brings its own */
  digest: ffi.CData | undefined
}

function readKey(info: string, digest: ffi.CData | undefined): PublicKey | undefined {
  const data = ffi.new<CPointers>('const unsigned char *[1]')
  const bytes = ffi.new<ffi.CData>('unsigned char[?]', info.length)
  ffi.copy(bytes, info, info.length)
  data[0] = bytes
  const key = libcrypto.rushgate_d2i_pubkey(undefined, data, info.length)
  libcrypto.rushgate_err_clear()
  // a C pointer that is NULL equals nil, and is true all the same
  if ((key as ffi.CData | undefined) === undefined) return undefined
  return { key: ffi.gc(key, libcrypto.rushgate_pkey_free), digest }
}

/** undefined for a modulus outside 2048 to 4096 bits, or an exponent that is none. */
export function rsaKey(modulus: string, exponent: string): PublicKey | undefined {
  const n = withoutZeros(modulus)
  const e = withoutZeros(exponent)
  if (n.length < RSA_BYTES_MIN || n.length > RSA_BYTES_MAX || e.length < 1 || e.length > 4) return undefined
  if (string.byte(e, e.length) % 2 === 0 || e === string.char(1)) return undefined
  const key = der(SEQUENCE, derInteger(n) + derInteger(e))
  return readKey(der(SEQUENCE, RSA_ALGORITHM + der(BIT_STRING, ZERO + key)), libcrypto.rushgate_evp_sha256())
}

export function ed25519Key(bytes: string): PublicKey | undefined {
  return bytes.length === ED25519_BYTES ? readKey(ED25519_PREFIX + bytes, undefined) : undefined
}

export function isSignedBy(key: PublicKey, message: string, signature: string): boolean {
  const context = libcrypto.rushgate_md_ctx_new()
  if ((context as ffi.CData | undefined) === undefined) return false
  const is_good =
    libcrypto.rushgate_verify_init(context, undefined, key.digest, undefined, key.key) === 1 &&
    libcrypto.rushgate_verify(context, signature, signature.length, message, message.length) === 1
  libcrypto.rushgate_md_ctx_free(context)
  // nginx would take what is left in the queue for a fault of its own connections
  libcrypto.rushgate_err_clear()
  return is_good
}
