import { describe, expect, it } from 'vitest'
import { type FakeGate, fakeGate, knownSale, requestTo, said } from '../../../spec/fake-ports'
import type { GateRequest } from '../../kernel/request'
import { challenge } from './index'

const SETTINGS = {
  number_base: 1000,
  number_max: 5000,
  score_step: 20,
  calm_per_s: 100,
  valid_s: 600,
  wait_s: 30,
  waits_session_max: 3,
  waits_address_max: 30,
  waits_window_s: 600,
}

function asking(): FakeGate {
  const gate = fakeGate()
  gate.known = knownSale({ gate: { proof: true } })
  return gate
}

function run(gate: FakeGate, request: GateRequest): string {
  return said(challenge.create(SETTINGS as never, gate.ports).access(request))
}

function ask(gate: FakeGate, query: string): string {
  gate.query = query
  return run(gate, requestTo('challenge', 'spring', 'GET'))
}

interface Solved {
  salt: string
  challenge: string
  signature: string
}

function part(text: string, name: string): string {
  const from = text.indexOf('"' + name + '":"') + name.length + 4
  return text.substring(from, text.indexOf('"', from))
}

/** A proof as a client makes it from a challenge: here the number is known, the fake's randomness stands still. */
function solve(gate: FakeGate): Solved {
  const given = ask(gate, '')
  return { salt: part(given, 'salt'), challenge: part(given, 'challenge'), signature: part(given, 'signature') }
}

/** The number of the fake's challenges, looked for as clients do. */
function numberOf(gate: FakeGate, solved: Solved): number {
  for (let number = 0; number <= 1000; number++) {
    if (gate.ports.crypto.sha256Hex(solved.salt + number) === solved.challenge) return number
  }
  return -1
}

describe('challenge', () => {
  it('is nothing to a sale that does not ask', () => {
    const gate = fakeGate()
    expect(run(gate, requestTo('reserve', 'spring', 'POST'))).toBe('nothing')
    expect(ask(gate, '')).toBe('not_found')
    gate.known = undefined
    expect(ask(gate, '')).toBe('not_found')
    gate.is_ready = false
    expect(ask(gate, '')).toBe('unavailable')
  })

  it('takes the proof of its own challenge, and fills in what is spent', () => {
    const gate = asking()
    const request = requestTo('reserve', 'spring', 'POST')
    expect(run(gate, request)).toBe('proof_required')
    const solved = solve(gate)
    gate.json = { algorithm: 'SHA-256', number: numberOf(gate, solved), ...solved }
    gate.headers['x_rush_proof'] = 'as the fake reads it'
    expect(run(gate, request)).toBe('nothing')
    expect(request.proof_id).toBe(solved.salt.substring(0, 22))
    const other = requestTo('reserve', 'spring', 'POST')
    other.session_id = 'sid2'
    expect(run(gate, other)).toBe('proof_required')
    expect(other.proof_id).toBe('')
    const another = requestTo('reserve', 'spring', 'POST')
    another.user = 'eve'
    expect(run(gate, another)).toBe('proof_required')
    gate.headers['x_rush_proof'] = '!'
    expect(run(gate, request)).toBe('proof_required')
  })

  it('lets a repeat of a purchase that was made pass without a proof that still counts', () => {
    const gate = asking()
    const solved = solve(gate)
    gate.json = { algorithm: 'SHA-256', number: numberOf(gate, solved), ...solved }
    const late = requestTo('reserve', 'spring', 'POST')
    late.now_ms = 5000 + 600000
    gate.headers['x_rush_proof'] = 'as the fake reads it'
    gate.headers['idempotency_key'] = 'k-1'
    gate.lane_result = { line: 'unknown' }
    expect(run(gate, late)).toBe('proof_required')
    expect(gate.asked.length).toBe(1)
    expect(gate.asked[0]).toContain('ask is-reserved is-reserved spring.0.2 ')
    gate.lane_result = { line: 'known' }
    expect(run(gate, late)).toBe('nothing')
    expect(late.proof_id).toBe('')
    // signed in again since
    const other = requestTo('reserve', 'spring', 'POST')
    other.session_id = 'sid2'
    expect(run(gate, other)).toBe('nothing')
    // a shopper whose first purchase was asked for none
    gate.headers['x_rush_proof'] = undefined
    expect(run(gate, late)).toBe('proof_required')
    gate.headers['x_rush_retry'] = '1'
    expect(run(gate, late)).toBe('nothing')
    gate.headers['idempotency_key'] = undefined
    expect(run(gate, late)).toBe('proof_required')
  })

  it('looks for a repeat only a few times a while, and says when nobody can tell', () => {
    const gate = asking()
    const request = requestTo('reserve', 'spring', 'POST')
    gate.headers['x_rush_retry'] = '1'
    gate.headers['idempotency_key'] = 'k-1'
    gate.lane_result = { failure: 'unknown' }
    expect(run(gate, request)).toBe('unavailable')
    gate.lane_result = { failure: 'busy', limit: 'lane.queue_max' }
    expect(run(gate, request)).toBe('busy')
    gate.lane_result = { line: 'rebuilding' }
    expect(run(gate, request)).toBe('rebuilding')
    gate.lane_result = { line: 'known' }
    gate.count = 20
    expect(run(gate, request)).toBe('nothing')
    gate.count = 21
    expect(run(gate, request)).toBe('rate_limited')
    // what is forged is not a retry's business
    gate.count = 1
    gate.headers['x_rush_proof'] = '!'
    expect(run(gate, request)).toBe('proof_required')
    expect(gate.asked.length).toBe(4)
  })

  it('asks for more of a higher score, and in a rush', () => {
    const gate = asking()
    expect(ask(gate, '')).toContain('"maxnumber":1000,')
    const request = requestTo('challenge', 'spring', 'GET')
    request.score = 20
    expect(run(gate, request)).toContain('"maxnumber":2000,')
    gate.count = 300
    expect(ask(gate, '')).toContain('"maxnumber":3000,')
  })

  it('lets people wait instead, and then go on', () => {
    const gate = asking()
    const waiting = ask(gate, 'form')
    expect(waiting).toContain('http-equiv="refresh" content="30;url=?form&amp;proof=')
    // the fake's base64url is the text itself
    const from = waiting.indexOf('proof=') + 6
    const json = waiting.substring(from, waiting.indexOf('}', from) + 1)
    gate.json = {
      algorithm: 'SHA-256',
      number: 0,
      salt: part(json, 'salt'),
      challenge: part(json, 'challenge'),
      signature: part(json, 'signature'),
    }
    expect(ask(gate, 'form&proof=' + json)).toContain('content="30;url=')
    gate.headers['x_rush_proof'] = json
    const request = requestTo('reserve', 'spring', 'POST')
    expect(run(gate, request)).toBe('proof_required')
    gate.query = 'form&proof=' + json
    const later = requestTo('challenge', 'spring', 'GET')
    later.now_ms = 35000
    expect(run(gate, later)).toContain('href="/sales/spring#proof=')
    request.now_ms = 35000
    expect(run(gate, request)).toBe('nothing')
    expect(request.proof_id).toBe(part(json, 'salt').substring(0, 22))
  })

  it('begins the waiting again for a proof that is none, and never writes it into the page', () => {
    const gate = asking()
    gate.json = undefined
    const answer = ask(gate, 'form&proof="><script>')
    expect(answer).toContain('Please wait')
    expect(answer.indexOf('<script>')).toBe(-1)
  })

  it('counts who waits', () => {
    const gate = asking()
    gate.count = 4
    expect(ask(gate, 'form')).toBe('rate_limited')
  })
})
