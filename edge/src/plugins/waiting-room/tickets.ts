// Tickets: one is taken, and asked how it stands.

import type { FollowedSale } from '../../../../contract/followed-sale'
import type { WaitingRoomSettings } from '../../../../contract/gate-settings'
import { admissionKey, admittedKey, calledKey, calledUntilKey, checkoutKey, metaKey } from '../../../../contract/keys'
import { PASS_MARGIN_MS } from '../../../../contract/pass'
import { DRAW_NUMBER } from '../../../../contract/ticket'
import { farPollMs } from '../../domain/degradation'
import { parseEntered, pollAfterEntering } from '../../domain/drawing'
import { knownRoom, learnRoom, type RoomView, surelyBehind } from '../../domain/room-view'
import { phaseOf, STOCK_FRESH_MS } from '../../domain/stock'
import {
  type Admitting,
  admittingIn,
  type Chance,
  chanceOf,
  etaSeconds,
  FAR_POLL_MS,
  pollAfterCalled,
  pollAfterOpening,
  pollAfterRebuilding,
  pollAfterWaiting,
  SOON_POLL_MS,
} from '../../domain/waiting'
import { packClaim, packNumber, parseClaimed, parseTaken } from '../../domain/waiting-wire'
import type { LaneResult } from '../../kernel/lane'
import type { Ports } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import type { KnownSale } from '../../kernel/sales'
import type { Infer } from '../../kernel/schema'
import { refuse, type Verdict } from '../../kernel/verdict'
import { takenAnswer, ticketAnswer } from './answers'
import { askDraw, entrantOf, withDraw } from './draws'
import { roomRefusal } from './lane-failure'
import type { schema } from './schema'
import { makePass, makeTicket, readTicket } from './tokens'

const PASS_BYTES = 16
/** While the ledger lends more numbers, newcomers are held back this often and this long before they are told to come again. */
const NUMBER_TRIES = 5
const NUMBER_TRY_MS = 200

interface TicketDesk {
  take: (this: void, request: GateRequest, known: KnownSale, settings: WaitingRoomSettings) => Verdict
  poll: (this: void, request: GateRequest, known: KnownSale, settings: WaitingRoomSettings) => Verdict
}

/** How it stands with a sale at this moment, for those who wait. */
type Standing = Admitting | 'upcoming' | 'rebuilding'

