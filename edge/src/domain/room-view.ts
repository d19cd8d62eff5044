// What a worker knows of a sale's waiting room without asking: where the front was, from the last answer that went by.
//
// The front moves at a bounded speed, so how far it can have come since is known too: for those who are surely behind it no round
// trip is needed, and they are told to come back no later than the waiting room itself would say.

import type { WaitingRoomSettings } from '../../../contract/gate-settings'
import { CHECKOUT_MS } from '../../../contract/pass'
import { type AdmissionTerms, FAR_POLL_MS, frontSpeed, lookahead, measuredSpeed } from './waiting'

/** How old what is told may be without asking again. */
export const VIEW_FRESH_MS = 1000

export interface RoomView {
  settings: WaitingRoomSettings
  terms: AdmissionTerms
  /** of the sale, when this was learnt; −1: nothing is known */
  epoch: number
  front: number
  credit: number
  called: number
  in_checkout: number
  issued: number
  /** Redis' clock at that moment */
  at_ms: number
  /** this node's clock */
  seen_ms: number
  /** numbers a second that the front moves by */
  speed_per_s: number
}

export function newRoomView(settings: WaitingRoomSettings): RoomView {
  return {
    settings,
    terms: termsOf(settings),
    epoch: -1,
    front: 0,
    credit: 0,
    called: 0,
    in_checkout: 0,
    issued: 0,
    at_ms: 0,
    seen_ms: 0,
    speed_per_s: settings.admit_per_s,
  }
}

// by sale id; bounded by the sales there are. Shared by the plugins of a worker
const views: Record<string, RoomView | undefined> = {}

/** What this worker knows of a sale's room; what it knew under other settings is kept, but for the terms. */
export function knownRoom(sale: string, settings: WaitingRoomSettings): RoomView {
  let view = views[sale]
  if (view === undefined) {
    view = newRoomView(settings)
    views[sale] = view
  } else if (view.settings !== settings) {
    view.settings = settings
    view.terms = termsOf(settings)
  }
  return view
}

export function termsOf(settings: WaitingRoomSettings): AdmissionTerms {
  return {
    rate_per_s: settings.admit_per_s,
    rate_now_per_s: settings.admit_per_s,
    checkout_max: settings.checkout_max,
    pass_ms: CHECKOUT_MS,
  }
}

/** What any answer of the room tells. */
interface RoomNews {
  now_ms: number
  front: number
  credit: number
  called: number
}

/** Learns from an answer; false for one that is older than what is known. */
export function learnRoom(view: RoomView, news: RoomNews, epoch: number, seen_ms: number): boolean {
  if (epoch < view.epoch || (epoch === view.epoch && news.now_ms < view.at_ms)) return false
  // the first look, and the one after a rebuild, say nothing about speed
  if (epoch === view.epoch && view.at_ms > 0) {
    view.speed_per_s = measuredSpeed(view.speed_per_s, news.front - view.front, news.now_ms - view.at_ms)
  }
  view.epoch = epoch
  view.front = news.front
  view.credit = news.credit
  view.called = news.called
  view.at_ms = news.now_ms
  view.seen_ms = seen_ms
  return true
}

/** Numbers by which the front can have moved at once since it was seen. */
function reachOf(view: RoomView, now_ms: number): number {
  const since_ms = Math.max(0, now_ms - view.seen_ms)
  return view.credit + Math.ceil((frontSpeed(view.terms) * since_ms) / 1000)
}

/**
 * How far a number surely is behind the front; 0 when the room must be asked. It keeps a look-ahead's distance from the front,
 * where places come up.
 */
export function surelyBehind(view: RoomView, epoch: number, number: number, now_ms: number): number {
  if (view.epoch !== epoch || now_ms - view.seen_ms > VIEW_FRESH_MS || now_ms < view.seen_ms) return 0
  const behind = number - view.front - reachOf(view, now_ms)
  return behind > lookahead(view.terms) ? behind : 0
}

/** People who wait, as far as this worker has heard within a minute; −1 when it has not. */
export function waitingPeople(view: RoomView, epoch: number, now_ms: number): number {
  if (view.epoch !== epoch || now_ms - view.seen_ms > FAR_POLL_MS) return -1
  return Math.max(0, view.issued - view.front) + view.called
}
