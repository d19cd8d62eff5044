import { describe, expect, it } from 'vitest'
import { type FakeGate, fakeGate, knownSale, requestTo, said } from '../../../spec/fake-ports'
import type { GateRequest } from '../../kernel/request'
import type { Refusal } from '../../kernel/verdict'
import { reservation } from './index'

const SETTINGS = { open_margin_ms: 100, retries_max: 20, retries_window_s: 10, retry_after_ms: 1000 }

function shopper(): FakeGate {
  const gate = fakeGate()
  gate.headers['content_type'] = 'application/json'
  gate.headers['idempotency_key'] = 'k-1'
  gate.json = { sku: 'shoe', quantity: 2 }
  return gate
}

function buy(gate: FakeGate, change: Partial<GateRequest>): string {
  const phases = reservation.create(SETTINGS as never, gate.ports)
  return said(phases.access({ ...requestTo('reserve', 'spring', 'POST'), ...change }))
}

function early(gate: FakeGate, change: Partial<GateRequest>): string {
  const phases = reservation.create(SETTINGS as never, gate.ports)
  return said(phases.early?.({ ...requestTo('reserve', 'spring', 'POST'), ...change }))
}

function soldOutBoard(gate: FakeGate, unpaid: number): void {
  if (gate.known === undefined) return
  gate.known.board = { stock_version: 5, epoch: 2, seen_ms: 4900, skus: { shoe: { free: 0, unpaid } } }
}

