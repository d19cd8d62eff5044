import { describe, expect, it } from 'vitest'
import { formatReservationId, reservationMac } from '../../../../contract/reservation-id'
import { type FakeGate, fakeGate, knownSale, markOf, requestTo, said } from '../../../spec/fake-ports'
import { reservationStatus } from './index'

const BODY = 'abcdefghijklmnopqrstuv'

function idOf(user: string): string {
  const mac = reservationMac(markOf, (text) => text.length, user, BODY)
  return formatReservationId('spring', 0, BODY, mac)
}

function poll(gate: FakeGate, id: string): string {
  const phases = reservationStatus.create({ retry_after_ms: 1000 } as never, gate.ports)
  return said(phases.access(requestTo('reservation', id, 'GET')))
}

describe('reservation-status', () => {
  it('answers its owner from the record', () => {
    const gate = fakeGate()
    gate.lane_result = { line: '1|confirmed|shoe|1|17|1500|1767225600000|o1' }
    const answer = poll(gate, idOf('ada'))
    expect(answer).toContain('200 {"reservation":"' + idOf('ada') + '","status":"confirmed"')
    expect(answer).toContain('"pay_by":"2026-01-01T00:00:00.000Z"')
    expect(gate.asked).toEqual(['lookup 0 ' + BODY])
  })

  it('tells nobody else, and asks nobody for them', () => {
    const gate = fakeGate()
    expect(poll(gate, idOf('eve'))).toBe('not_found')
    expect(poll(gate, 'r1.spring.0.' + BODY + '.AAAAAAAAAAAAAAAA')).toBe('not_found')
    for (const shard of ['1', '1e-7', '1e-07', '0.5', '-0', '00']) {
      expect(poll(gate, idOf('ada').replace('.0.', '.' + shard + '.'))).toBe('not_found')
    }
    // of two shards only the user's own is looked in
    gate.known = knownSale({ shards: 2 })
    const in_first = poll(gate, idOf('ada')) !== 'not_found'
    const in_second = poll(gate, idOf('ada').replace('.0.', '.1.')) !== 'not_found'
    expect(in_first).toBe(!in_second)
    gate.known = knownSale({})
    gate.asked = []
    expect(poll(gate, idOf('ada').replace('spring', 'autumn'))).toBe('not_found')
    expect(poll(gate, 'nonsense')).toBe('not_found')
    expect(gate.asked).toEqual([])
  })

  it('leaves what Redis does not know to the backend', () => {
    const gate = fakeGate()
    gate.lane_result = { line: '-' }
    expect(poll(gate, idOf('ada'))).toBe('forward')
  })

  it('says what it cannot know', () => {
    const gate = fakeGate()
    gate.lane_result = { failure: 'unknown' }
    expect(poll(gate, idOf('ada'))).toBe('unavailable')
    gate.lane_result = { failure: 'rebuilding' }
    expect(poll(gate, idOf('ada'))).toBe('rebuilding')
    gate.lane_result = { failure: 'busy', limit: 'lane.queue_max' }
    expect(poll(gate, idOf('ada'))).toBe('busy')
    gate.known = knownSale({ rebuilding: true })
    expect(poll(gate, idOf('ada'))).toBe('rebuilding')
    gate.known = undefined
    gate.is_ready = false
    expect(poll(gate, idOf('ada'))).toBe('unavailable')
  })
})
