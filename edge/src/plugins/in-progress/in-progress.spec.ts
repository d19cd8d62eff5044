import { describe, expect, it } from 'vitest'
import { fakeGate, requestTo, said } from '../../../spec/fake-ports'
import { inProgress } from './index'

describe('in-progress', () => {
  it('counts an address, IPv6 by its /64, up to its limit', () => {
    const gate = fakeGate()
    const phases = inProgress.create({ address_max: 2, all_max: 4 } as never, gate.ports)
    const from = (address: string): string => {
      const request = requestTo('login', '', 'POST')
      request.address = address
      return said(phases.access(request))
    }
    expect(from('2001:db8::1')).toBe('nothing')
    expect(from('2001:db8::2')).toBe('nothing')
    expect(from('2001:db8::3')).toBe('rate_limited')
    expect(from('192.0.2.1')).toBe('nothing')
    expect(from('192.0.2.2')).toBe('nothing')
    expect(from('192.0.2.3')).toBe('busy')
  })

  it('counts whoever is on the allow list among all alone', () => {
    const phases = inProgress.create({ address_max: 1, all_max: 3 } as never, fakeGate().ports)
    const request = requestTo('login', '', 'POST')
    request.is_allowed = true
    for (let i = 0; i < 3; i++) expect(said(phases.access(request))).toBe('nothing')
    expect(said(phases.access(request))).toBe('busy')
  })

  it('names the limit, for the shopper and for the receipt', () => {
    const phases = inProgress.create({ address_max: 1, all_max: 9 } as never, fakeGate().ports)
    phases.access(requestTo('login', '', 'POST'))
    const verdict = phases.access(requestTo('login', '', 'POST'))
    if (verdict === undefined || verdict.kind !== 'refusal') throw new Error('no refusal')
    expect(verdict.limit).toBe('in-progress.address_max')
    expect(verdict.retry_after_ms).toBe(1000)
  })
})
