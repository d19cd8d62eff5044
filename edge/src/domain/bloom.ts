// A Bloom filter of texts: says "no" only of what was never put in, and "yes" of anything else at a rate that is chosen.
//
// The backend builds it in Node, gates ask it in LuaJIT: the same arithmetic in both, on whole numbers below 2^53 and bits below
// 2^31. The seed is drawn anew for each filter, so that nobody can work out beforehand which unknown ids get through.
// Two hashes make all places (Kirsch and Mitzenmacher 2006).

export interface BloomShape {
  /** 0 to SEED_MAX */
  seed: number
  /** a multiple of 8 */
  bits: number
  /** places of each text */
  hashes: number
}

export interface BloomFilter extends BloomShape {
  /** a character of 8 bits for each 8 places, the lowest bit first */
  text: string
}

export const BLOOM_SEED_MAX = 1048575

/** the primes below 2^31 */
const PRIME = 2147483647
const OTHER_PRIME = 2147483629
/** multipliers are below 2^21, so that products stay below 2^52: LuaJIT's % is exact there */
const MULTIPLIER_MIN = 1000003
const MIX = 1540483
const OTHER_MIX = 2017963
const BITS_MIN = 64
const HASHES_MAX = 24
const LN_2 = Math.log(2)
const POWERS = [1, 2, 4, 8, 16, 32, 64, 128]

/** Bits and hashes for `count` texts at a rate of wrong answers. `seed` is the caller's. */
export function bloomShape(count: number, false_rate: number, seed: number): BloomShape {
  const texts = Math.max(1, count)
  const wanted = (-texts * Math.log(false_rate)) / (LN_2 * LN_2)
  const bits = Math.max(BITS_MIN, Math.ceil(wanted / 8) * 8)
  const hashes = Math.max(1, Math.min(HASHES_MAX, Math.floor((bits / texts) * LN_2 + 0.5)))
  return { seed, bits, hashes }
}

/** The rate of wrong answers of a filter of this shape with `count` texts in it. */
export function bloomFalseRate(shape: BloomShape, count: number): number {
  return (1 - Math.exp((-shape.hashes * count) / shape.bits)) ** shape.hashes
}

function hashOf(text: string, start: number, multiplier: number, prime: number): number {
  let hash = (start + text.length) % prime
  for (let i = 0; i < text.length; i++) hash = (hash * multiplier + text.charCodeAt(i) + 1) % prime
  // without these, neighbours in text would be neighbours in place
  hash = hash ^ (hash >> 15)
  hash = (hash * MIX) % prime
  hash = hash ^ (hash >> 13)
  hash = (hash * OTHER_MIX) % prime
  return hash ^ (hash >> 16)
}

export function bloomHash(seed: number, text: string): number {
  return hashOf(text, seed, MULTIPLIER_MIN + seed, PRIME)
}

export function bloomStep(seed: number, text: string): number {
  return hashOf(text, seed * 2 + 1, MULTIPLIER_MIN + BLOOM_SEED_MAX - seed, OTHER_PRIME)
}

/** The place with this number of a text that has these two hashes: 0 to bits − 1. */
export function bloomPlace(hash: number, step: number, number: number, bits: number): number {
  return (hash + number * step) % bits
}

/** False: it was never put in. */
export function mayContain(filter: BloomFilter, text: string): boolean {
  const hash = bloomHash(filter.seed, text)
  const step = bloomStep(filter.seed, text)
  for (let number = 0; number < filter.hashes; number++) {
    const place = bloomPlace(hash, step, number, filter.bits)
    const at = Math.floor(place / 8)
    const eight = filter.text.charCodeAt(at)
    if ((eight & (POWERS[place % 8] ?? 0)) === 0) return false
  }
  return true
}
