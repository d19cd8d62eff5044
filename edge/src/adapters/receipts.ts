// Seals receipts (contract/receipt.ts): AES-256-GCM from libcrypto, the key worked in once. The gate never opens one.
//
// A refusal must stay cheap: fields are written straight into the buffer that is encrypted, so that one receipt leaves one text
// to the collector. Making a text costs LuaJIT a look into its table of all texts, which is a cache miss or two.
import * as ffi from 'ffi'
import {
  RECEIPT_FIELD_BYTES,
  RECEIPT_IV_BYTES,
  RECEIPT_SEALED_LENGTH,
  RECEIPT_TAG_BYTES,
  RECEIPT_TEXT_BYTES,
} from '../../../contract/receipt'
import type { GateRequest } from '../kernel/request'
import type { Refusal } from '../kernel/verdict'
import { encodeInMemory, placeIn, subkey, type TextInMemory } from './crypto'
import type { Secret } from './environment'
import { nowS } from './nginx-calls'

const SEALED_BYTES = RECEIPT_IV_BYTES + RECEIPT_TEXT_BYTES + RECEIPT_TAG_BYTES
/** Random bytes are drawn for this many receipts at once: one call of the generator costs more than sealing. */
const IVS_DRAWN = 256
const HOST_NAME_BYTES_MAX = 255
/** EVP_CTRL_AEAD_SET_IVLEN and EVP_CTRL_AEAD_GET_TAG */
const SET_IV_LENGTH = 0x9
const GET_TAG = 0x10

// names of our own, as in crypto.ts
ffi.cdef(`
  typedef struct { char iv[16]; char text[256]; char tag[16]; } rushgate_sealed;
  typedef struct { char bytes[16]; } rushgate_iv;
  void *rushgate_cipher_new(void) __asm__("EVP_CIPHER_CTX_new");
  const void *rushgate_aes_gcm(void) __asm__("EVP_aes_256_gcm");
  int rushgate_cipher_init(void *state, const void *cipher, void *engine, const char *key, const char *iv) __asm__("EVP_EncryptInit_ex");
  int rushgate_cipher_control(void *state, int what, int bytes, void *data) __asm__("EVP_CIPHER_CTX_ctrl");
  int rushgate_cipher_update(void *state, char *out, int *out_bytes, const char *data, int bytes) __asm__("EVP_EncryptUpdate");
  int rushgate_cipher_final(void *state, char *out, int *out_bytes) __asm__("EVP_EncryptFinal_ex");
  int rushgate_random_fill(void *into, int bytes) __asm__("RAND_bytes");
  int rushgate_host_name(char *into, size_t bytes) __asm__("gethostname");
`)

/** @noSelf */
interface Libraries {
  rushgate_cipher_new: () => ffi.CData
  rushgate_aes_gcm: () => ffi.CData
  rushgate_cipher_init: (
    state: ffi.CData,
    cipher: ffi.CData | undefined,
    engine: undefined,
    key: string | undefined,
    iv: ffi.CData | undefined,
  ) => number
  rushgate_cipher_control: (state: ffi.CData, what: number, bytes: number, data: ffi.CData | undefined) => number
  rushgate_cipher_update: (
    state: ffi.CData,
    out: ffi.CData,
    out_bytes: ffi.CData,
    data: string | ffi.CData,
    bytes: number,
  ) => number
  rushgate_cipher_final: (state: ffi.CData, out: ffi.CData, out_bytes: ffi.CData) => number
  rushgate_random_fill: (into: ffi.CData, bytes: number) => number
  rushgate_host_name: (into: ffi.CData, bytes: number) => number
}

/** @noSelf */
interface Sealed extends ffi.CData {
  iv: ffi.CData
  text: ffi.CData
  tag: ffi.CData
}

const LINE_END = 10
/** as receiptText marks what it cuts: ~ */
const CUT_MARK = 126
/** numbers as text, 0 to the most that a receipt keeps of a user */
const user_lengths: string[] = []
for (const bytes of $range(0, RECEIPT_FIELD_BYTES.user)) user_lengths[bytes] = tostring(bytes)

const libraries = ffi.C as unknown as Libraries
const sealed = ffi.new<Sealed>('rushgate_sealed')
// taken once: each look into the struct would make a reference
const iv = sealed.iv
const text_sealed = sealed.text
const tag = sealed.tag
const plain = ffi.new<ffi.CArray>('char[256]')
const out_bytes = ffi.new<ffi.CArray>('int[1]')
const pool = ffi.new<ffi.CData>('rushgate_iv[256]')

