// biome-ignore-all lint/style/noNonNullAssertion: every index is within its array, and a default for each costs a fifth of the speed
// SHA-256 for the one thing the page needs it for: many short texts that begin alike. The common beginning is hashed once; each
// text then costs one block. A call of WebCrypto a text is several times slower: its way to another thread and back costs more than the hash.

const BLOCK = 64
const ROUNDS = 64
const LENGTH_BYTES = 9

/** Digits of the square roots (of 8 primes) and cube roots (of 64), as FIPS 180-4 has them. */
function fraction(root: number): number {
  return ((root - Math.floor(root)) * 2 ** 32) | 0
}

function primes(count: number): number[] {
  const found: number[] = []
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n)
  return found
}

const K = Int32Array.from(primes(ROUNDS), (prime) => fraction(Math.cbrt(prime)))
const START = Int32Array.from(primes(8), (prime) => fraction(Math.sqrt(prime)))
const schedule = new Int32Array(ROUNDS)

/** One block of `bytes` into `state`. */
function compress(state: Int32Array, bytes: Uint8Array, at: number): void {
  const w = schedule
  for (let i = 0; i < 16; i++) {
    const from = at + i * 4
    w[i] = (bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!
  }
  for (let i = 16; i < ROUNDS; i++) {
    const early = w[i - 15]!
    const late = w[i - 2]!
    const s0 = ((early >>> 7) | (early << 25)) ^ ((early >>> 18) | (early << 14)) ^ (early >>> 3)
    const s1 = ((late >>> 17) | (late << 15)) ^ ((late >>> 19) | (late << 13)) ^ (late >>> 10)
    w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0
  }
  let a = state[0]!
  let b = state[1]!
  let c = state[2]!
  let d = state[3]!
  let e = state[4]!
  let f = state[5]!
  let g = state[6]!
  let h = state[7]!
  for (let i = 0; i < ROUNDS; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  state[0] = (state[0]! + a) | 0
  state[1] = (state[1]! + b) | 0
  state[2] = (state[2]! + c) | 0
  state[3] = (state[3]! + d) | 0
  state[4] = (state[4]! + e) | 0
  state[5] = (state[5]! + f) | 0
  state[6] = (state[6]! + g) | 0
  state[7] = (state[7]! + h) | 0
}

/** Hashes of `beginning` (ASCII) followed by a number in decimals. */
export class NumberHasher {
  private readonly middle = START.slice()
  private readonly state = new Int32Array(8)
  private readonly rest: Uint8Array
  private readonly rest_length: number
  private readonly whole_length: number

  constructor(beginning: string) {
    const bytes = new TextEncoder().encode(beginning)
    let at = 0
    for (; at + BLOCK <= bytes.length; at += BLOCK) compress(this.middle, bytes, at)
    this.whole_length = bytes.length
    this.rest_length = bytes.length - at
    // a number of up to 16 digits and the length may run into a second block
    this.rest = new Uint8Array(2 * BLOCK)
    this.rest.set(bytes.subarray(at))
  }

  /** The eight words of the hash; the same array each time. */
  hash(number: number): Int32Array {
    const { rest, state, rest_length } = this
    const digits = `${number}`
    for (let i = 0; i < digits.length; i++) rest[rest_length + i] = digits.charCodeAt(i)
    const end = rest_length + digits.length
    const blocks_end = end + LENGTH_BYTES <= BLOCK ? BLOCK : 2 * BLOCK
    rest.fill(0, end, blocks_end)
    rest[end] = 0x80
    const bits = (this.whole_length + digits.length) * 8
    rest[blocks_end - 4] = bits >>> 24
    rest[blocks_end - 3] = bits >>> 16
    rest[blocks_end - 2] = bits >>> 8
    rest[blocks_end - 1] = bits
    state.set(this.middle)
    compress(state, rest, 0)
    if (blocks_end > BLOCK) compress(state, rest, BLOCK)
    return state
  }
}

/** 64 characters of hexadecimal as eight words. */
export function wordsOf(hexadecimal: string): Int32Array {
  return Int32Array.from({ length: 8 }, (_, i) => Number.parseInt(hexadecimal.slice(i * 8, i * 8 + 8), 16) | 0)
}
