// What is switched off at each level of degradation: the one table that gate, backend and manual read.
//
// Never switched off at any level: buying, paying, giving back, and the truth about what was held. A level makes looking
// cheaper, so that buying goes on.

/** 0 (normal) to 3. */
export const DEGRADE_LEVEL_MAX = 3

export interface DegradeTerms {
  name: 'normal' | 'eased' | 'lean' | 'bare'
  /** figures of the stock as numbers, where the sale shows them; else bands */
  exact_stock: boolean
  /** how many times longer than usual clients are told to wait before they look again */
  state_poll_factor: number
  reservation_poll_factor: number
  /** only for those far from the front: the next in line are asked for within 3 s at every level */
  ticket_poll_factor: number
  search: boolean
  /** cache_only: pages that are not in a gate's memory are refused, and none is fetched for a shopper */
  item_pages: 'live' | 'cache_only'
}

export const DEGRADE_LEVELS: readonly DegradeTerms[] = [
  {
    name: 'normal',
    exact_stock: true,
    state_poll_factor: 1,
    reservation_poll_factor: 1,
    ticket_poll_factor: 1,
    search: true,
    item_pages: 'live',
  },
  {
    name: 'eased',
    exact_stock: false,
    state_poll_factor: 2,
    reservation_poll_factor: 1,
    ticket_poll_factor: 1,
    search: true,
    item_pages: 'live',
  },
  {
    name: 'lean',
    exact_stock: false,
    state_poll_factor: 4,
    reservation_poll_factor: 2,
    ticket_poll_factor: 2,
    search: false,
    item_pages: 'cache_only',
  },
  {
    name: 'bare',
    exact_stock: false,
    state_poll_factor: 8,
    reservation_poll_factor: 4,
    ticket_poll_factor: 4,
    search: false,
    item_pages: 'cache_only',
  },
]

/** What an operator has set; followed by the gates with the sales. */
export interface DegradeByHand {
  /** 0 to DEGRADE_LEVEL_MAX; a node's own load may raise it further unless it is pinned */
  level: number
  pinned: boolean
}