export interface Receipts {
  /** `plugin`: who refused; `request`: undefined when there is no such route */
  seal: (this: void, refusal: Refusal, plugin: string, request: GateRequest | undefined) => string
}

export function hostName(): string {
  const name = ffi.new<ffi.CData>('char[256]')
  return libraries.rushgate_host_name(name, HOST_NAME_BYTES_MAX) === 0 ? ffi.string(name) : 'unknown'
}

/** `readAddress`: the client's, for a request that has no record because its path is no route */
export function newReceipts(secret: Secret, readAddress: (this: void) => string): Receipts {
  const state = libraries.rushgate_cipher_new()
  const began =
    libraries.rushgate_cipher_init(state, libraries.rushgate_aes_gcm(), undefined, undefined, undefined) === 1 &&
    libraries.rushgate_cipher_control(state, SET_IV_LENGTH, RECEIPT_IV_BYTES, undefined) === 1 &&
    libraries.rushgate_cipher_init(state, undefined, undefined, subkey(secret.secret, 'receipt'), undefined) === 1
  if (!began) error('receipts: libcrypto has no AES-256-GCM', 0)
  const head = 'e1.' + secret.key_id + '.'
  const length = head.length + RECEIPT_SEALED_LENGTH
  const receipt = ffi.new<ffi.CArray>('char[?]', length)
  ffi.copy(receipt, head, head.length)
  const to = ffi.new<TextInMemory>('rushgate_text')
  to.data = placeIn(receipt, head.length)
  const from = ffi.new<TextInMemory>('rushgate_text')
  from.data = ffi.cast('char *', sealed)
  from.bytes = SEALED_BYTES
  const node = hostName()
  let ivs_used = IVS_DRAWN
  let now_ms = 0
  let time = ''
  /** of `plain`, so far */
  let filled = 0

  function drawIv(): boolean {
    if (ivs_used >= IVS_DRAWN) {
      if (libraries.rushgate_random_fill(pool, IVS_DRAWN * RECEIPT_IV_BYTES) !== 1) return false
      ivs_used = 0
    }
    ffi.copy(iv, (pool as unknown as Record<number, ffi.CData>)[ivs_used] as ffi.CData, RECEIPT_IV_BYTES)
    ivs_used += 1
    return true
  }

  /** A field as `receiptText` writes it. */
  function put(text: string, bytes_max: number): void {
    let bytes = text.length
    if (bytes > bytes_max) {
      bytes = bytes_max
      plain[filled + bytes - 1] = CUT_MARK
      ffi.copy(placeIn(plain, filled), text, bytes - 1)
    } else {
      ffi.copy(placeIn(plain, filled), text, bytes)
    }
    filled += bytes
  }

  function putLine(text: string, bytes_max: number): void {
    put(text, bytes_max)
    plain[filled] = LINE_END
    filled += 1
  }

  function encrypt(): boolean {
    ffi.fill(placeIn(plain, filled), RECEIPT_TEXT_BYTES - filled)
    return (
      libraries.rushgate_cipher_init(state, undefined, undefined, undefined, iv) === 1 &&
      libraries.rushgate_cipher_update(state, text_sealed, out_bytes, plain, RECEIPT_TEXT_BYTES) === 1 &&
      libraries.rushgate_cipher_final(state, tag, out_bytes) === 1 &&
      libraries.rushgate_cipher_control(state, GET_TAG, RECEIPT_TAG_BYTES, tag) === 1
    )
  }

  /** '' when libcrypto fails: a refusal goes out without a receipt rather than not at all. */
  function seal(refusal: Refusal, plugin: string, request: GateRequest | undefined): string {
    const time_ms = math.floor(nowS() * 1000)
    // a number becomes text at the price of the rest of the receipt, and many share a millisecond
    if (time_ms !== now_ms) {
      now_ms = time_ms
      time = tostring(time_ms)
    }
    const user = request === undefined ? '' : request.user
    const most = RECEIPT_FIELD_BYTES
    filled = 0
    putLine(time, most.time)
    putLine(refusal.code, most.code)
    putLine(plugin, most.plugin)
    putLine(node, most.node)
    putLine(request === undefined ? readAddress() : request.address, most.address)
    putLine(request === undefined ? '' : request.route.name, most.route)
    putLine(refusal.limit, most.limit)
    putLine(request === undefined ? '' : request.route.subject, most.subject)
    putLine(user_lengths[math.min(user.length, most.user)] as string, most.user_length)
    put(user, most.user)
    if (!drawIv() || !encrypt()) {
      ngx.log(ngx.ERR, 'receipts: libcrypto failed')
      return ''
    }
    encodeInMemory(to, from)
    return ffi.string(receipt, length)
  }

  return { seal }
}
