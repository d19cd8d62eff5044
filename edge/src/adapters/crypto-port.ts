// What plugins see of keys: subkeys by purpose and key id, worked in once, and the keys that sales bring along.
import * as base64 from 'ngx.base64'
import type { SubkeyPurpose } from '../../../contract/secrets'
import type { CryptoPort } from '../kernel/plugin'
import {
  decodedPart,
  equal,
  type HmacKey,
  hexadecimal,
  hmacKey,
  hmacText,
  isRequestSigned,
  isSigned,
  randomBytes,
  sha256,
  subkey,
} from './crypto'
import type { Secret } from './environment'

/** sales come and go; past this many the worked-in ones are made anew */
const SALE_KEYS_MAX = 4096

export function cryptoPort(secrets: Secret[]): CryptoPort {
  const keys_of = new LuaTable<SubkeyPurpose, LuaTable<string, HmacKey>>()
  let sale_keys = new LuaTable<string, HmacKey>()
  let sale_key_count = 0

  function keysOf(purpose: SubkeyPurpose): LuaTable<string, HmacKey> {
    let keys = keys_of.get(purpose)
    if (keys === undefined) {
      keys = new LuaTable()
      for (const each of secrets) keys.set(each.key_id, hmacKey(subkey(each.secret, purpose)))
      keys_of.set(purpose, keys)
    }
    return keys
  }

  const session_keys = keysOf('session')
  const request_keys = keysOf('request-signing')

  function saleKey(id_key: string): HmacKey {
    let key = sale_keys.get(id_key)
    if (key === undefined) {
      if (sale_key_count >= SALE_KEYS_MAX) {
        sale_keys = new LuaTable()
        sale_key_count = 0
      }
      const [bytes] = base64.decode_base64url(id_key)
      key = hmacKey(bytes ?? '')
      sale_keys.set(id_key, key)
      sale_key_count += 1
    }
    return key
  }

  return {
    isSession: (key_id, text, from, to) => {
      const key = session_keys.get(key_id)
      return key !== undefined && isSigned(key, text, from, to)
    },
    sessionMac: (key_id, message) => {
      const key = session_keys.get(key_id)
      return key === undefined ? undefined : hmacText(key, message)
    },
    mac: (purpose, key_id, message) => {
      const key = keysOf(purpose).get(key_id)
      return key === undefined ? undefined : hmacText(key, message)
    },
    signingKeyId: () => (secrets[0] as Secret).key_id,
    isSigned: (purpose, key_id, text, from, to) => {
      const key = keysOf(purpose).get(key_id)
      return key !== undefined && isSigned(key, text, from, to)
    },
    isRequestSigned: (key_id, sid, head, body, header, from) => {
      const key = request_keys.get(key_id)
      return key !== undefined && isRequestSigned(key, sid, head, body, header, from)
    },
    sha256: (message) => base64.encode_base64url(sha256(message)),
    sha256Hex: (message) => hexadecimal(sha256(message)),
    random: (bytes) => base64.encode_base64url(randomBytes(bytes)),
    toBase64Url: (bytes) => base64.encode_base64url(bytes),
    saleMac: (id_key, message) => hmacText(saleKey(id_key), message),
    equal,
    fromBase64Url: (text) => {
      const [bytes] = base64.decode_base64url(text)
      return bytes
    },
    fromBase64UrlAt: decodedPart,
    fromBase64: (text) => {
      // nginx' decoders read up to the first "=", whatever follows
      if (string.match(text, '^[%w+/_-]+=?=?$')[0] === undefined) return undefined
      const bytes = ngx.decode_base64(text)
      if (bytes !== undefined) return bytes
      const [others] = base64.decode_base64url(text)
      return others
    },
    byteLength: (text) => text.length,
    crc32: (text) => ngx.crc32_long(text),
  }
}
