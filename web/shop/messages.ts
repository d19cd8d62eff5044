// Every refusal, state and stage in plain and kind words: what happened, what it means for the shopper's money
// and goods, and what to do next.
import type { RefusalCode, ReservationStatus, SalePhase } from '../../contract/codes'
import type { Left } from './wire'

export interface Words {
  title: string
  text: string
}

export const REFUSAL_WORDS: Record<RefusalCode, Words> = {
  not_open: {
    title: 'Not open yet',
    text: 'The sale starts in a moment. We are counting with the shop’s clock and will try again for you.',
  },
  sold_out: {
    title: 'Sold out',
    text: 'Every single one has been sold. Nothing was reserved for you and you owe nothing.',
  },
  all_held: {
    title: 'All held at the moment',
    text: 'Everything left is held for people who are about to pay. What they don’t pay for comes back here.',
  },
  not_enough_left: {
    title: 'Fewer are left',
    text: 'There are not as many left as you asked for. Choose a smaller quantity and try again.',
  },
  limit_reached: {
    title: 'You have your share',
    text: 'You already hold as many as one buyer may have, so that there is enough for others. You find them under “Yours”.',
  },
  key_reused: {
    title: 'That was an earlier request',
    text: 'This page mixed up two of your requests. Nothing new was reserved; please press the button once more.',
  },
  rate_limited: {
    title: 'A short breather',
    text: 'Many requests came from here in a short time. We keep your request and try again for you.',
  },
  busy: {
    title: 'Very busy right now',
    text: 'A lot of people are buying at this moment. We keep your request and try again for you.',
  },
  unavailable: {
    title: 'The shop did not answer',
    text: 'We ask again, safely: you can never get it twice by this.',
  },
  rebuilding: {
    title: 'Counting the stock again',
    text: 'The shop is checking its stock, which takes a few seconds. Reservations that were confirmed stay yours.',
  },
  paused: {
    title: 'The sale is paused',
    text: 'The shop has paused the sale for now. Stay on this page: the button comes back by itself.',
  },
  ended: {
    title: 'The sale is over',
    text: 'The sale has ended. What you reserved before stays under “Yours”.',
  },
  already_paid: {
    title: 'Already paid',
    text: 'This one is paid for and yours, so it can’t be given back or paid again here.',
  },
  conflict: {
    title: 'Something else came first',
    text: 'What you asked for does not fit what has happened meanwhile. Have a look at the present state and try again.',
  },
  too_large: {
    title: 'Too large to send',
    text: 'The request was larger than the shop accepts. Please reload the page; if you typed a very long name, use a shorter one.',
  },
  bad_request: {
    title: 'The shop did not understand',
    text: 'Something in the request was not right. Please reload the page and try again.',
  },
  no_session: {
    title: 'Please sign in',
    text: 'You are not signed in, or you were signed out after a while. Sign in and go on where you were.',
  },
  session_replaced: {
    title: 'You signed in somewhere else',
    text: 'Your account was signed in on another device or window, and only the newest may buy. Sign in here to go on.',
  },
  pass_required: {
    title: 'Your turn has not come yet',
    text: 'This sale lets people in one after another. Take a place in the line above; the page goes on by itself when it is your turn.',
  },
  proof_required: {
    title: 'One more check',
    text: 'The shop wants your device to do a short check first, or you to wait a little instead. Press the button again, or choose to wait.',
  },
  signature_required: {
    title: 'Please sign in again',
    text: 'Purchases here are signed with a key that this browser does not have. Sign in again to get it; nothing you hold is lost.',
  },
  refused: {
    title: 'We can’t sell to you here',
    text: 'The shop’s protection has refused this request. If you think that is a mistake, tell the shop the reference below.',
  },
  level_required: {
    title: 'For members',
    text: 'This sale is for a membership level that your account does not have.',
  },
  not_found: {
    title: 'Not found',
    text: 'The shop does not know this, or it is not yours. Check the address, or start from the list of sales.',
  },
  method_not_allowed: {
    title: 'Please reload',
    text: 'This page asked in a way the shop does not know any more. Reload it and try again.',
  },
  bad_credentials: {
    title: 'That did not match',
    text: 'The name or the secret is not right. Please check both and try again.',
  },
  unsupported_media_type: {
    title: 'Please reload',
    text: 'This page asked in a way the shop does not know any more. Reload it and try again.',
  },
  internal: {
    title: 'A fault of ours',
    text: 'Something broke on our side, not yours. We ask again, safely: you can never get it twice by this.',
  },
}

export const LOST_WORDS: Words = {
  title: 'No answer yet',
  text: 'The connection broke, so we don’t know whether your request arrived. We ask again, safely: you can never get it twice by this.',
}

export const UNKNOWN_WORDS: Words = {
  title: 'We still don’t know',
  text: 'The shop could not be reached. Check your connection, then press the button: it asks about the same request, so you can never get it twice by this.',
}

export const RESUMED_WORDS: Words = {
  title: 'Picking up where you were',
  text: 'Your last request had no answer when the page was closed. We are asking what became of it.',
}

interface PhaseWords {
  /** a word or two, for the chip */
  short: string
  long: string
}

export const PHASE_WORDS: Record<SalePhase, PhaseWords> = {
  upcoming: { short: 'Upcoming', long: 'The button switches itself on at the opening. No need to reload.' },
  open: { short: 'Open now', long: 'First come, first served.' },
  all_held: {
    short: 'All held',
    long: 'Everything left is held for people who are paying. Stay here: what they don’t pay for comes back by itself.',
  },
  sold_out: { short: 'Sold out', long: 'Every single one has been sold. Thank you for coming.' },
  paused: { short: 'Paused', long: 'The shop has paused the sale. Stay here: the button comes back by itself.' },
  rebuilding: {
    short: 'One moment',
    long: 'The stock is being counted again, which takes a few seconds. What is confirmed stays yours.',
  },
  ended: { short: 'Ended', long: 'This sale is over.' },
}

export const STATUS_WORDS: Record<ReservationStatus, PhaseWords> = {
  held: {
    short: 'Held',
    long: 'Taken out of the stock for you and being confirmed. This takes a moment; you may even close the page.',
  },
  confirmed: { short: 'Confirmed', long: 'It is yours if you pay in time.' },
  paid: { short: 'Paid', long: 'Thank you. It is paid for and yours.' },
  expired: {
    short: 'Time ran out',
    long: 'It was not paid in time and went back on sale. If a payment of yours is still on its way, it is honoured or sent back in full.',
  },
  cancelled: { short: 'Given back', long: 'You gave it back, and you owe nothing.' },
  void: { short: 'Not confirmed', long: 'The shop could not confirm this one. We are sorry. You owe nothing.' },
  refunded: {
    short: 'Refunded',
    long: 'Your payment came too late to keep it, and your money is on its way back in full.',
  },
}

/** '' where the gate says nothing: without end, or not known yet. Only what is known is said. */
export function leftWords(left: Left): string {
  if (left === null) return ''
  if (left === 'many') return 'Plenty left'
  if (left === 'few') return 'Only a few left'
  if (left === 'none' || left === 0) return 'None left'
  return `${left.toLocaleString('en-GB')} left`
}