export function ticketDesk(config: Infer<typeof schema>, ports: Ports): TicketDesk {
  const { crypto, lane } = ports

  function farMs(): number {
    return farPollMs(ports.degrade(), FAR_POLL_MS)
  }

  function standingOf(known: KnownSale, request: GateRequest): Standing {
    const phase = phaseOf(known.sale, known.board, request.redis_now_ms)
    if (phase === 'rebuilding') return 'rebuilding'
    if (phase === 'upcoming') {
      const wait_ms = known.sale.opens_ms - request.redis_now_ms
      return known.sale.state === 'draft' || wait_ms > config.open_margin_ms ? 'upcoming' : 'yes'
    }
    // what was gone a while ago may have come back
    if (phase === 'sold_out' && request.now_ms - known.board.seen_ms > STOCK_FRESH_MS) return 'later'
    return admittingIn(phase)
  }

  function chanceFor(known: KnownSale, ahead: number, now_ms: number): Chance | undefined {
    const { board, sale } = known
    if (board.epoch !== sale.epoch || now_ms - board.seen_ms > STOCK_FRESH_MS) return undefined
    let left = 0
    let unpaid = 0
    let user_max = 1
    for (const sku of sale.skus) {
      const stock = board.skus[sku.sku]
      if (stock === undefined) return undefined
      if (stock.free < 0) return 'good'
      left += stock.free
      unpaid += stock.unpaid
      user_max = Math.max(user_max, sku.user_max)
    }
    return chanceOf(left, unpaid, ahead, user_max)
  }

  /** `entrant`: '' where the sale has no draw. */
  function askNumber(sale: FollowedSale, entrant: string): LaneResult {
    if (entrant !== '') return askDraw(ports, sale, entrant)
    const channel = 'take-number ' + sale.id + '.' + sale.epoch
    const keys = [metaKey(sale.id, 0), admissionKey(sale.id), calledKey(sale.id)]
    return lane.ask('take-number', channel, keys, packNumber(sale.epoch), sale.redis_replid)
  }

  function takeNumber(sale: FollowedSale, entrant: string): LaneResult {
    let result = askNumber(sale, entrant)
    for (let i = 1; i < NUMBER_TRIES && result.line === 'no_numbers'; i++) {
      ports.count('no_numbers')
      ports.sleep(NUMBER_TRY_MS)
      result = askNumber(sale, entrant)
    }
    return result
  }

  function newTicket(sale: FollowedSale, user: string, number: number, now_ms: number): string {
    const expires_ms = Math.max(now_ms, sale.opens_ms) + config.ticket_valid_s * 1000
    return makeTicket(crypto, sale.id, user, number, now_ms, expires_ms)
  }

  function take(request: GateRequest, known: KnownSale, settings: WaitingRoomSettings): Verdict {
    const sale = known.sale
    if (sale.state === 'draft') return refuse('not_open', 'The waiting room is not open yet.')
    const standing = standingOf(known, request)
    if (standing === 'sold_out') return refuse('sold_out', 'Everything is sold and paid for.')
    if (standing === 'expired') return refuse('ended', 'The sale has ended.')
    const entrant = settings.draw ? entrantOf(crypto, sale, request.user) : ''
    const result = takeNumber(sale, entrant)
    if (result.line === undefined) return roomRefusal(result, ports, config.retry_after_ms)
    const entered = parseEntered(result.line)
    if (entered !== undefined) {
      ports.count('entries')
      const ticket = newTicket(sale, request.user, DRAW_NUMBER, entered.now_ms)
      const answer = takenAnswer(ticket, undefined, pollAfterEntering(entered, ports.chance()))
      return withDraw(answer, entrant, entered, '')
    }
    const taken = parseTaken(result.line)
    if (taken === undefined) return { kind: 'store_failure', detail: 'take-number said what it never says' }
    // the draw was switched off, and the room has yet to hear of it
    if (taken === 'draw') return refuse('not_open', 'The waiting room is not open yet.')
    if (taken === 'no_numbers')
      return roomRefusal({ failure: 'busy', limit: 'issued_max' }, ports, config.retry_after_ms)
    if (typeof taken === 'string') return roomRefusal(result, ports, config.retry_after_ms)
    const view = knownRoom(sale.id, settings)
    // the rank of an entrant who has lost the ticket is not the newest number
    if (learnRoom(view, taken, sale.epoch, request.now_ms)) view.issued = Math.max(view.issued, taken.number)
    ports.count('numbers')
    const ticket = newTicket(sale, request.user, taken.number, taken.now_ms)
    const distance = taken.number - taken.front
    const poll_after_ms =
      standing === 'upcoming'
        ? pollAfterOpening(view.terms, taken.number, Math.max(0, sale.opens_ms - taken.now_ms))
        : pollAfterWaiting(view.terms, taken.number, distance, taken.credit, farMs())
    const answer = takenAnswer(ticket, Math.max(0, distance) + taken.called, poll_after_ms)
    return entrant === '' ? answer : withDraw(answer, entrant, undefined, '')
  }

  /** `ahead`: people before this one. */
  function waiting(
    known: KnownSale,
    view: RoomView,
    standing: Standing,
    ahead: number,
    poll_after_ms: number,
    now_ms: number,
  ): Verdict {
    const eta_s = standing === 'yes' ? etaSeconds(ahead, view.speed_per_s) : undefined
    const chance = chanceFor(known, ahead + view.in_checkout, now_ms)
    return ticketAnswer('waiting', ahead + 1, eta_s, chance, poll_after_ms, '')
  }

  function upcoming(known: KnownSale, view: RoomView, number: number, request: GateRequest): Verdict {
    const wait_ms = Math.max(0, Math.ceil(known.sale.opens_ms - request.redis_now_ms))
    const poll_after_ms = pollAfterOpening(view.terms, number, wait_ms)
    const chance = chanceFor(known, number, request.now_ms)
    return ticketAnswer('waiting', number, undefined, chance, poll_after_ms, '')
  }

  /**
   * An entrant of the draw, whose ticket has no number: until the draw is made nobody has a place. Asking enters again what Redis may
   * have lost. After the draw the answer brings a ticket with the rank as its number, so that it is looked up but once.
   */
  function pollEntrant(known: KnownSale, view: RoomView, standing: Standing, request: GateRequest): Verdict {
    const sale = known.sale
    const entrant = entrantOf(crypto, sale, request.user)
    const result = takeNumber(sale, entrant)
    if (result.failure === 'rebuilding' || result.line === 'rebuilding') return rebuilding(someNumber())
    if (result.line === undefined) return roomRefusal(result, ports, config.retry_after_ms)
    const entered = parseEntered(result.line)
    if (entered !== undefined) {
      const chance = chanceFor(known, entered.entrants, request.now_ms)
      const poll_after_ms = pollAfterEntering(entered, ports.chance())
      const answer = ticketAnswer('waiting', undefined, undefined, chance, poll_after_ms, '')
      return withDraw(answer, entrant, entered, '')
    }
    const taken = parseTaken(result.line)
    if (taken === undefined) return { kind: 'store_failure', detail: 'draw-ticket said what it never says' }
    if (typeof taken === 'string') {
      return roomRefusal({ failure: 'busy', limit: 'issued_max' }, ports, config.retry_after_ms)
    }
    ports.count('ranks')
    const verdict =
      standing === 'upcoming'
        ? upcoming(known, view, taken.number, request)
        : pollNumber(request, known, view, standing, taken.number)
    if (verdict.kind !== 'answer') return verdict
    return withDraw(verdict, entrant, undefined, newTicket(sale, request.user, taken.number, taken.now_ms))
  }

  /** In place of a number, for those who have none: they do not all ask again at once. */
  function someNumber(): number {
    return Math.floor(ports.chance() * 1000)
  }

  function claimFor(sale: FollowedSale, standing: Standing, pass_id: string, number: number, user: string): LaneResult {
    const keys = [
      metaKey(sale.id, 0),
      admissionKey(sale.id),
      calledKey(sale.id),
      calledUntilKey(sale.id),
      admittedKey(sale.id),
      checkoutKey(sale.id),
    ]
    const item = packClaim(sale.epoch, standing === 'yes', pass_id, number, crypto.byteLength(user), user)
    ports.count('claims')
    return lane.ask('claim', 'claim ' + sale.id + '.' + sale.epoch, keys, item, sale.redis_replid)
  }

  function pollNumber(
    request: GateRequest,
    known: KnownSale,
    view: RoomView,
    standing: Standing,
    number: number,
  ): Verdict {
    const sale = known.sale
    const behind = surelyBehind(view, sale.epoch, number, request.now_ms)
    if (behind > 0) {
      ports.count('polls_from_memory')
      const poll_after_ms = pollAfterWaiting(view.terms, number, behind, 0, farMs())
      return waiting(known, view, standing, view.called + number - view.front - 1, poll_after_ms, request.now_ms)
    }
    const pass_id = crypto.random(PASS_BYTES)
    const result = claimFor(sale, standing, pass_id, number, request.user)
    if (result.failure === 'rebuilding' || result.line === 'rebuilding') return rebuilding(number)
    if (result.line === undefined) return roomRefusal(result, ports, config.retry_after_ms)
    const claimed = parseClaimed(result.line)
    if (claimed === undefined) return { kind: 'store_failure', detail: 'claim said what it never says' }
    if (claimed.status === 'expired') return ended('expired')
    if (claimed.status === 'not_open') return upcoming(known, view, number, request)
    if (claimed.status === 'admitted') {
      if (claimed.pass_id === pass_id) ports.count('admitted')
      return admitted(request, known, claimed.pass_id, claimed.expires_ms)
    }
    if (learnRoom(view, claimed, sale.epoch, request.now_ms)) {
      view.in_checkout = claimed.in_checkout
      view.issued = claimed.issued
    }
    const distance = number - claimed.front
    const poll_after_ms =
      distance > 0
        ? pollAfterWaiting(view.terms, number, distance, claimed.credit, farMs())
        : pollAfterCalled(view.terms, claimed.ahead, claimed.free)
    return waiting(known, view, standing, claimed.ahead, poll_after_ms, request.now_ms)
  }

  function admitted(request: GateRequest, known: KnownSale, pass_id: string, place_ends_ms: number): Verdict {
    const left_ms = Math.floor(place_ends_ms - PASS_MARGIN_MS - request.redis_now_ms)
    // the pass is over and the place not yet: what comes next is known when it is
    if (left_ms <= 0) return ticketAnswer('waiting', undefined, undefined, undefined, SOON_POLL_MS, '')
    const pass = makePass(crypto, known.sale.id, request.user, pass_id, place_ends_ms)
    const chance = chanceFor(known, 0, request.now_ms)
    return ticketAnswer('admitted', 0, 0, chance, Math.min(FAR_POLL_MS, left_ms), pass)
  }

  function rebuilding(number: number): Verdict {
    return ticketAnswer('waiting', undefined, undefined, undefined, pollAfterRebuilding(number), '')
  }

  function ended(status: 'sold_out' | 'expired'): Verdict {
    return ticketAnswer(status, undefined, undefined, 'none', FAR_POLL_MS, '')
  }

  function poll(request: GateRequest, known: KnownSale, settings: WaitingRoomSettings): Verdict {
    const sale = known.sale
    const ticket = readTicket(crypto, request.route.ticket ?? '', sale.id, request.user)
    if (typeof ticket === 'string') return refuse('not_found', 'ticket: ' + ticket)
    ports.count('polls')
    const standing = standingOf(known, request)
    if (standing === 'sold_out' || standing === 'expired') return ended(standing)
    if (ticket.expires_ms <= request.redis_now_ms) return ended('expired')
    if (standing === 'rebuilding') {
      return rebuilding(ticket.number === DRAW_NUMBER ? someNumber() : ticket.number)
    }
    const view = knownRoom(sale.id, settings)
    if (ticket.number === DRAW_NUMBER) return pollEntrant(known, view, standing, request)
    if (standing === 'upcoming') return upcoming(known, view, ticket.number, request)
    return pollNumber(request, known, view, standing, ticket.number)
  }

  return { take, poll }
}
