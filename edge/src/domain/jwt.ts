// JSON Web Tokens of the shop's own (RFC 7519), as strictly as they can be read: what a key is decides the algorithm, never
// the token; every extension that must be understood (crit) is refused; issuer, audience, user and expiry must be there.
//
// Pure: JSON and signatures are the caller's (adapters/jwt.ts).
import { USER_BYTES_MAX } from '../../../contract/lane-scripts'

const JWT_LENGTH_MAX = 4096

interface JwtParts {
  header: string
  payload: string
  signature: string
  /** what the signature is over */
  signed: string
}

export interface JwtRules {
  issuer: string
  audience: string
  user_claim: string
  /** '' for none: everybody has level 0 */
  level_claim: string
  clock_skew_s: number
}

export interface JwtHolder {
  user: string
  level: number
  /** the skew included */
  expires_ms: number
}

/** Three parts, each with something in it; undefined for anything else. */
export function splitJwt(token: string): JwtParts | undefined {
  if (token.length > JWT_LENGTH_MAX) return undefined
  const first = token.indexOf('.')
  if (first < 1) return undefined
  const second = token.indexOf('.', first + 1)
  if (second <= first + 1 || second === token.length - 1) return undefined
  if (token.indexOf('.', second + 1) >= 0) return undefined
  return {
    header: token.substring(0, first),
    payload: token.substring(first + 1, second),
    signature: token.substring(second + 1),
    signed: token.substring(0, second),
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && !!value
}

/** Algorithm and key id ('' for none) that the header names; undefined when it is not to be followed. */
export function readJwtHeader(value: unknown): { alg: string; kid: string } | undefined {
  if (!isRecord(value)) return undefined
  const { alg, kid, typ } = value
  if (value['crit'] !== undefined || value['b64'] !== undefined || value['zip'] !== undefined) return undefined
  if (typeof alg !== 'string' || (kid !== undefined && typeof kid !== 'string')) return undefined
  if (typ !== undefined && typ !== 'JWT' && typ !== 'at+jwt') return undefined
  return { alg, kid: kid ?? '' }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < 1e11
}

function isFor(audience: unknown, wanted: string): boolean {
  if (audience === wanted) return true
  if (!isRecord(audience)) return false
  for (const each of audience as unknown as unknown[]) if (each === wanted) return true
  return false
}

function isUser(value: unknown): value is string {
  if (typeof value !== 'string' || value === '' || value.length > USER_BYTES_MAX) return false
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code < 32 || code === 127) return false
  }
  return true
}

/** Who the claims say it is; undefined when one is missing, wrong, or not of this moment. UTF-8 is the caller's to check. */
export function readJwtClaims(value: unknown, rules: JwtRules, now_ms: number): JwtHolder | undefined {
  if (!isRecord(value)) return undefined
  const skew_ms = rules.clock_skew_s * 1000
  const { exp, nbf, iat } = value
  if (value['iss'] !== rules.issuer || !isFor(value['aud'], rules.audience)) return undefined
  if (!isTime(exp) || now_ms >= exp * 1000 + skew_ms) return undefined
  if (nbf !== undefined && !(isTime(nbf) && nbf * 1000 <= now_ms + skew_ms)) return undefined
  if (iat !== undefined && !(isTime(iat) && iat * 1000 <= now_ms + skew_ms)) return undefined
  const user = value[rules.user_claim]
  if (!isUser(user)) return undefined
  const level = rules.level_claim === '' ? 0 : (value[rules.level_claim] ?? 0)
  if (typeof level !== 'number' || level < 0 || level > 9 || Math.floor(level) !== level) return undefined
  return { user, level, expires_ms: exp * 1000 + skew_ms }
}

export type JwtAlgorithm = 'HS256' | 'RS256' | 'EdDSA'

/** A key of a JWKS, its material still as base64url. */
export interface Jwk {
  kid: string
  alg: JwtAlgorithm
  /** HS256: k; EdDSA: x; RS256: n */
  material: string
  /** RS256: e; '' otherwise */
  exponent: string
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function readJwk(value: Record<string, unknown>): Jwk | undefined {
  const kty = value['kty']
  const kid = text(value['kid'])
  if (kty === 'oct') return { kid, alg: 'HS256', material: text(value['k']), exponent: '' }
  if (kty === 'RSA') return { kid, alg: 'RS256', material: text(value['n']), exponent: text(value['e']) }
  if (kty === 'OKP' && value['crv'] === 'Ed25519') {
    return { kid, alg: 'EdDSA', material: text(value['x']), exponent: '' }
  }
  return undefined
}

/**
 * The keys that may verify here; those of other types, algorithms and uses are passed over (RFC 7517, 5). A sentence when the set
 * cannot be used: then the last good one stays.
 */
export function readJwks(value: unknown): Jwk[] | string {
  const list = isRecord(value) ? value['keys'] : undefined
  if (!isRecord(list)) return 'is no JWKS: it has no list "keys"'
  const keys: Jwk[] = []
  for (const each of list as unknown as unknown[]) {
    const key = isRecord(each) ? readJwk(each) : undefined
    if (key === undefined || !isRecord(each)) continue
    if (each['alg'] !== undefined && each['alg'] !== key.alg) continue
    if (each['use'] !== undefined && each['use'] !== 'sig') continue
    for (const other of keys) if (other.kid === key.kid) return 'has the key id "' + key.kid + '" twice'
    keys.push(key)
  }
  return keys.length === 0 ? 'has no key for HS256, RS256 or EdDSA' : keys
}
