// What a node knows of a sale's stock without asking: the board. It answers "nothing left" for a second at most,
// so a shopper is never refused on news older than that, and an older report never replaces a newer one.
import type { RefusalCode, SalePhase } from '../../../contract/codes'
import type { FollowedSale, FollowedSku } from '../../../contract/followed-sale'

/** How long a report may speak for Redis. */
export const STOCK_FRESH_MS = 1000

export interface SkuStock {
  /** −1: unlimited */
  free: number
  unpaid: number
}

export interface StockBoard {
  /** rises with each change of stock in Redis; starts again from 0 with a new epoch */
  stock_version: number
  epoch: number
  /** when it was learnt, by this node's clock */
  seen_ms: number
  skus: Record<string, SkuStock>
  /** what is to be said whichever SKU is asked for, and however many; worked out when the board learns something */
  gone?: RefusalCode
}

export function newBoard(): StockBoard {
  return { stock_version: -1, epoch: 0, seen_ms: 0, skus: {} }
}

/** May a report of this epoch and version be written over what the board has? */
export function isNews(board: StockBoard, epoch: number, stock_version: number): boolean {
  if (epoch !== board.epoch) return epoch > board.epoch
  return stock_version >= board.stock_version
}

/** Why nothing is to be had of this SKU, judged from free and unpaid units; undefined when there is. */
export function emptiness(free: number, unpaid: number, quantity: number): RefusalCode | undefined {
  if (free < 0 || free >= quantity) return undefined
  if (free > 0) return 'not_enough_left'
  return unpaid > 0 ? 'all_held' : 'sold_out'
}

/** The one reason why no SKU of the sale is to be had; undefined when there is something, or not the same reason for all. */
export function emptinessOfAll(board: StockBoard, skus: FollowedSku[]): RefusalCode | undefined {
  let reason: RefusalCode | undefined
  for (const { sku } of skus) {
    const stock = board.skus[sku]
    const reason_here = stock === undefined ? undefined : emptiness(stock.free, stock.unpaid, 1)
    if (reason_here === undefined || (reason !== undefined && reason !== reason_here)) return undefined
    reason = reason_here
  }
  return reason
}

/** `refusalFromBoard` for a purchase whose body has not been read. */
export function refusalOfAll(board: StockBoard, epoch: number, now_ms: number): RefusalCode | undefined {
  return board.epoch === epoch && now_ms - board.seen_ms <= STOCK_FRESH_MS ? board.gone : undefined
}

/** The answer from shared memory, if the board is fresh enough to give one. */
export function refusalFromBoard(
  board: StockBoard,
  epoch: number,
  sku: string,
  quantity: number,
  now_ms: number,
): RefusalCode | undefined {
  if (board.epoch !== epoch || now_ms - board.seen_ms > STOCK_FRESH_MS) return undefined
  const stock = board.skus[sku]
  if (stock === undefined) return undefined
  return emptiness(stock.free, stock.unpaid, quantity)
}

/** The phase of a sale as shoppers are told it; `now_ms` is Redis' time as far as the node knows it. */
export function phaseOf(sale: FollowedSale, board: StockBoard, now_ms: number): SalePhase {
  if (sale.state === 'ended' || (now_ms >= sale.closes_ms && sale.state !== 'draft')) return 'ended'
  if (sale.rebuilding && sale.state !== 'draft') return 'rebuilding'
  if (sale.state === 'paused') return 'paused'
  if (sale.state === 'draft' || now_ms < sale.opens_ms) return 'upcoming'
  if (board.epoch !== sale.epoch) return 'open'
  let held = false
  for (const sku of sale.skus) {
    const stock = board.skus[sku.sku]
    if (stock === undefined || stock.free !== 0) return 'open'
    if (stock.unpaid > 0) held = true
  }
  return held ? 'all_held' : 'sold_out'
}

const FEW = 10

/** `left` as the sale shows it: the number (never where not `exact`), or a band. Unlimited SKUs and unknown stock have none. */
export function leftShown(
  sale: FollowedSale,
  stock: SkuStock | undefined,
  exact: boolean,
): number | string | undefined {
  if (stock === undefined || stock.free < 0) return undefined
  if (exact && sale.left_shown === 'exact') return stock.free
  if (stock.free === 0) return 'none'
  return stock.free <= FEW ? 'few' : 'many'
}
