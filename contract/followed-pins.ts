// What operators have said of items, whatever their rate, as the gates follow it: the answer of GET /internal/pins, a long poll.

export const PINS = ['hot', 'released'] as const
/** hot: it is, and stays so. released: it never is. */
export type Pin = (typeof PINS)[number]

/** Each gate has all of them in one text. */
export const PINS_MAX = 256

export interface FollowedPins {
  /** only ever rises */
  version: number
  pins: { item: string; pin: Pin }[]
}
