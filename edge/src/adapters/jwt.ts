// The shop's own tokens: the keys of a JWKS, followed as the file changes, and who a token is of.
//
// A token that was believed is kept until it expires or the keys change, in this worker: its next request costs one look-up. One
// that was refused is not kept. A file that is missing or wrong leaves the last good keys; without any, nobody is believed.
import * as cjson from 'cjson.safe'
import * as base64 from 'ngx.base64'
import * as lrucache from 'resty.lrucache'
import { unsignedSessionToken } from '../../../contract/session-token'
import {
  type Jwk,
  type JwtAlgorithm,
  type JwtHolder,
  readJwks,
  readJwtClaims,
  readJwtHeader,
  splitJwt,
} from '../domain/jwt'
import { isUtf8 } from '../domain/utf8'
import { type JwtReader, type JwtSession, type JwtSettings, NEWEST_GENERATION } from '../kernel/jwt'
import type { CryptoPort } from '../kernel/plugin'
import { equal, type HmacKey, hmac, hmacKey } from './crypto'
import { ed25519Key, isSignedBy, type PublicKey, rsaKey } from './signature'

/** tokens kept in each worker, of a kilobyte or so */
const TOKENS_MAX = 4096
const SECRET_BYTES_MIN = 32
const REREAD_S = 2
const SID_LENGTH = 16

const strict = cjson.new()
strict.decode_invalid_numbers(false)
strict.decode_max_depth(8)

interface VerifyingKey {
  alg: JwtAlgorithm
  secret: HmacKey | undefined
  public_key: PublicKey | undefined
}

interface KeySet {
  keys: LuaTable<string, VerifyingKey>
  /** the only one, for tokens that name none */
  single: VerifyingKey | undefined
}

/** Canonical base64url only: each value has one text. */
function decode(text: string): string | undefined {
  const [bytes] = base64.decode_base64url(text)
  return bytes !== undefined && base64.encode_base64url(bytes) === text ? bytes : undefined
}

function decodeJson(text: string): unknown {
  const bytes = decode(text)
  if (bytes === undefined || !isUtf8(bytes)) return undefined
  const [value] = strict.decode(bytes)
  return value
}

function verifyingKey(jwk: Jwk): VerifyingKey | undefined {
  const bytes = decode(jwk.material) ?? ''
  if (jwk.alg === 'HS256') {
    return bytes.length < SECRET_BYTES_MIN ? undefined : { alg: jwk.alg, secret: hmacKey(bytes), public_key: undefined }
  }
  const public_key = jwk.alg === 'RS256' ? rsaKey(bytes, decode(jwk.exponent) ?? '') : ed25519Key(bytes)
  return public_key === undefined ? undefined : { alg: jwk.alg, secret: undefined, public_key }
}

/** A sentence for a set that cannot be used; it never quotes what is in it. */
function readKeys(text: string): KeySet | string {
  const [value] = strict.decode(text)
  const jwks = readJwks(value)
  if (typeof jwks === 'string') return jwks
  const keys = new LuaTable<string, VerifyingKey>()
  let single: VerifyingKey | undefined
  for (const jwk of jwks) {
    const key = verifyingKey(jwk)
    if (key === undefined) return 'has a key that is none, or too weak: "' + jwk.kid + '"'
    keys.set(jwk.kid, key)
    single = jwks.length === 1 ? key : undefined
  }
  return { keys, single }
}

function isGood(key: VerifyingKey, signed: string, signature: string): boolean {
  if (key.secret !== undefined) return equal(hmac(key.secret, signed), signature)
  return key.public_key !== undefined && isSignedBy(key.public_key, signed, signature)
}

function verify(set: KeySet, settings: JwtSettings, token: string, now_ms: number): JwtHolder | undefined {
  const parts = splitJwt(token)
  if (parts === undefined) return undefined
  const header = readJwtHeader(decodeJson(parts.header))
  if (header === undefined) return undefined
  const key = header.kid === '' ? set.single : set.keys.get(header.kid)
  const signature = decode(parts.signature)
  // the key decides what it is used for
  if (key === undefined || key.alg !== header.alg || signature === undefined) return undefined
  if (!isGood(key, parts.signed, signature)) return undefined
  return readJwtClaims(decodeJson(parts.payload), settings, now_ms)
}

export function jwtReader(
  settings: JwtSettings,
  crypto: CryptoPort,
  warn: (this: void, message: string) => void,
): JwtReader {
  const [created] = lrucache.new<JwtSession>(TOKENS_MAX)
  const known = created as lrucache.Cache<JwtSession>
  let set: KeySet | undefined
  let last_text = ''
  let last_problem = ''

  function problem(sentence: string): void {
    if (sentence !== last_problem)
      warn('jwt.keys: ' + sentence + (set === undefined ? '' : '; the last good keys stay'))
    last_problem = sentence
  }

  function use(text: string): void {
    if (text === last_text) return
    last_text = text
    const read = readKeys(text)
    if (typeof read === 'string') {
      problem(read)
      return
    }
    set = read
    last_problem = ''
    // what a key that is gone has signed must not outlive it
    known.flush_all()
  }

  function reread(): void {
    const [file, failure] = io.open(settings.keys, 'r')
    if (file === undefined) {
      problem(tostring(failure))
      return
    }
    const text = (file as LuaFile).read('*a') as string
    ;(file as LuaFile).close()
    use(text)
  }

  function remember(token: string, holder: JwtHolder, now_ms: number): JwtSession {
    const key_id = crypto.signingKeyId()
    const session_id = crypto.sha256(token).substring(0, SID_LENGTH)
    const expires_ms = Math.floor(holder.expires_ms)
    const user = crypto.toBase64Url(holder.user)
    const unsigned = unsignedSessionToken(key_id, user, NEWEST_GENERATION, holder.level, expires_ms, session_id)
    const session: JwtSession = {
      user: holder.user,
      level: holder.level,
      expires_ms,
      session_id,
      session_key_id: key_id,
      session: unsigned + '.' + (crypto.sessionMac(key_id, unsigned) ?? ''),
    }
    known.set(token, session, (expires_ms - now_ms) / 1000)
    return session
  }

  if (settings.keys.substring(0, 1) === '{') {
    use(settings.keys)
  } else {
    reread()
    ngx.timer.every(REREAD_S, reread)
  }
  return {
    read: (token, now_ms) => {
      const [kept] = known.get(token)
      if (kept !== undefined && kept.expires_ms > now_ms) return kept
      const holder = set === undefined ? undefined : verify(set, settings, token, now_ms)
      return holder === undefined ? undefined : remember(token, holder, now_ms)
    },
  }
}
