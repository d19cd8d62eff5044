// The plugins that come with Rushgate. One folder each; the order in which they run is their priority.
import type { Plugin } from '../kernel/plugin'
import { addressList, userList } from './access-list/index'
import { botScore } from './bot-score/index'
import { challenge } from './challenge/index'
import { hotItems, itemEvents } from './hot-items/index'
import { inProgress } from './in-progress/index'
import { itemCache } from './item-cache/index'
import { rateLimit, userLimit } from './rate-limit/index'
import { reservation } from './reservation/index'
import { reservationStatus } from './reservation-status/index'
import { saleState } from './sale-state/index'
import { search } from './search/index'
import { session } from './session/index'
import { signature } from './signature/index'
import { waitingRoom } from './waiting-room/index'

export const plugins: Plugin[] = [
  botScore,
  addressList,
  userList,
  inProgress,
  rateLimit,
  userLimit,
  session,
  hotItems,
  itemEvents,
  signature,
  challenge,
  waitingRoom,
  saleState,
  reservationStatus,
  reservation,
  itemCache,
  search,
]
