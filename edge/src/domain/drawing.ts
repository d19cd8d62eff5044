// What those are told who came before the opening: that they are in the draw, and when to ask for their rank.
import { numbersFrom } from './waiting-wire'

export interface Entered {
  /** drawing: nobody enters any more, and the ranks are not known yet */
  draw: 'entered' | 'drawing'
  /** Redis' clock */
  now_ms: number
  /** entered */
  opens_ms: number
  entrants: number
}

/** What draw-ticket says of somebody without a number (contract/lane-scripts.ts); undefined for what it says of others. */
export function parseEntered(line: string): Entered | undefined {
  if (line.substring(0, 8) === 'entered ') {
    const [now_ms, opens_ms, entrants] = numbersFrom(line, 8)
    if (entrants === undefined) return undefined
    return { draw: 'entered', now_ms: now_ms as number, opens_ms: opens_ms as number, entrants }
  }
  if (line.substring(0, 8) === 'drawing ') {
    return { draw: 'drawing', now_ms: Number(line.substring(8)), opens_ms: 0, entrants: 0 }
  }
  return undefined
}

/** The rarest poll before the opening: it only shows that one is still in, and that the sale was not put off. */
const BEFORE_POLL_MS = 60000
/** While the draw is being made. */
const DRAWING_POLL_MS = 1500
/** Making a draw takes this long, and 1 ms for each 100 entrants on a quiet machine (100,000 take 1 to 1.5 s of CPU time); who asks earlier asks again. */
const DRAW_MS = 500
/** All entrants ask for their rank within this time: it is less than a call to the first of them is kept (CALL_MS). */
const SPREAD_MS_MAX = 6000

/** `chance` is uniform in [0, 1): who came at the same moment is not to ask at the same moment. */
export function pollAfterEntering(entered: Entered, chance: number): number {
  if (entered.draw === 'drawing') return Math.floor(DRAWING_POLL_MS * (1 + chance))
  const wait_ms = Math.max(0, entered.opens_ms - entered.now_ms)
  const spread_ms = Math.min(SPREAD_MS_MAX, 500 + entered.entrants / 10)
  const until_ms = wait_ms + DRAW_MS + entered.entrants / 100 + chance * spread_ms
  return Math.floor(Math.min(until_ms, BEFORE_POLL_MS * (0.5 + chance / 2)))
}
