// What the backend tells the gates about sales: the answer of GET /internal/sales, a long poll.

import type { DegradeByHand } from './degradation'
import type { GateSettings } from './gate-settings'

export type SaleState =
  /** made, not yet loaded into Redis */
  | 'draft'
  /** loaded; whether it is upcoming, open or ended is a matter of the clock */
  | 'ready'
  | 'paused'
  | 'ended'

export interface Price {
  amount_minor: number
  currency: string
}

export interface FollowedSku {
  sku: string
  title: string
  price: Price
  price_version: number
  /** −1: unlimited */
  total: number
  user_max: number
}

export interface FollowedSale {
  id: string
  title: string
  state: SaleState
  /** true from the moment an epoch is raised until the shards are loaded again */
  rebuilding: boolean
  /** fence number of the grants; 0 before the first load */
  epoch: number
  /** replication id of the Redis that this epoch was loaded into; a lane on another one answers rebuilding */
  redis_replid: string
  opens_ms: number
  closes_ms: number
  shards: number
  /** base64url of 32 random bytes: the key of its reservation ids */
  id_key: string
  /** how `left` is shown: the number, or a band ("many", "few", "none") */
  left_shown: 'exact' | 'band'
  gate: GateSettings
  /** when its waiting room was last made anew without knowing who had been admitted (Redis' clock); passes given before are over */
  waiting_since_ms?: number
  skus: FollowedSku[]
}

export interface FollowedSales {
  /** only ever rises */
  version: number
  /** what the operator has set; changes with the version */
  degrade: DegradeByHand
  sales: FollowedSale[]
}
