import { describe, expect, it } from 'vitest'
import { signRequest } from '../../../../contract/request-signature'
import { type FakeGate, fakeGate, knownSale, markOf, requestTo, said } from '../../../spec/fake-ports'
import { runChain } from '../../kernel/chain'
import type { GateRequest } from '../../kernel/request'
import { signature } from './index'

const PATH = '/sales/spring/reservations'
const BODY = '{"sku":"shoe","quantity":1}'

function signedBy(sid: string, path: string, time_ms: number, key: string, body: string): string {
  const signing_key = markOf('request-signing' + sid)
  return signRequest(
    (text) => markOf('sha256' + text),
    (text) => markOf(signing_key + text),
    { method: 'POST', path, time_ms, key, body },
  )
}

function signedGate(): FakeGate {
  const gate = fakeGate()
  gate.known = knownSale({ gate: { signature: true } })
  gate.path = PATH
  gate.body = BODY
  gate.headers['idempotency_key'] = 'k-1'
  gate.headers['x_rush_signature'] = signedBy('sid', PATH, 5000, 'k-1', BODY)
  return gate
}

function ask(gate: FakeGate, change: Partial<GateRequest>): string {
  const phases = signature.create({ skew_s_max: 2 } as never, gate.ports)
  return said(phases.access({ ...requestTo('reserve', 'spring', 'POST'), ...change }))
}

describe('signature', () => {
  it('lets signed requests pass, again and again', () => {
    const gate = signedGate()
    expect(ask(gate, {})).toBe('nothing')
    expect(ask(gate, {})).toBe('nothing')
    gate.headers['x_rush_retry'] = '1'
    expect(ask(gate, {})).toBe('nothing')
  })

  it('asks nothing where the sale does not', () => {
    const gate = signedGate()
    gate.headers['x_rush_signature'] = undefined
    for (const settings of [{}, { signature: false }]) {
      gate.known = knownSale({ gate: settings })
      expect(ask(gate, {})).toBe('nothing')
    }
    gate.known = undefined
    expect(ask(gate, {})).toBe('nothing')
  })

  it('refuses what is missing, malformed or forged', () => {
    const gate = signedGate()
    const good = gate.headers['x_rush_signature'] ?? ''
    gate.headers['x_rush_signature'] = undefined
    expect(ask(gate, {})).toBe('signature_required')
    for (const bad of ['', 'v1', good + 'x', good.substring(0, good.length - 1), 'v2' + good.substring(2)]) {
      gate.headers['x_rush_signature'] = bad
      expect(ask(gate, {})).toBe('signature_required')
    }
    gate.headers['x_rush_signature'] = signedBy('other', PATH, 5000, 'k-1', BODY)
    expect(ask(gate, {})).toBe('signature_required')
    expect(ask(gate, { session_id: 'other' })).toBe('nothing')
    expect(ask(gate, { session_id: 'other', session_key_id: 'k2' })).toBe('signature_required')
    expect(ask(gate, { session_id: '' })).toBe('signature_required')
  })

  it('refuses a signature of another method, path, key or body', () => {
    const gate = signedGate()
    expect(ask(gate, { method: 'PUT' })).toBe('signature_required')
    gate.path = '/sales/summer/reservations'
    expect(ask(gate, {})).toBe('signature_required')
    gate.path = PATH
    gate.headers['idempotency_key'] = 'k-2'
    expect(ask(gate, {})).toBe('signature_required')
    gate.headers['idempotency_key'] = 'k-1'
    gate.body = BODY + ' '
    expect(ask(gate, {})).toBe('signature_required')
  })

  it('refuses a time that is too far off, either way', () => {
    const gate = signedGate()
    expect(ask(gate, { redis_now_ms: 7000 })).toBe('nothing')
    expect(ask(gate, { redis_now_ms: 7001 })).toBe('signature_required')
    expect(ask(gate, { redis_now_ms: 3000 })).toBe('nothing')
    expect(ask(gate, { redis_now_ms: 2999 })).toBe('signature_required')
  })

  it('in dry run refuses nobody and reports exactly whom it would have refused', () => {
    const reports: string[] = []
    const gate = signedGate()
    const phases = signature.create({ skew_s_max: 2 } as never, gate.ports)
    const link = { name: 'signature', fails: 'closed' as const, dry_run: true, phases }
    const report = {
      refused: (plugin: string, refusal: { code: string }, dry_run: boolean) => {
        reports.push(plugin + ' ' + refusal.code + ' ' + dry_run)
      },
      storeFailed: () => {},
    }
    expect(said(runChain([link], requestTo('reserve', 'spring', 'POST'), report))).toBe('forward')
    expect(reports).toEqual([])
    gate.headers['x_rush_signature'] = undefined
    expect(said(runChain([link], requestTo('reserve', 'spring', 'POST'), report))).toBe('forward')
    expect(reports).toEqual(['signature signature_required true'])
  })
})
