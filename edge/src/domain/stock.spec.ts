import { describe, expect, it } from 'vitest'
import type { FollowedSale, FollowedSku } from '../../../contract/followed-sale'
import {
  emptiness,
  emptinessOfAll,
  isNews,
  leftShown,
  newBoard,
  phaseOf,
  refusalFromBoard,
  refusalOfAll,
  type SkuStock,
  type StockBoard,
} from './stock'

function saleWith(change: Partial<FollowedSale>): FollowedSale {
  const sale: FollowedSale = {
    id: 'spring',
    title: 'Spring',
    state: 'ready',
    rebuilding: false,
    epoch: 2,
    redis_replid: 'r',
    opens_ms: 1000,
    closes_ms: 9000,
    shards: 1,
    id_key: '',
    left_shown: 'exact',
    gate: {},
    skus: [
      { sku: 'a', title: 'A', price: { amount_minor: 1, currency: 'EUR' }, price_version: 1, total: 5, user_max: 1 },
    ],
  }
  return { ...sale, ...change }
}

function boardWith(free: number, unpaid: number): StockBoard {
  return { stock_version: 7, epoch: 2, seen_ms: 5000, skus: { a: { free, unpaid } } }
}

describe('emptiness', () => {
  it('tells what is gone for good from what may come back', () => {
    expect(emptiness(1, 0, 1)).toBeUndefined()
    expect(emptiness(-1, 0, 50)).toBeUndefined()
    expect(emptiness(1, 3, 2)).toBe('not_enough_left')
    expect(emptiness(0, 3, 1)).toBe('all_held')
    expect(emptiness(0, 0, 1)).toBe('sold_out')
  })
})

describe('emptinessOfAll', () => {
  const [first] = saleWith({}).skus
  const skus = [{ ...first, sku: 'a' } as FollowedSku, { ...first, sku: 'b' } as FollowedSku]

  function reasonFor(a: SkuStock, b: SkuStock | undefined): string {
    const board = newBoard()
    board.skus['a'] = a
    if (b !== undefined) board.skus['b'] = b
    return emptinessOfAll(board, skus) ?? 'none'
  }

  it('is the reason that all SKUs have in common', () => {
    expect(reasonFor({ free: 0, unpaid: 0 }, { free: 0, unpaid: 0 })).toBe('sold_out')
    expect(reasonFor({ free: 0, unpaid: 1 }, { free: 0, unpaid: 2 })).toBe('all_held')
  })

  it('is none while something is there, unlimited or not known, or reasons differ', () => {
    expect(reasonFor({ free: 0, unpaid: 0 }, { free: 1, unpaid: 0 })).toBe('none')
    expect(reasonFor({ free: 0, unpaid: 0 }, { free: -1, unpaid: 0 })).toBe('none')
    expect(reasonFor({ free: 0, unpaid: 0 }, undefined)).toBe('none')
    expect(reasonFor({ free: 0, unpaid: 0 }, { free: 0, unpaid: 1 })).toBe('none')
    expect(emptinessOfAll(newBoard(), [])).toBeUndefined()
  })

  it('is said while the report is a second old at most, and of the same epoch', () => {
    const board: StockBoard = { ...boardWith(0, 0), gone: 'sold_out' }
    expect(refusalOfAll(board, 2, 6000)).toBe('sold_out')
    expect(refusalOfAll(board, 2, 6001)).toBeUndefined()
    expect(refusalOfAll(board, 3, 6000)).toBeUndefined()
  })
})

describe('refusalFromBoard', () => {
  it('answers while the report is a second old at most', () => {
    expect(refusalFromBoard(boardWith(0, 0), 2, 'a', 1, 6000)).toBe('sold_out')
    expect(refusalFromBoard(boardWith(0, 0), 2, 'a', 1, 6001)).toBeUndefined()
  })

  it('says nothing of another epoch, an unknown SKU or what is there', () => {
    expect(refusalFromBoard(boardWith(0, 0), 3, 'a', 1, 5000)).toBeUndefined()
    expect(refusalFromBoard(boardWith(0, 0), 2, 'b', 1, 5000)).toBeUndefined()
    expect(refusalFromBoard(boardWith(1, 0), 2, 'a', 1, 5000)).toBeUndefined()
  })
})

describe('isNews', () => {
  it('never lets an older report over a newer one', () => {
    const board = boardWith(0, 0)
    expect(isNews(board, 2, 6)).toBe(false)
    expect(isNews(board, 2, 7)).toBe(true)
    expect(isNews(board, 1, 99)).toBe(false)
    expect(isNews(board, 3, 0)).toBe(true)
    expect(isNews(newBoard(), 1, 0)).toBe(true)
  })
})

describe('phaseOf', () => {
  it('follows the clock', () => {
    expect(phaseOf(saleWith({}), boardWith(1, 0), 999)).toBe('upcoming')
    expect(phaseOf(saleWith({}), boardWith(1, 0), 1000)).toBe('open')
    expect(phaseOf(saleWith({}), boardWith(1, 0), 9000)).toBe('ended')
  })

  it('follows the stock', () => {
    expect(phaseOf(saleWith({}), boardWith(0, 2), 2000)).toBe('all_held')
    expect(phaseOf(saleWith({}), boardWith(0, 0), 2000)).toBe('sold_out')
    expect(phaseOf(saleWith({}), boardWith(-1, 0), 2000)).toBe('open')
    expect(phaseOf(saleWith({}), newBoard(), 2000)).toBe('open')
  })

  it('follows the seller', () => {
    expect(phaseOf(saleWith({ state: 'draft', rebuilding: true }), newBoard(), 2000)).toBe('upcoming')
    expect(phaseOf(saleWith({ state: 'paused' }), boardWith(1, 0), 2000)).toBe('paused')
    expect(phaseOf(saleWith({ state: 'ended' }), boardWith(1, 0), 2000)).toBe('ended')
    expect(phaseOf(saleWith({ rebuilding: true }), boardWith(1, 0), 2000)).toBe('rebuilding')
  })
})

describe('leftShown', () => {
  it('is the number or a band, as the sale is set', () => {
    expect(leftShown(saleWith({}), { free: 42, unpaid: 0 }, true)).toBe(42)
    expect(leftShown(saleWith({ left_shown: 'band' }), { free: 42, unpaid: 0 }, true)).toBe('many')
    expect(leftShown(saleWith({ left_shown: 'band' }), { free: 10, unpaid: 0 }, true)).toBe('few')
    expect(leftShown(saleWith({ left_shown: 'band' }), { free: 0, unpaid: 0 }, true)).toBe('none')
  })

  it('is a band where numbers are switched off', () => {
    expect(leftShown(saleWith({}), { free: 42, unpaid: 0 }, false)).toBe('many')
    expect(leftShown(saleWith({}), { free: 0, unpaid: 0 }, false)).toBe('none')
  })

  it('is not known for unlimited SKUs and before the first report', () => {
    expect(leftShown(saleWith({}), { free: -1, unpaid: 0 }, true)).toBeUndefined()
    expect(leftShown(saleWith({}), undefined, true)).toBeUndefined()
  })
})
