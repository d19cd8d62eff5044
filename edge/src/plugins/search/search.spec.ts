import { describe, expect, it } from 'vitest'
import { fakeGate, requestTo, said } from '../../../spec/fake-ports'
import { search } from './index'

const SETTINGS = { query_bytes_max: 100, retry_ms: 5000 }

describe('search', () => {
  it('is refused at the levels that switch it off, and at no other', () => {
    const gate = fakeGate()
    const phases = search.create(SETTINGS as never, gate.ports)
    const at = (level: number): string => {
      gate.level = level
      return said(phases.access(requestTo('search', '', 'GET')))
    }
    expect(at(0)).toBe('nothing')
    expect(at(1)).toBe('nothing')
    expect(at(2)).toBe('busy')
    expect(at(3)).toBe('busy')
    expect(at(0)).toBe('nothing')
  })

  it('names the limit and when to come back', () => {
    const gate = fakeGate()
    const phases = search.create(SETTINGS as never, gate.ports)
    gate.level = 2
    const verdict = phases.access(requestTo('search', '', 'GET'))
    if (verdict === undefined || verdict.kind !== 'refusal') throw new Error('no refusal')
    expect(verdict.limit).toBe('degrade.search')
    expect(verdict.retry_after_ms).toBe(5000)
  })

  it('takes no query that is longer than the backend would read', () => {
    const gate = fakeGate()
    const phases = search.create(SETTINGS as never, gate.ports)
    gate.query = 'q=' + 'x'.repeat(98)
    expect(said(phases.access(requestTo('search', '', 'GET')))).toBe('nothing')
    gate.query = gate.query + 'x'
    expect(said(phases.access(requestTo('search', '', 'GET')))).toBe('bad_request')
  })
})
