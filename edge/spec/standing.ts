// How many of the people with earlier numbers are there: a Fenwick tree, for tests and measurements of the waiting room.

export class Standing {
  private readonly sums: Int32Array

  /** numbers from 1 to `highest` */
  constructor(highest: number) {
    this.sums = new Int32Array(highest + 2)
  }

  add(number: number, by: number): void {
    for (let i = number; i < this.sums.length; i += i & -i) this.sums[i] = (this.sums[i] as number) + by
  }

  upTo(number: number): number {
    let sum = 0
    for (let i = number; i > 0; i -= i & -i) sum += this.sums[i] as number
    return sum
  }
}
