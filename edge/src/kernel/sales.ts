// What plugins see of the sales that the gate follows.
import type { FollowedSale, FollowedSku } from '../../../contract/followed-sale'
import type { StockBoard } from '../domain/stock'

export interface KnownSale {
  sale: FollowedSale
  /** by SKU */
  skus: Record<string, FollowedSku>
  board: StockBoard
}

export interface SalesPort {
  find: (this: void, id: string) => KnownSale | undefined
  /** false until the first answer of the backend: an unknown sale is then unavailable, not "not found" */
  ready: (this: void) => boolean
}
