import { describe, expect, it } from 'vitest'
import { unsignedPass } from '../../../../contract/pass'
import { unsignedTicket } from '../../../../contract/ticket'
import { type FakeGate, fakeGate, knownSale, markOf, requestTo, said } from '../../../spec/fake-ports'
import { runChain } from '../../kernel/chain'
import type { GateRequest } from '../../kernel/request'
import { waitingRoom } from './index'

const SETTINGS = { ticket_valid_s: 3600, open_margin_ms: 100, retry_after_ms: 1000 }
const ROOM = { admit_per_s: 10, checkout_max: 50, draw: false }
const PASS_ID = 'abcdefghijklmnopqrstuv'

let sales = 0

/** Each gate has a sale of its own: what a worker knows of a room is kept by sale. */
function gateWithRoom(): FakeGate {
  const gate = fakeGate()
  sales += 1
  gate.known = knownSale({ id: 'sale' + sales, gate: { waiting_room: ROOM } })
  gate.known.board = { stock_version: 1, epoch: 2, seen_ms: 5000, skus: { shoe: { free: 5, unpaid: 0 } } }
  return gate
}

function idOf(gate: FakeGate): string {
  return gate.known === undefined ? '' : gate.known.sale.id
}

function requestFor(gate: FakeGate, name: 'take_ticket' | 'ticket' | 'reserve', ticket: string): GateRequest {
  const request = requestTo(name, idOf(gate), name === 'ticket' ? 'GET' : 'POST')
  request.route.ticket = ticket
  request.now_ms = 5000
  request.redis_now_ms = 5000
  return request
}

function run(gate: FakeGate, request: GateRequest): string {
  return said(waitingRoom.create(SETTINGS as never, gate.ports).access(request))
}

function ticketOf(sale: string, user: string, number: number, expires_ms: number): string {
  const unsigned = unsignedTicket('k1', sale, user, number, 4000, expires_ms)
  return unsigned + '.' + markOf('ticket' + unsigned)
}

function passOf(sale: string, user: string, expires_ms: number): string {
  const unsigned = unsignedPass('k1', sale, user, PASS_ID, expires_ms)
  return unsigned + '.' + markOf('pass' + unsigned)
}

function poll(gate: FakeGate, number: number): string {
  return run(gate, requestFor(gate, 'ticket', ticketOf(idOf(gate), 'ada', number, 9000)))
}

function buy(gate: FakeGate, pass: string | undefined): string {
  gate.headers['x_rush_pass'] = pass
  gate.headers['idempotency_key'] = 'key-1'
  const request = requestFor(gate, 'reserve', '')
  const answer = run(gate, request)
  return answer + (request.pass_id === '' ? '' : ' ' + request.pass_id)
}

describe('a ticket', () => {
  it('is taken by number, and says when to ask', () => {
    const gate = gateWithRoom()
    gate.lane_result = { line: 'number 12 4999 5 150 3' }
    const sale = idOf(gate)
    expect(run(gate, requestFor(gate, 'take_ticket', ''))).toBe(
      '201 {"ticket":"' + ticketAt(sale) + '","place":10,"poll_after_ms":3000}',
    )
    expect(gate.asked[0]).toContain('ask take-number take-number ' + sale + '.2 ')
  })

  it('is not to be had where there is no room, or nothing to wait for', () => {
    const gate = gateWithRoom()
    const request = requestFor(gate, 'take_ticket', '')
    gate.lane_result = { line: 'rebuilding' }
    expect(run(gate, request)).toBe('rebuilding')
    gate.lane_result = { failure: 'unavailable' }
    expect(run(gate, request)).toBe('unavailable')
    gate.lane_result = { failure: 'busy', limit: 'lane.queue_max' }
    expect(run(gate, request)).toBe('busy')
    if (gate.known !== undefined) gate.known.board.skus = { shoe: { free: 0, unpaid: 0 } }
    expect(run(gate, request)).toBe('sold_out')
    gate.known = knownSale({ id: idOf(gate), gate: { waiting_room: ROOM }, state: 'ended' })
    expect(run(gate, request)).toBe('ended')
    gate.known = knownSale({ id: idOf(gate), gate: { waiting_room: ROOM }, state: 'draft' })
    expect(run(gate, request)).toBe('not_open')
    gate.known = knownSale({ id: idOf(gate) })
    expect(run(gate, request)).toBe('not_found')
    gate.known = undefined
    expect(run(gate, request)).toBe('not_found')
    gate.is_ready = false
    expect(run(gate, request)).toBe('unavailable')
  })

  it('waits a moment while the ledger lends numbers', () => {
    const gate = gateWithRoom()
    gate.lane_result = { line: 'no_numbers' }
    expect(run(gate, requestFor(gate, 'take_ticket', ''))).toBe('busy')
    expect(gate.slept_ms).toBe(800)
  })

  it('of another key, user or sale, changed or cut off is none', () => {
    const gate = gateWithRoom()
    const sale = idOf(gate)
    const good = ticketOf(sale, 'ada', 7, 9000)
    const bad = [
      good.substring(0, good.length - 1),
      good + 'x',
      'x',
      '',
      ticketOf(sale, 'eve', 7, 9000),
      ticketOf('other', 'ada', 7, 9000),
      good.substring(0, good.length - 43) + markOf('pass' + good.substring(0, good.length - 44)),
      't1.k2' + good.substring(5),
      passOf(sale, 'ada', 9000),
    ]
    for (const ticket of bad) expect(run(gate, requestFor(gate, 'ticket', ticket))).toBe('not_found')
    expect(gate.asked.length).toBe(0)
  })
})

