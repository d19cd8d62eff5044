// Challenges: how hard one is, and whether a proof is one. No clock, no keys and no randomness of its own.
import { PROOF_ALGORITHM, PROOF_NUMBER_MAX, type Proof, parseSalt } from '../../../contract/challenge'

export interface ProofTools {
  /** under the subkey "proof"; undefined for an unknown key */
  mac: (this: void, key_id: string, message: string) => string | undefined
  /** in a time that does not depend on where they differ */
  equal: (this: void, a: string, b: string) => boolean
  /** lower-case hexadecimal */
  sha256Hex: (this: void, text: string) => string
}

export interface ProofCheck {
  /** what is to be spent; '' when it is no proof */
  id: string
  /** what is wrong, in a word or two that follow "X-Rush-Proof: "; '' when nothing is */
  problem: string
  /** how long until it is valid, for one that is only too early; else 0 */
  early_ms: number
  /** 0 for one that is not ours */
  expires_ms: number
  /** ours and for this sale, but expired or of another session: a repeat of a purchase may still come with it */
  is_outdated: boolean
}

interface Difficulty {
  /** the number's ceiling for a shopper like any other, in calm */
  number_base: number
  /** never more than this */
  number_max: number
  /** a score of this doubles the work, twice this trebles it */
  score_step: number
  /** challenges a second of this node up to which it is calm; at twice as many the work is doubled */
  calm_per_s: number
}

/** `given_s`: challenges that this node has given out in the present second. */
export function maxNumber(difficulty: Difficulty, score: number, given_s: number): number {
  const by_score = score > 0 ? 1 + score / difficulty.score_step : 1
  const by_load = given_s > difficulty.calm_per_s ? given_s / difficulty.calm_per_s : 1
  return Math.floor(Math.min(difficulty.number_base * by_score * by_load, difficulty.number_max))
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** 48 bits: what is left over to a number of 27 bits does not matter */
const DIGITS = 8
const RANGE = 281474976710656

/** A number from 0 to `max`, by the first characters of a random base64url text. */
export function numberFrom(random: string, max: number): number {
  let value = 0
  for (let i = 0; i < DIGITS; i++) value = value * 64 + ALPHABET.indexOf(random.substring(i, i + 1))
  return Math.floor((value / RANGE) * (max + 1))
}

function no(problem: string): ProofCheck {
  return { id: '', problem, early_ms: 0, expires_ms: 0, is_outdated: false }
}

function outdated(problem: string): ProofCheck {
  return { id: '', problem, early_ms: 0, expires_ms: 0, is_outdated: true }
}

function isProof(value: unknown): value is Proof {
  if (typeof value !== 'object' || value === undefined) return false
  const { algorithm, challenge, number, salt, signature } = value as Record<string, unknown>
  if (algorithm !== PROOF_ALGORITHM) return false
  if (typeof challenge !== 'string' || challenge.length !== 64) return false
  if (typeof salt !== 'string' || typeof signature !== 'string') return false
  if (typeof number !== 'number' || !(number >= 0 && number <= PROOF_NUMBER_MAX)) return false
  return Math.floor(number) === number
}

/** `value`: what JSON gave, of any type. `session`: the mark of the session that asks. */
export function checkProof(
  tools: ProofTools,
  value: unknown,
  sale: string,
  session: string,
  now_ms: number,
): ProofCheck {
  if (!isProof(value)) return no('is not a proof')
  const parts = parseSalt(value.salt)
  if (parts === undefined) return no('is not a proof')
  const mac = tools.mac(parts.key_id, value.challenge)
  if (mac === undefined || !tools.equal(mac, value.signature)) return no('is not one of ours')
  // the signature is the challenge's, so what the salt says counts only with a number that leads to it
  if (!tools.equal(tools.sha256Hex(value.salt + value.number), value.challenge)) return no('is wrong')
  if (parts.sale !== sale) return no('is for another sale')
  if (parts.session !== session) return outdated('is for another session')
  if (parts.expires_s * 1000 <= now_ms) return outdated('has expired')
  const expires_ms = parts.expires_s * 1000
  const early_ms = parts.after_s * 1000 - now_ms
  if (early_ms > 0) return { id: '', problem: 'is not valid yet', early_ms, expires_ms, is_outdated: false }
  return { id: parts.id, problem: '', early_ms: 0, expires_ms, is_outdated: false }
}
