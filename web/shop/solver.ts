// Looks for the number of a challenge, in slices, so that who waits for it can be told how far it is.
import { NumberHasher, wordsOf } from './sha256'

export class Solver {
  private readonly hasher: NumberHasher
  private readonly wanted: Int32Array
  private next = 0

  constructor(
    challenge: string,
    salt: string,
    private readonly maxnumber: number,
  ) {
    this.hasher = new NumberHasher(salt)
    this.wanted = wordsOf(challenge)
  }

  /** Up to `count` numbers more: the one that is wanted, or undefined. */
  slice(count: number): number | undefined {
    const end = Math.min(this.next + count, this.maxnumber + 1)
    for (; this.next < end; this.next++) {
      const hash = this.hasher.hash(this.next)
      if (hash[0] === this.wanted[0] && hash.every((word, i) => word === this.wanted[i])) return this.next
    }
    return undefined
  }

  /** from 0 to 1, of the most that it can take */
  get progress(): number {
    return this.next / (this.maxnumber + 1)
  }

  get done(): boolean {
    return this.next > this.maxnumber
  }
}
