import { describe, expect, it } from 'vitest'
import { fakeCounters } from '../../../spec/fake-counters'
import { type FakeGate, fakeGate, requestTo, said } from '../../../spec/fake-ports'
import type { RouteName } from '../../domain/route'
import type { PluginPhases } from '../../kernel/plugin'
import { readField } from '../../kernel/schema'
import type { Verdict } from '../../kernel/verdict'
import { rateLimit, userLimit } from './index'
import { schema } from './schema'

function limit(change: Record<string, unknown>): Record<string, unknown> {
  const settings: Record<string, unknown> = {
    name: 'test',
    by: 'address',
    header: '',
    algorithm: 'token_bucket',
    rate: 2,
    per_s: 10,
    burst: 0,
    delay_ms_max: 1000,
    scope: 'node',
    lease_ms: 200,
    share_when_alone: 25,
    routes: [],
  }
  for (const name in change) settings[name] = change[name]
  return settings
}

function phasesOf(gate: FakeGate, limits: unknown[], more: Record<string, unknown> = {}): PluginPhases {
  const config: Record<string, unknown> = { limits, waiting_max: 10, dry_run: false }
  for (const name in more) config[name] = more[name]
  return rateLimit.create(config as never, gate.ports)
}

function from(phases: PluginPhases, address: string, route: RouteName): Verdict | undefined {
  const request = requestTo(route, 'spring', 'GET')
  request.address = address
  return phases.access(request)
}

/** How many of ten from this address pass. */
function passed(phases: PluginPhases, address: string): number {
  let count = 0
  for (let i = 0; i < 10; i++) if (said(from(phases, address, 'state')) === 'nothing') count += 1
  return count
}

describe('rate-limit', () => {
  it('counts an address for itself, IPv6 by its /64', () => {
    const phases = phasesOf(fakeGate(), [limit({})])
    expect(passed(phases, '192.0.2.1')).toBe(2)
    expect(passed(phases, '192.0.2.2')).toBe(2)
    expect(passed(phases, '2001:db8:1:2::1')).toBe(2)
    expect(passed(phases, '2001:db8:1:2:ffff::9')).toBe(0)
    expect(passed(phases, '2001:db8:1:3::1')).toBe(2)
  })

  it('counts networks together: a farm of /64 meets the limit of its /48', () => {
    const net = limit({ name: 'net', by: 'address_net', rate: 5 })
    const phases = phasesOf(fakeGate(), [limit({}), net])
    expect(passed(phases, '2001:db8:1:1::1')).toBe(2)
    expect(passed(phases, '2001:db8:1:2::1')).toBe(2)
    expect(passed(phases, '2001:db8:1:3::1')).toBe(1)
    expect(passed(phases, '2001:db8:1:4::1')).toBe(0)
    expect(passed(phases, '2001:db8:2:4::1')).toBe(2)
    expect(passed(phases, '192.0.2.1') + passed(phases, '192.0.2.2') + passed(phases, '192.0.2.3')).toBe(5)
  })

  it('says in RateLimit headers what is used up', () => {
    const phases = phasesOf(fakeGate(), [limit({ rate: 1 })])
    from(phases, '192.0.2.1', 'state')
    const verdict = from(phases, '192.0.2.1', 'state')
    expect(said(verdict)).toBe('rate_limited')
    if (verdict === undefined || verdict.kind !== 'refusal') return
    expect(verdict.retry_after_ms > 9990 && verdict.retry_after_ms <= 10000).toBe(true)
    expect(verdict.rate_limit).toEqual({ policy: '"test";q=1;w=10', state: '"test";r=0;t=10' })
  })

  it('stays on the routes that a limit names', () => {
    const phases = phasesOf(fakeGate(), [limit({ routes: ['login'] })])
    expect(passed(phases, '192.0.2.1')).toBe(10)
    from(phases, '192.0.2.1', 'login')
    from(phases, '192.0.2.1', 'login')
    expect(said(from(phases, '192.0.2.1', 'login'))).toBe('rate_limited')
  })

  it('counts logins by address and account together: nobody locks out another', () => {
    const gate = fakeGate()
    const phases = phasesOf(gate, [limit({ by: 'login' })])
    gate.json = { user: 'victim', secret: 'x' }
    expect(passed(phases, '192.0.2.66')).toBe(2)
    expect(passed(phases, '192.0.2.1')).toBe(2)
    gate.json = { user: 'other' }
    expect(passed(phases, '192.0.2.66')).toBe(2)
    for (const wrong of [5, 'text', { user: 5 }, {}]) {
      gate.json = wrong
      passed(phases, '192.0.2.66')
      expect(passed(phases, '192.0.2.66')).toBe(0)
    }
  })

  it('by default counts logins by network too: a /48 is one customer with 65,536 households', () => {
    const gate = fakeGate()
    const phases = rateLimit.create(readField(schema, {}, '', []) as never, gate.ports)
    const signsIn = (address: string, user: number): boolean => {
      gate.json = { user: 'u' + user, secret: 'x' }
      return said(from(phases, address, 'login')) === 'nothing'
    }
    let count = 0
    for (let i = 0; i < 2000; i++) if (signsIn('2001:db8:1:' + (i % 500) + '::1', i)) count += 1
    expect(count).toBe(1000)
    expect(signsIn('2001:db8:2:1::1', 0)).toBe(true)
  })

  it('counts nobody who is on the allow list, but as one who signs in', () => {
    const phases = phasesOf(fakeGate(), [limit({}), limit({ name: 'login', by: 'login', routes: ['login'] })])
    const statuses: Record<string, number> = { state: 0, login: 0 }
    for (const route of ['state', 'login'] as RouteName[]) {
      for (let i = 0; i < 10; i++) {
        const request = requestTo(route, 'spring', 'GET')
        request.is_allowed = true
        if (said(phases.access(request)) === 'nothing') statuses[route] = (statuses[route] ?? 0) + 1
      }
    }
    expect(statuses).toEqual({ state: 10, login: 2 })
  })

  it('counts a header by its value, and nobody without it', () => {
    const gate = fakeGate()
    const phases = phasesOf(gate, [limit({ by: 'header', header: 'x_api_key' })])
    expect(passed(phases, '192.0.2.1')).toBe(10)
    gate.headers['x_api_key'] = 'a'
    expect(passed(phases, '192.0.2.1')).toBe(2)
    expect(passed(phases, '192.0.2.2')).toBe(0)
    let long = 'b'
    while (long.length < 4000) long = long + 'b'
    gate.headers['x_api_key'] = long
    expect(passed(phases, '192.0.2.1')).toBe(2)
  })

  it('leaky bucket holds back, and refuses whom it would hold too long or too many', () => {
    const gate = fakeGate()
    const leaky = { algorithm: 'leaky_bucket', rate: 10, per_s: 1, delay_ms_max: 200 }
    const phases = phasesOf(gate, [limit(leaky)])
    expect(passed(phases, '192.0.2.1')).toBe(3)
    expect(Math.round(gate.slept_ms)).toBe(300)
    expect(passed(phasesOf(fakeGate(), [limit(leaky)], { waiting_max: 0 }), '192.0.2.1')).toBe(1)
    const dry = fakeGate()
    passed(phasesOf(dry, [limit(leaky)], { dry_run: true }), '192.0.2.1')
    expect(dry.slept_ms).toBe(0)
  })

  it('with a full zone counts many together, and not nobody', () => {
    const gate = fakeGate()
    gate.rates = fakeCounters(1)
    gate.ports.rates = gate.rates.port
    const phases = phasesOf(gate, [limit({})])
    expect(passed(phases, '192.0.2.1')).toBe(2)
    let together = 0
    for (let i = 2; i < 30; i++) together += passed(phases, '192.0.2.' + i)
    // the spec's crc32 puts all into one group
    expect(together).toBe(32)
  })
})