function ticketAt(sale: string): string {
  return ticketOfAt(sale, 12, 4999, 4999 + 3600000)
}

function ticketOfAt(sale: string, number: number, issued_ms: number, expires_ms: number): string {
  const unsigned = unsignedTicket('k1', sale, 'ada', number, issued_ms, expires_ms)
  return unsigned + '.' + markOf('ticket' + unsigned)
}

describe('a poll', () => {
  it('says how it stands', () => {
    const gate = gateWithRoom()
    gate.lane_result = { line: 'waiting 3 5000 20 7 0 12 2 100' }
    expect(poll(gate, 9)).toBe('200 {"status":"waiting","place":4,"eta_s":1,"chance":"slim","poll_after_ms":1000}')
    gate.lane_result = { line: 'expired' }
    expect(poll(gate, 9)).toContain('"status":"expired"')
    gate.lane_result = { line: 'rebuilding' }
    expect(poll(gate, 9)).toContain('{"status":"waiting","place":null,"eta_s":null,')
    gate.lane_result = { failure: 'rebuilding' }
    expect(poll(gate, 9)).toContain('{"status":"waiting","place":null,"eta_s":null,')
    gate.lane_result = { failure: 'unavailable' }
    expect(poll(gate, 9)).toBe('unavailable')
  })

  it('gives the pass that the room gave', () => {
    const gate = gateWithRoom()
    gate.lane_result = { line: 'admitted ' + PASS_ID + ' 65000' }
    expect(poll(gate, 9)).toBe(
      '200 {"status":"admitted","place":0,"eta_s":0,"chance":"good","poll_after_ms":55000,"pass":"' +
        passOf(idOf(gate), 'ada', 60000) +
        '"}',
    )
    // the place is kept a little longer than the pass is good for
    gate.lane_result = { line: 'admitted ' + PASS_ID + ' 9999' }
    expect(poll(gate, 9)).toContain('"status":"waiting"')
  })

  it('far behind the front asks nobody', () => {
    const gate = gateWithRoom()
    gate.lane_result = { line: 'waiting 3 5000 20 7 0 12 2 5000' }
    poll(gate, 9)
    expect(gate.asked.length).toBe(1)
    expect(poll(gate, 4000)).toContain('{"status":"waiting","place":3992,')
    expect(gate.asked.length).toBe(1)
    poll(gate, 100)
    expect(gate.asked.length).toBe(2)
  })

  it('says at once that all is gone, and nothing of the kind while something may come back', () => {
    const gate = gateWithRoom()
    gate.lane_result = { line: 'waiting 3 5000 20 7 0 12 2 5000' }
    const board = gate.known === undefined ? undefined : gate.known.board
    if (board !== undefined) board.skus = { shoe: { free: 0, unpaid: 0 } }
    expect(poll(gate, 9)).toContain('{"status":"sold_out","place":null,"eta_s":null,"chance":"none"')
    expect(gate.asked.length).toBe(0)
    if (board !== undefined) board.skus = { shoe: { free: 0, unpaid: 1 } }
    expect(poll(gate, 9)).toContain('{"status":"waiting","place":4,"eta_s":null,"chance":"waiting_for_returns"')
    // news of more than a second ago is not said to be so
    if (board !== undefined) {
      board.skus = { shoe: { free: 0, unpaid: 0 } }
      board.seen_ms = 3000
    }
    expect(poll(gate, 9)).toContain('{"status":"waiting","place":4,')
  })

  it('before the opening needs no Redis', () => {
    const gate = gateWithRoom()
    const request = requestFor(gate, 'ticket', ticketOf(idOf(gate), 'ada', 5, 9000))
    request.redis_now_ms = 500
    expect(run(gate, request)).toContain('{"status":"waiting","place":5,"eta_s":null,')
    expect(gate.asked.length).toBe(0)
    request.redis_now_ms = 950
    gate.lane_result = { line: 'not_open' }
    expect(run(gate, request)).toContain('"poll_after_ms":550}')
    expect(gate.asked.length).toBe(1)
  })

  it('with an expired ticket, or after the end, says so', () => {
    const gate = gateWithRoom()
    expect(run(gate, requestFor(gate, 'ticket', ticketOf(idOf(gate), 'ada', 5, 5000)))).toContain('"expired"')
    gate.known = knownSale({ id: idOf(gate), gate: { waiting_room: ROOM }, state: 'ended' })
    expect(poll(gate, 5)).toContain('"status":"expired"')
  })
})

