import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { NumberHasher, wordsOf } from './sha256'
import { Solver } from './solver'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('the page’s SHA-256', () => {
  it('agrees with another one for beginnings of every length, and numbers of every length', () => {
    for (let length = 0; length < 200; length++) {
      const beginning = 'abcdefghij&=?_-'.repeat(20).slice(0, length)
      const hasher = new NumberHasher(beginning)
      for (const number of [0, 7, 42, 999, 123_456, 99_999_999, 5]) {
        expect(hasher.hash(number)).toEqual(wordsOf(sha256(`${beginning}${number}`)))
      }
    }
  })
})

describe('a solver', () => {
  const salt = 'salt?expires=1&'

  it.each([0, 1, 1234, 5000])('finds %i', (number) => {
    const solver = new Solver(sha256(`${salt}${number}`), salt, 5000)
    let found: number | undefined
    while (found === undefined && !solver.done) found = solver.slice(700)
    expect(found).toBe(number)
  })

  it('gives up at the ceiling', () => {
    const solver = new Solver(sha256(`${salt}5001`), salt, 5000)
    expect(solver.slice(1_000_000)).toBeUndefined()
    expect(solver.done).toBe(true)
  })
})
