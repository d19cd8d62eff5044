import { describe, expect, it } from 'vitest'
import type { GateSettings } from '../../../../contract/gate-settings'
import { fakeGate, knownSale, requestTo, said } from '../../../spec/fake-ports'
import { knownRoom, learnRoom } from '../../domain/room-view'
import type { GateRequest } from '../../kernel/request'
import { saleState } from './index'

function requestAt(ms: number): GateRequest {
  return { ...requestTo('state', 'spring', 'GET'), now_ms: ms, redis_now_ms: ms }
}

describe('sale-state', () => {
  it('tells phase, time, window, SKUs and what is left', () => {
    const gate = fakeGate()
    if (gate.known !== undefined) {
      gate.known.board = { stock_version: 1, epoch: 2, seen_ms: 5000, skus: { shoe: { free: 5, unpaid: 0 } } }
    }
    const phases = saleState.create({ kept_ms: 100 } as never, gate.ports)
    expect(said(phases.access(requestAt(5000)))).toBe(
      '200 {"now":"1970-01-01T00:00:05.000Z","phase":"open","sale":"spring","title":"Spring",' +
        '"opens_at":"1970-01-01T00:00:01.000Z","closes_at":"1970-01-01T00:00:09.000Z",' +
        '"skus":[{"sku":"shoe","title":"Shoe","price":{"amount_minor":4999,"currency":"EUR"},"user_max":2,"left":5,"hot":false}],' +
        '"asks":[],"queue":{"open":false}}',
    )
  })

  it('says which SKUs are hot', () => {
    const gate = fakeGate()
    gate.hot['shoe'] = true
    const phases = saleState.create({ kept_ms: 100 } as never, gate.ports)
    expect(said(phases.access(requestAt(5000)))).toContain('"hot":true}')
  })

  it('keeps its text for a moment, but never the time, and not over a change of the sale', () => {
    const gate = fakeGate()
    const phases = saleState.create({ kept_ms: 100 } as never, gate.ports)
    expect(said(phases.access(requestAt(900)))).toContain('"phase":"upcoming"')
    const soon = said(phases.access(requestAt(999)))
    expect(soon).toContain('"now":"1970-01-01T00:00:00.999Z"')
    expect(soon).toContain('"phase":"upcoming"')
    expect(said(phases.access(requestAt(1000)))).toContain('"phase":"open"')
    gate.known = knownSale({ state: 'paused' })
    expect(said(phases.access(requestAt(1001)))).toContain('"phase":"paused"')
  })

  it('tells bands instead of numbers, rarer polls, and keeps its text longer, when degraded', () => {
    const gate = fakeGate()
    if (gate.known !== undefined) {
      gate.known.board = { stock_version: 1, epoch: 2, seen_ms: 5000, skus: { shoe: { free: 5, unpaid: 0 } } }
    }
    const phases = saleState.create({ kept_ms: 100 } as never, gate.ports)
    expect(said(phases.access(requestAt(5000)))).toContain('"left":5,')
    gate.level = 2
    const text = said(phases.access(requestAt(5100)))
    expect(text).toContain('"left":"few",')
    expect(text).toContain('"queue":{"open":false},"poll_after_ms":12000}')
    gate.level = 0
    expect(said(phases.access(requestAt(5499)))).toContain('"left":"few",')
    expect(said(phases.access(requestAt(5500)))).toContain('"left":5,')
  })

  it('says what a purchase must carry', () => {
    const gate = fakeGate()
    const phases = saleState.create({ kept_ms: 100 } as never, gate.ports)
    const room = { admit_per_s: 1, checkout_max: 1, draw: true }
    const asked = (settings: GateSettings) => {
      gate.known = knownSale({ gate: settings })
      return said(phases.access(requestAt(5000)))
    }
    expect(asked({ signature: false, proof: false })).toContain('"asks":[]')
    expect(asked({ proof: true })).toContain('"asks":["proof"]')
    expect(asked({ waiting_room: room })).toContain('"asks":["pass"]')
    expect(asked({ signature: true, proof: true, waiting_room: room })).toContain('"asks":["signature","proof","pass"]')
  })

  it('says whether there is a line to stand in, and how many do, where it is known', () => {
    const gate = fakeGate()
    const room = { admit_per_s: 1, checkout_max: 1, draw: false }
    const queueAt = (ms: number) => {
      const text = said(saleState.create({ kept_ms: 100 } as never, gate.ports).access(requestAt(ms)))
      return text.substring(text.indexOf('"queue"'))
    }
    gate.known = knownSale({ gate: { waiting_room: room } })
    expect(queueAt(5000)).toBe('"queue":{"open":true}}')
    const view = knownRoom('spring', room)
    learnRoom(view, { now_ms: 5000, front: 10, credit: 0, called: 3 }, 2, 5000)
    view.issued = 50
    expect(queueAt(5000)).toBe('"queue":{"open":true,"ahead":43}}')
    gate.known = knownSale({ gate: { waiting_room: room }, state: 'draft' })
    expect(queueAt(5000)).toBe('"queue":{"open":false}}')
    gate.known = knownSale({ gate: { waiting_room: room } })
    expect(queueAt(9000)).toBe('"queue":{"open":false}}')
    gate.known = knownSale({ gate: { waiting_room: { admit_per_s: 1, checkout_max: 1, draw: true } } })
    expect(queueAt(5000)).toContain('"queue":{"open":true,')
    expect(queueAt(5000)).toContain('"draw":true}')
    const early = { waiting_room: { admit_per_s: 1, checkout_max: 1, draw: true } }
    gate.known = knownSale({ gate: early, state: 'draft' })
    expect(queueAt(5000)).toBe('"queue":{"open":false,"draw":true}}')
  })

  it('knows no other sale', () => {
    const gate = fakeGate()
    gate.known = undefined
    const phases = saleState.create({ kept_ms: 100 } as never, gate.ports)
    expect(said(phases.access(requestAt(5000)))).toBe('not_found')
    gate.is_ready = false
    expect(said(phases.access(requestAt(5000)))).toBe('unavailable')
  })
})
