// Which products there are, and what has changed about them, as gates follow it: the answer of GET /internal/items, a long poll.

/** A Bloom filter of the ids of all products there were at `version` (edge/src/domain/bloom.ts). */
export interface FollowedFilter {
  version: number
  seed: number
  bits: number
  hashes: number
  /** ids in it */
  count: number
  /** the bits, as base64 */
  text: string
}

/** Unknown ids that a gate takes for known: the filter is made for this rate, and its additions are exact. */
export const ITEM_FALSE_RATE = 0.001

export interface ItemChange {
  id: string
  version: number
  removed: boolean
}

export interface FollowedItems {
  version: number
  /** what came before is not to be relied on: every page must be looked at anew */
  complete: boolean
  /** where the gate has none, or an older one than the backend would make now */
  filter?: FollowedFilter
  /** since the version that the gate had, by version */
  changes: ItemChange[]
}
