// What the waiting room says: one place decides, from everything that is known.
import type { SalePhase } from '../../contract/codes'
import { clockText, spokenDuration } from './countdown'
import { REFUSAL_WORDS, type Words } from './messages'
import type { Refusal } from './purchase'
import type { Chance, Stand } from './wire'

export type RoomStep =
  /** no ticket */
  | { step: 'out'; refusal: Refusal | undefined }
  | { step: 'joining' }
  /** a ticket; `stand` undefined: not heard of it since the page was loaded */
  | { step: 'in'; stand: Stand | undefined }
  /** the pass has bought */
  | { step: 'used' }

export interface RoomMoment {
  room: RoomStep
  phase: SalePhase
  until_open_ms: number
  draws: boolean
  /** places are to be had: a sale is made some time before that */
  is_open: boolean
  /** people waiting, where the sale says so */
  ahead: number | undefined
  signed_in: boolean
  /** how long the pass is still good for; 0 without one */
  pass_left_ms: number
}

export interface RoomSight extends Words {
  tone: 'calm' | 'turn' | 'stop'
  /** shown large */
  place: string
  /** what there is to know beside it, a line each */
  facts: string[]
  /** '' where there is nothing to press */
  button: string
  enabled: boolean
}

const CHANCE_WORDS: Record<Chance, string> = {
  good: 'Your chance is good: there is enough for everybody ahead of you, and for you.',
  fair: 'Your chance is fair: there is enough if everybody ahead of you takes one.',
  slim: 'Your chance is slim: it takes some of those ahead of you not to buy.',
  waiting_for_returns:
    'All that is left is held by people who are about to pay. What they don’t pay for comes back to this line.',
  none: 'Nothing is left, and nothing more will come back.',
}

const ADMITTED_TEXT = 'Choose below and press Reserve. Your turn is good for one purchase.'
const BACK_TEXT =
  'Reload or come back on this device: you are still in. Be here then, for the first turns come at once.'
const KEPT_TEXT =
  'Your place is kept if you reload, or come back on this device. Be here when your turn comes: it is not waited for.'

function sight(tone: RoomSight['tone'], title: string, text: string, more: Partial<RoomSight> = {}): RoomSight {
  return { tone, title, text, place: '', facts: [], button: '', enabled: false, ...more }
}

function people(count: number): string {
  return count === 1 ? '1 person' : `${count.toLocaleString('en-GB')} people`
}

/** Rounded up, as a wait never feels shorter than said. */
export function waitText(eta_s: number): string {
  if (eta_s === 0) return 'It is nearly your turn.'
  const rounded_s = eta_s < 60 ? Math.ceil(eta_s / 10) * 10 : Math.ceil(eta_s / 60) * 60
  return `About ${spokenDuration(rounded_s * 1000)} to go.`
}

function outside(at: RoomMoment, refusal: Refusal | undefined): RoomSight {
  const can_join = at.phase !== 'sold_out' && at.phase !== 'ended'
  const by_lot = at.draws && at.until_open_ms > 0
  const what = by_lot ? 'Enter the draw' : 'Join the queue'
  const button = at.signed_in ? what : `Sign in and ${what.toLowerCase()}`
  const more = can_join ? { button: at.is_open ? button : 'Not open for entries yet', enabled: at.is_open } : {}
  if (refusal !== undefined) {
    const { title, text } = REFUSAL_WORDS[refusal.code]
    return sight('stop', title, text, more)
  }
  if (by_lot) {
    const text =
      'Everybody who enters before the opening has the same chance of coming first: it makes no difference when you come, or how often.'
    return sight('calm', 'The order is drawn by lot', text, more)
  }
  const facts = at.ahead === undefined || at.ahead === 0 ? [] : [`${people(at.ahead)} waiting.`]
  return sight('calm', 'One after another', 'People are let in to buy in the order of the line.', { ...more, facts })
}

function waiting(at: RoomMoment, stand: Stand): RoomSight {
  const chance = stand.chance === undefined ? [] : [CHANCE_WORDS[stand.chance]]
  if (stand.draw === 'entered') {
    const facts = stand.entrants === undefined ? [] : [`${people(stand.entrants)} in the draw so far.`]
    return sight('calm', 'You are in the draw', `The lots are drawn at the opening. ${BACK_TEXT}`, { facts })
  }
  if (stand.draw === 'drawing') {
    return sight('calm', 'The lots are being drawn', 'It takes a few seconds. You are in it.')
  }
  if (stand.place === undefined) return sight('calm', 'You are in line', `Your place is being looked up. ${KEPT_TEXT}`)
  const facts = [...(stand.eta_s === undefined ? [] : [waitText(stand.eta_s)]), ...chance]
  if (at.phase === 'paused') facts.unshift('The sale is paused, and the line stands still.')
  return sight('calm', 'You are in line', KEPT_TEXT, { place: stand.place.toLocaleString('en-GB'), facts })
}

export function roomSight(at: RoomMoment): RoomSight {
  const { room } = at
  if (room.step === 'joining')
    return sight('calm', 'One moment …', 'We are getting you a place.', { button: 'One moment …' })
  if (room.step === 'out') return outside(at, room.refusal)
  if (room.step === 'used') {
    const again = { button: 'Join the queue again', enabled: at.phase !== 'sold_out' && at.phase !== 'ended' }
    return sight(
      'calm',
      'You have had your turn',
      'What you reserved is under “Yours”. To buy more, take a new place.',
      again,
    )
  }
  const { stand } = room
  if (stand === undefined) return sight('calm', 'You are in line', 'We are asking how far you have come.')
  if (stand.status === 'waiting') return waiting(at, stand)
  if (stand.status === 'admitted') {
    if (at.pass_left_ms <= 0) return sight('calm', 'One moment …', 'We are asking how it stands with your turn.')
    return sight('turn', 'It’s your turn', ADMITTED_TEXT, { facts: [`${clockText(at.pass_left_ms)} left to reserve.`] })
  }
  if (stand.status === 'sold_out') {
    return sight(
      'stop',
      'Sold out',
      'Everything was sold before your turn came. You owe nothing, and there is no need to wait on.',
    )
  }
  if (at.phase === 'ended') return sight('stop', 'The sale is over', 'It ended before your turn came. You owe nothing.')
  return sight(
    'stop',
    'Your turn has passed',
    'Your turn was not used in its time, so the place went to the next in line.',
    {
      button: 'Join the queue again',
      enabled: true,
    },
  )
}