describe('a purchase', () => {
  it('needs no pass where there is no room', () => {
    const gate = fakeGate()
    expect(run(gate, requestTo('reserve', 'spring', 'POST'))).toBe('nothing')
    gate.known = undefined
    expect(run(gate, requestTo('reserve', 'spring', 'POST'))).toBe('nothing')
  })

  it('spends the pass that it brings', () => {
    const gate = gateWithRoom()
    const sale = idOf(gate)
    expect(buy(gate, passOf(sale, 'ada', 5001))).toBe('nothing ' + PASS_ID)
    expect(gate.asked.length).toBe(0)
    const good = passOf(sale, 'ada', 9000)
    expect(buy(gate, undefined)).toBe('pass_required')
    const bad = [
      'x',
      good.substring(0, good.length - 1),
      good + 'x',
      passOf(sale, 'eve', 9000),
      passOf('other', 'ada', 9000),
      'p1.k2' + good.substring(5),
      ticketOf(sale, 'ada', 7, 9000),
    ]
    for (const pass of bad) expect(buy(gate, pass)).toBe('pass_required')
    expect(gate.asked.length).toBe(0)
  })

  it('with an expired pass is answered when it was made before', () => {
    const gate = gateWithRoom()
    const old = passOf(idOf(gate), 'ada', 5000)
    gate.lane_result = { line: 'unknown' }
    expect(buy(gate, old)).toBe('pass_required')
    gate.lane_result = { line: 'known' }
    expect(buy(gate, old)).toBe('nothing ' + PASS_ID)
    gate.lane_result = { line: 'rebuilding' }
    expect(buy(gate, old)).toBe('rebuilding')
    gate.lane_result = { failure: 'unknown' }
    expect(buy(gate, old)).toBe('unavailable')
    expect(gate.asked[0]).toContain('ask is-reserved is-reserved ' + idOf(gate) + '.0.2 ')
  })

  it('that is a marked retry is looked for without a pass too', () => {
    const gate = gateWithRoom()
    gate.headers['x_rush_retry'] = '1'
    gate.lane_result = { line: 'known' }
    expect(buy(gate, undefined)).toBe('nothing')
    gate.lane_result = { line: 'unknown' }
    expect(buy(gate, undefined)).toBe('pass_required')
    // what is forged is not a retry's business
    gate.lane_result = { line: 'known' }
    expect(buy(gate, 'x')).toBe('pass_required')
  })

  it('with a pass from before the room was made anew needs a new one', () => {
    const gate = gateWithRoom()
    gate.lane_result = { line: 'unknown' }
    const change = { id: idOf(gate), gate: { waiting_room: ROOM } }
    gate.known = knownSale({ ...change, waiting_since_ms: 4000 })
    expect(buy(gate, passOf(idOf(gate), 'ada', 4000 + 115000))).toBe('nothing ' + PASS_ID)
    expect(buy(gate, passOf(idOf(gate), 'ada', 4000 + 114999))).toBe('pass_required')
    gate.lane_result = { line: 'known' }
    expect(buy(gate, passOf(idOf(gate), 'ada', 4000 + 114999))).toBe('nothing ' + PASS_ID)
  })
})