describe('user-limit', () => {
  it('counts users and sessions wherever they come from, and nobody who is none', () => {
    const gate = fakeGate()
    const config = { limits: [limit({ by: 'user' })], waiting_max: 10, dry_run: false }
    const phases = userLimit.create(config as never, gate.ports)
    expect(passed(phases, '192.0.2.1') + passed(phases, '192.0.2.2')).toBe(2)
    const eve = requestTo('reserve', 'spring', 'POST')
    eve.user = 'eve'
    expect(said(phases.access(eve))).toBe('nothing')
    eve.user = ''
    for (let i = 0; i < 5; i++) expect(said(phases.access(eve))).toBe('nothing')
  })

  it('remembers a session that goes on after being told so often', () => {
    const gate = fakeGate()
    gate.headers['authorization'] = 'Bearer session-of-eve-with-its-mac'
    const config = { limits: [limit({ by: 'user' })], waiting_max: 10, hasty_after: 3, hasty_s: 600, dry_run: false }
    const phases = userLimit.create(config as never, gate.ports)
    gate.count = 2
    expect(passed(phases, '192.0.2.1')).toBe(2)
    expect(gate.marks).toEqual({})
    gate.count = 3
    expect(passed(phases, '192.0.2.1')).toBe(0)
    expect(gate.marks).toEqual({ 'hasty:on-of-eve-with-its-mac': true })
    const dry = fakeGate()
    dry.headers['authorization'] = 'Bearer session-of-eve-with-its-mac'
    dry.count = 3
    const in_dry_run = { ...config, dry_run: true }
    passed(userLimit.create(in_dry_run as never, dry.ports), '192.0.2.1')
    expect(dry.marks).toEqual({})
  })

  it('counts with all gates together, and by its share while their Redis is away', () => {
    const gate = fakeGate()
    const shared = limit({ scope: 'cluster', rate: 100, share_when_alone: 4 })
    const phases = phasesOf(gate, [shared])
    gate.cluster_tokens = 6
    expect(passed(phases, '192.0.2.1')).toBe(6)
    const verdict = from(phases, '192.0.2.1', 'state')
    expect(said(verdict)).toBe('rate_limited')
    if (verdict === undefined || verdict.kind !== 'refusal') return
    expect(verdict.retry_after_ms).toBe(700)
    expect(verdict.rate_limit).toEqual({ policy: '"test";q=100;w=10', state: '"test";r=0;t=1' })
    gate.cluster_tokens = undefined
    expect(passed(phases, '192.0.2.2')).toBe(4)
  })

  it('refuses nobody in dry run who was counted with others', () => {
    const gate = fakeGate()
    gate.cluster_tokens = 0
    const verdict = from(phasesOf(gate, [limit({ scope: 'cluster' })]), '192.0.2.1', 'state')
    // the chain lets it pass, and reports it
    expect(said(verdict)).toBe('rate_limited')
  })
})
