// Challenges and proofs, in the shape of ALTCHA's protocol, version 1, so that its clients can solve them:
//
//   challenge   GET /sales/{sale}/challenge → {algorithm, challenge, maxnumber, salt, signature}
//   proof       X-Rush-Proof: base64 of the JSON {algorithm, challenge, number, salt, signature}
//
// challenge = hexadecimal SHA-256 of salt and number (in decimals); whoever finds the number has done the work.
// signature = HMAC-SHA256(HKDF subkey "proof" of the salt's key, challenge) as base64url; clients hand it back unread.
// salt      = <id>?expires=<s>&key=<key id>&sale=<sale>&session=<mark>&after=<s>&
//
//   id       22 characters of base64url, random: what is spent
//   session  mark of the session it was given to, so that nobody can use another's
//   after    a proof got by waiting is none before this time; 0 for one that is computed
//
// The "&" at its end keeps digits of the number from being moved into the salt.

export const PROOF_ALGORITHM = 'SHA-256'
/** characters of the header: a proof has about 400 */
export const PROOF_LENGTH_MAX = 1024
export const PROOF_NUMBER_MAX = 100_000_000
const PROOF_ID_LENGTH = 22
export const SESSION_MARK_LENGTH = 22
const SALT_LENGTH_MAX = 300

export interface Challenge {
  algorithm: typeof PROOF_ALGORITHM
  /** 64 characters of lower-case hexadecimal */
  challenge: string
  /** the number is at most this */
  maxnumber: number
  salt: string
  signature: string
}

export interface Proof {
  algorithm: typeof PROOF_ALGORITHM
  challenge: string
  number: number
  salt: string
  signature: string
}

export interface SaltParts {
  id: string
  /** Unix time in seconds */
  expires_s: number
  key_id: string
  sale: string
  session: string
  /** Unix time in seconds; 0: at once */
  after_s: number
}

export function formatSalt(parts: SaltParts): string {
  return (
    parts.id +
    '?expires=' +
    parts.expires_s +
    '&key=' +
    parts.key_id +
    '&sale=' +
    parts.sale +
    '&session=' +
    parts.session +
    '&after=' +
    parts.after_s +
    '&'
  )
}

/** What stands between the name and the next "&"; '' when there is nothing. */
function memberOf(salt: string, name: string): string {
  const at = salt.indexOf(name)
  if (at < 0) return ''
  const begin = at + name.length
  const end = salt.indexOf('&', begin)
  return end < 0 ? '' : salt.substring(begin, end)
}

/** Returns undefined for anything that formatSalt does not write, to the letter. */
export function parseSalt(salt: string): SaltParts | undefined {
  if (salt.length > SALT_LENGTH_MAX) return undefined
  const parts: SaltParts = {
    id: salt.substring(0, PROOF_ID_LENGTH),
    expires_s: Number(memberOf(salt, '?expires=')),
    key_id: memberOf(salt, '&key='),
    sale: memberOf(salt, '&sale='),
    session: memberOf(salt, '&session='),
    after_s: Number(memberOf(salt, '&after=')),
  }
  if (!(parts.expires_s > 0 && parts.expires_s < 1e11) || !(parts.after_s >= 0 && parts.after_s < 1e11)) {
    return undefined
  }
  return formatSalt(parts) === salt ? parts : undefined
}