describe('a draw', () => {
  const ENTRANT = '"entrant":"m'

  function gateWithDraw(): FakeGate {
    const gate = gateWithRoom()
    const room = { admit_per_s: 10, checkout_max: 50, draw: true }
    if (gate.known !== undefined) gate.known.sale.gate = { waiting_room: room }
    return gate
  }

  it('is entered by taking a ticket, which has no number yet', () => {
    const gate = gateWithDraw()
    gate.lane_result = { line: 'entered 5000 15000 300' }
    const answer = run(gate, requestFor(gate, 'take_ticket', ''))
    expect(answer).toContain('201 {"ticket":"t1.k1.' + idOf(gate) + '.ada.0.5000.')
    expect(answer).toContain('"poll_after_ms":10503,"entrant":"m')
    expect(answer).toContain('","draw":"entered","entrants":300}')
    expect(gate.asked[0]).toContain('ask draw-ticket draw-ticket ' + idOf(gate) + '.2 ')
  })

  it('says that one is in it, and that it is being made, and then the place', () => {
    const gate = gateWithDraw()
    gate.lane_result = { line: 'entered 5000 15000 3' }
    const answer = poll(gate, 0)
    expect(answer).toContain('200 {"status":"waiting","place":null,"eta_s":null,"chance":"fair","poll_after_ms":10500,')
    expect(answer).toContain(ENTRANT)
    gate.lane_result = { line: 'drawing 5000' }
    expect(poll(gate, 0)).toContain('"poll_after_ms":1500,"entrant":"m')
    expect(poll(gate, 0)).toContain('"draw":"drawing"}')
    gate.lane_result = { line: 'rebuilding' }
    expect(poll(gate, 0)).toContain('"poll_after_ms":3000}')
    gate.lane_result = { line: 'number 12 5000 5 150 3' }
    gate.lane_results['claim'] = { line: 'waiting 6 5000 5 150 0 3 2 100' }
    expect(poll(gate, 0)).toContain('"ticket":"t1.k1.' + idOf(gate) + '.ada.12.5000.')
    expect(gate.asked[gate.asked.length - 1]).toContain('ask claim ')
    gate.lane_results['claim'] = { line: 'waits 6 5000 5 150 0 3 2 100' }
    expect(poll(gate, 0)).toBe('store_failure')
  })

  it('gives those who come when it is over a number, and those who ask again their rank', () => {
    const gate = gateWithDraw()
    gate.lane_result = { line: 'number 12 4999 5 150 3' }
    const answer = run(gate, requestFor(gate, 'take_ticket', ''))
    expect(answer).toContain('.ada.12.4999.')
    expect(answer).toContain('"place":10,"poll_after_ms":3000,"entrant":"m')
    gate.lane_result = { line: 'no_numbers' }
    expect(run(gate, requestFor(gate, 'take_ticket', ''))).toBe('busy')
    expect(poll(gate, 0)).toBe('busy')
  })
})

describe('a dry run', () => {
  it('refuses nobody, and says whom it would have refused', () => {
    const gate = gateWithRoom()
    gate.lane_result = { line: 'unknown' }
    const phases = waitingRoom.create(SETTINGS as never, gate.ports)
    const links = [{ name: 'waiting-room', fails: 'closed' as const, dry_run: true, phases }]
    const heard: string[] = []
    const report = {
      refused: (_plugin: string, refusal: { code: string }, dry_run: boolean) => {
        heard.push(refusal.code + (dry_run ? ' dry' : ''))
      },
      storeFailed: () => {},
    }
    const passes = [
      passOf(idOf(gate), 'ada', 9000),
      'x',
      passOf(idOf(gate), 'eve', 9000),
      passOf(idOf(gate), 'ada', 5000),
    ]
    for (const pass of passes) {
      gate.headers['x_rush_pass'] = pass
      gate.headers['idempotency_key'] = 'key-1'
      expect(runChain(links, requestFor(gate, 'reserve', ''), report).kind).toBe('forward')
    }
    expect(heard.length).toBe(3)
    for (const line of heard) expect(line).toBe('pass_required dry')
  })
})
