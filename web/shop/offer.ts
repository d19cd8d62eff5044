// What the button of one SKU says and whether it can be pressed: one place decides, from everything that is known.
import type { SalePhase } from '../../contract/codes'
import { clockText } from './countdown'
import { LOST_WORDS, PHASE_WORDS, REFUSAL_WORDS, RESUMED_WORDS, UNKNOWN_WORDS, type Words } from './messages'
import { canPress, type Purchase, type Refusal } from './purchase'
import type { SkuState } from './wire'

/** Units in one purchase when the gate does not say how many a buyer may have; it refuses what is too much. */
const QUANTITY_MAX_UNSAID = 10

export interface Circumstances {
  phase: SalePhase
  /** by the server's clock */
  until_open_ms: number
  until_close_ms: number
  signed_in: boolean
  /** the sale has a waiting room, and it is not this shopper's turn: in line, or not */
  turn?: 'to_join' | 'to_wait'
  /** units of this SKU the shopper has already */
  own_units: number
  quantity: number
  purchase: Purchase
  /** monotonic, as in the purchase */
  now_ms: number
}

export interface Offer {
  button: string
  enabled: boolean
  /** what is going on, under the button */
  note: (Words & { tone: 'calm' | 'wait' | 'stop'; receipt: string }) | undefined
  quantity_max: number
}

/** The phase by the page's own count of time: the last answer may be some seconds old. */
export function phaseNow(phase: SalePhase, until_open_ms: number, until_close_ms: number): SalePhase {
  if (phase === 'upcoming' && until_open_ms <= 0) return until_close_ms <= 0 ? 'ended' : 'open'
  if (phase !== 'upcoming' && phase !== 'ended' && until_close_ms <= 0) return 'ended'
  return phase
}

export function quantityMax(sku: SkuState, own_units: number): number {
  const left = typeof sku.left === 'number' ? sku.left : Number.POSITIVE_INFINITY
  const allowed = sku.user_max === undefined ? QUANTITY_MAX_UNSAID : sku.user_max - own_units
  return Math.max(1, Math.min(allowed, left, 100))
}

function refusedNote(refusal: Refusal): Offer['note'] {
  const kind = ['no_session', 'session_replaced', 'all_held', 'limit_reached', 'not_enough_left']
  return {
    ...REFUSAL_WORDS[refusal.code],
    tone: kind.includes(refusal.code) ? 'calm' : 'stop',
    receipt: refusal.receipt,
  }
}

function noteOf(purchase: Purchase): Offer['note'] {
  if (purchase.step === 'refused') return refusedNote(purchase.refusal)
  if (purchase.step === 'unknown') {
    return purchase.refusal === undefined
      ? { ...UNKNOWN_WORDS, tone: 'stop', receipt: '' }
      : {
          ...refusedNote(purchase.refusal),
          ...REFUSAL_WORDS[purchase.refusal.code],
          tone: 'stop',
          receipt: purchase.refusal.receipt,
        }
  }
  if (purchase.step === 'waiting') {
    if (purchase.refusal !== undefined) {
      return { ...REFUSAL_WORDS[purchase.refusal.code], tone: 'wait', receipt: purchase.refusal.receipt }
    }
    return { ...(purchase.attempt.tries === 0 ? RESUMED_WORDS : LOST_WORDS), tone: 'wait', receipt: '' }
  }
  return undefined
}

const CLOSED_BUTTON: Partial<Record<SalePhase, string>> = {
  all_held: 'All held for now',
  sold_out: 'Sold out',
  paused: 'Paused',
  rebuilding: 'One moment …',
  ended: 'The sale is over',
}

export function offerOf(sku: SkuState, at: Circumstances): Offer {
  const { purchase } = at
  const note = noteOf(purchase)
  const quantity_max = quantityMax(sku, at.own_units)
  const off = (button: string): Offer => ({ button, enabled: false, note, quantity_max })

  if (purchase.step === 'sending') return off('Reserving …')
  if (purchase.step === 'waiting') return off(`Trying again in ${clockText(purchase.until_ms - at.now_ms)}`)
  const pressable = canPress(purchase, at.now_ms)
  // whatever the sale is doing: an unknown outcome can always be cleared up
  if (purchase.step === 'unknown') return { button: 'Ask again', enabled: pressable, note, quantity_max }

  const phase = phaseNow(at.phase, at.until_open_ms, at.until_close_ms)
  if (phase === 'upcoming') return off(`Opens in ${clockText(at.until_open_ms)}`)
  if (phase !== 'open') return off(CLOSED_BUTTON[phase] ?? PHASE_WORDS[phase].short)
  if (sku.user_max !== undefined && at.own_units >= sku.user_max) {
    return off(at.own_units === 1 ? 'You have yours' : `You have your ${at.own_units}`)
  }
  if (sku.left === 0 || sku.left === 'none') return off('None left at the moment')
  if (at.turn !== undefined) return off(at.turn === 'to_wait' ? 'Wait for your turn' : 'Join the queue first')
  if (!pressable) {
    const wait_ms = purchase.again_ms - at.now_ms
    return off(purchase.step === 'refused' ? `Try again in ${clockText(wait_ms)}` : 'Just a moment …')
  }
  const what = at.quantity > 1 ? `Reserve ${at.quantity}` : 'Reserve'
  return { button: at.signed_in ? what : `Sign in and ${what.toLowerCase()}`, enabled: true, note, quantity_max }
}
