import { describe, expect, it } from 'vitest'
import { keyProblem, purchaseProblem } from './purchase'

describe('purchaseProblem', () => {
  it('lets through whole numbers from 1 to 100 of a SKU', () => {
    expect(purchaseProblem({ sku: 'shoe', quantity: 1 })).toBeUndefined()
    expect(purchaseProblem({ sku: 'shoe-42_b', quantity: 100 })).toBeUndefined()
  })

  it('names the field that is wrong', () => {
    expect(purchaseProblem({ quantity: 1 })).toBe('sku: is missing')
    for (const sku of ['', 'A', 'a b', '../x', 5, true, {}]) {
      expect(purchaseProblem({ sku, quantity: 1 })).toBe('sku: must be 1 to 64 of a-z, 0-9, _ and -')
    }
    expect(purchaseProblem({ sku: 'a' })).toBe('quantity: is missing')
    for (const quantity of ['1', true, {}]) {
      expect(purchaseProblem({ sku: 'a', quantity })).toBe('quantity: must be a number')
    }
    for (const quantity of [0, -1, 101, 1e300, 0 / 0, 1 / 0]) {
      expect(purchaseProblem({ sku: 'a', quantity })).toBe('quantity: must be 1 to 100')
    }
    expect(purchaseProblem({ sku: 'a', quantity: 1.5 })).toBe('quantity: must be a whole number')
  })
})

describe('keyProblem', () => {
  it('wants 1 to 128 visible ASCII characters', () => {
    let longest = ''
    while (longest.length < 128) longest = longest + 'k'
    expect(keyProblem(longest)).toBeUndefined()
    expect(keyProblem(longest + 'k')).toBe('Idempotency-Key: must have at most 128 characters')
    expect(keyProblem('')).toBe('Idempotency-Key: is missing')
    expect(keyProblem(undefined)).toBe('Idempotency-Key: is missing')
    for (const key of ['a b', 'a\t', 'ä', 'a\x7f']) {
      expect(keyProblem(key)).toBe('Idempotency-Key: must be visible ASCII characters')
    }
  })
})