describe('reservation', () => {
  it('sends on what was verified before it, to be used up with the units', () => {
    const gate = shopper()
    const asked = (change: Partial<GateRequest>) => {
      buy(gate, change)
      const line = gate.asked[gate.asked.length - 1] as string
      return line.substring(line.indexOf('ada'))
    }
    expect(asked({})).toBe('ada')
    expect(asked({ pass_id: 'P' })).toBe('ada pP')
    expect(asked({ proof_id: 'W' })).toBe('ada wW')
    expect(asked({ pass_id: 'P', proof_id: 'W' })).toBe('ada pP,wW')
  })

  it('asks the lane and answers 202 held', () => {
    const gate = shopper()
    expect(buy(gate, {})).toContain('"status":"held","units":[17]')
    expect(gate.asked).toEqual(['reserve 0 22 shoe 2 3 ada'])
  })

  it('gives a repeat the reservation as it is now', () => {
    const gate = shopper()
    gate.lane_result = { line: 'replay 2|paid|shoe|2|17,18|1500||o1' }
    expect(buy(gate, {})).toContain('"status":"paid"')
  })

  it('names what is wrong with a request, and asks nobody', () => {
    const gate = shopper()
    gate.headers['content_type'] = 'text/plain'
    expect(buy(gate, {})).toBe('unsupported_media_type')
    gate.headers['content_type'] = 'Application/JSON; charset=utf-8'
    gate.headers['idempotency_key'] = undefined
    expect(buy(gate, {})).toBe('bad_request')
    gate.headers['idempotency_key'] = 'k-1'
    gate.body = undefined
    expect(buy(gate, {})).toBe('bad_request')
    gate.body = String.fromCharCode(0xc3)
    expect(buy(gate, {})).toBe('bad_request')
    gate.body = ''
    gate.json = undefined
    expect(buy(gate, {})).toBe('bad_request')
    for (const json of [5, 'x', true, {}, { sku: 'shoe' }, { sku: 'shoe', quantity: 0 }]) {
      gate.json = json
      expect(buy(gate, {})).toBe('bad_request')
    }
    gate.json = { sku: 'boot', quantity: 1 }
    expect(buy(gate, {})).toBe('not_found')
    gate.json = { sku: 'shoe', quantity: 1 }
    gate.known = undefined
    expect(buy(gate, {})).toBe('not_found')
    gate.is_ready = false
    expect(buy(gate, {})).toBe('unavailable')
    expect(gate.asked).toEqual([])
  })

  it('answers from shared memory what needs no round trip', () => {
    const gate = shopper()
    expect(buy(gate, { redis_now_ms: 899 })).toBe('not_open')
    expect(buy(gate, { redis_now_ms: 9100 })).toBe('ended')
    gate.known = knownSale({ state: 'paused' })
    expect(buy(gate, {})).toBe('paused')
    gate.known = knownSale({ state: 'ended' })
    expect(buy(gate, {})).toBe('ended')
    gate.known = knownSale({ state: 'draft' })
    expect(buy(gate, {})).toBe('not_open')
    gate.known = knownSale({ rebuilding: true })
    expect(buy(gate, {})).toBe('rebuilding')
    gate.known = knownSale({})
    soldOutBoard(gate, 0)
    expect(buy(gate, {})).toBe('sold_out')
    soldOutBoard(gate, 3)
    expect(buy(gate, {})).toBe('all_held')
    expect(gate.asked).toEqual([])
  })

  it('says without the body what holds whatever is in it', () => {
    const gate = shopper()
    gate.headers = {}
    gate.body = undefined
    expect(early(gate, {})).toBe('nothing')
    expect(early(gate, { redis_now_ms: 899 })).toBe('not_open')
    expect(early(gate, { redis_now_ms: 9100 })).toBe('ended')
    gate.known = knownSale({ state: 'paused' })
    expect(early(gate, {})).toBe('paused')
    gate.known = knownSale({ state: 'draft' })
    expect(early(gate, {})).toBe('not_open')
    gate.known = knownSale({ rebuilding: true })
    expect(early(gate, {})).toBe('rebuilding')
    gate.known = knownSale({})
    soldOutBoard(gate, 0)
    expect(early(gate, {})).toBe('nothing')
    gate.known.board.gone = 'sold_out'
    expect(early(gate, {})).toBe('sold_out')
    expect(early(gate, { now_ms: 5901 })).toBe('nothing')
    gate.known = undefined
    expect(early(gate, {})).toBe('nothing')
  })

  it('does not say it to a retry, unless nobody gets anything', () => {
    const gate = shopper()
    gate.headers['x_rush_retry'] = '1'
    expect(early(gate, { redis_now_ms: 9100 })).toBe('nothing')
    soldOutBoard(gate, 0)
    if (gate.known !== undefined) gate.known.board.gone = 'sold_out'
    expect(early(gate, {})).toBe('nothing')
    gate.known = knownSale({ rebuilding: true })
    expect(early(gate, {})).toBe('rebuilding')
  })

  it('within the margin of the opening lets the clock of Redis decide', () => {
    const gate = shopper()
    gate.lane_result = { line: 'not_open' }
    expect(buy(gate, { redis_now_ms: 901 })).toBe('not_open')
    expect(gate.asked.length).toBe(1)
  })

  it('lets a retry through to the script, whatever shared memory says', () => {
    const gate = shopper()
    gate.headers['x_rush_retry'] = '1'
    soldOutBoard(gate, 0)
    expect(buy(gate, {})).toContain('"status":"held"')
    gate.known = knownSale({ state: 'ended' })
    expect(buy(gate, {})).toContain('"status":"held"')
    expect(gate.asked.length).toBe(2)
  })

  it('has a limit for retries of their own', () => {
    const gate = shopper()
    gate.headers['x_rush_retry'] = '1'
    gate.count = 20
    expect(buy(gate, {})).toContain('held')
    gate.count = 21
    expect(buy(gate, {})).toBe('rate_limited')
  })

  it('passes on the refusals of the script, and names own reservations at the limit', () => {
    const gate = shopper()
    for (const code of [
      'sold_out',
      'all_held',
      'not_enough_left',
      'key_reused',
      'session_replaced',
      'paused',
      'busy',
      'ended',
    ]) {
      gate.lane_result = { line: code }
      expect(buy(gate, {})).toBe(code)
    }
    gate.lane_result = { line: 'limit_reached aaaaaaaaaaaaaaaaaaaaaa,bbbbbbbbbbbbbbbbbbbbbb' }
    const phases = reservation.create(SETTINGS as never, gate.ports)
    const verdict = phases.access(requestTo('reserve', 'spring', 'POST')) as Refusal
    expect(verdict.members).toContain(',"reservations":["r1.spring.0.aaaaaaaaaaaaaaaaaaaaaa.')
    expect(verdict.members).toContain('","r1.spring.0.bbbbbbbbbbbbbbbbbbbbbb.')
  })

  it('says of a lost answer that its outcome is unknown', () => {
    const gate = shopper()
    gate.lane_result = { failure: 'unknown' }
    const phases = reservation.create(SETTINGS as never, gate.ports)
    const verdict = phases.access(requestTo('reserve', 'spring', 'POST')) as Refusal
    expect(verdict.code).toBe('unavailable')
    expect(verdict.unknown).toBe(true)
    expect(verdict.retry_after_ms).toBe(1000)
    gate.lane_result = { failure: 'busy', limit: 'lane.queue_max' }
    const busy = phases.access(requestTo('reserve', 'spring', 'POST')) as Refusal
    expect(busy.code).toBe('busy')
    expect(busy.detail).toContain('lane.queue_max')
    gate.lane_result = { failure: 'rebuilding' }
    expect(buy(gate, {})).toBe('rebuilding')
    gate.lane_result = { failure: 'unavailable' }
    expect(buy(gate, {})).toBe('unavailable')
    gate.lane_result = { line: 'gibberish' }
    expect(buy(gate, {})).toBe('store_failure')
  })
})
