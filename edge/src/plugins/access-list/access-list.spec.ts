import { describe, expect, it } from 'vitest'
import { type FakeGate, fakeGate, requestTo, said } from '../../../spec/fake-ports'
import type { RouteName } from '../../domain/route'
import type { PluginPhases } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import { addressList, userList } from './index'

const PRINT = '0123456789abcdef'
const SETTINGS = { dry_run: false } as never

function requestOf(user: string, fingerprint: string): GateRequest {
  const request = requestTo('reserve', 'spring', 'POST')
  request.user = user
  request.fingerprint = fingerprint
  request.score = 50
  return request
}

function gateWith(standings: FakeGate['standings']): FakeGate {
  const gate = fakeGate()
  gate.standings = standings
  return gate
}

function doors(gate: FakeGate, is_dry = false): [address: PluginPhases, user: PluginPhases] {
  const settings = is_dry ? ({ dry_run: true } as never) : SETTINGS
  return [addressList.create(settings, gate.ports), userList.create(settings, gate.ports)]
}

describe('address-list', () => {
  it('is by default on everything that reaches the backend', () => {
    for (const route of ['draw', 'webhook', 'sandbox', 'sales', 'login', 'pay']) {
      expect(addressList.routes.indexOf(route as RouteName) >= 0).toBe(true)
    }
  })

  it('refuses who is denied and tells the reason to the operator alone', () => {
    const gate = gateWith({ '192.0.2.1': { word: 'deny', entry: 'cidr 192.0.2.0/24' } })
    const verdict = doors(gate)[0].access(requestOf('', ''))
    expect(said(verdict)).toBe('refused')
    if (verdict === undefined || verdict.kind !== 'refusal') return
    expect(verdict.limit).toBe('cidr 192.0.2.0/24')
    expect(verdict.detail.indexOf('192')).toBe(-1)
    expect(verdict.retry_after_ms).toBe(0)
  })

  it('lets everybody else pass as they came', () => {
    const request = requestOf('', '')
    expect(said(doors(gateWith({}))[0].access(request))).toBe('nothing')
    expect(request.is_allowed).toBe(false)
    expect(request.score).toBe(50)
  })

  it('exempts who is allowed', () => {
    const request = requestOf('', '')
    const gate = gateWith({ '192.0.2.1': { word: 'allow', entry: 'address' } })
    expect(said(doors(gate)[0].access(request))).toBe('nothing')
    expect(request.is_allowed).toBe(true)
    expect(request.score).toBe(0)
  })

  it('in a dry run exempts nobody', () => {
    const request = requestOf('ann', '')
    const allowed = { word: 'allow', entry: 'x' } as const
    for (const door of doors(gateWith({ '192.0.2.1': allowed, ann: allowed }), true)) door.access(request)
    expect(request.is_allowed).toBe(false)
    expect(request.score).toBe(50)
  })
})

describe('user-list', () => {
  it('refuses users and fingerprints, all with the same words', () => {
    const gate = gateWith({
      eve: { word: 'deny', entry: 'user' },
      [PRINT]: { word: 'deny', entry: 'fingerprint ' + PRINT },
    })
    const door = doors(gate)[1]
    const by_user = door.access(requestOf('eve', ''))
    const by_print = door.access(requestOf('ann', PRINT))
    expect(said(by_user)).toBe('refused')
    expect(said(by_print)).toBe('refused')
    if (by_user === undefined || by_user.kind !== 'refusal') return
    if (by_print === undefined || by_print.kind !== 'refusal') return
    expect(by_user.limit).toBe('user')
    expect(by_print.limit).toBe('fingerprint ' + PRINT)
    expect(by_user.detail).toBe(by_print.detail)
    expect(said(door.access(requestOf('ann', '')))).toBe('nothing')
    expect(said(door.access(requestOf('', '')))).toBe('nothing')
  })

  it('refuses nobody for a fingerprint who is known to be welcome', () => {
    const gate = gateWith({
      ann: { word: 'allow', entry: 'user' },
      [PRINT]: { word: 'deny', entry: 'fingerprint ' + PRINT },
    })
    const door = doors(gate)[1]
    const request = requestOf('ann', PRINT)
    expect(said(door.access(request))).toBe('nothing')
    expect(request.is_allowed).toBe(true)
    const from_office = requestOf('bob', PRINT)
    from_office.is_allowed = true
    expect(said(door.access(from_office))).toBe('nothing')
    expect(said(door.access(requestOf('bob', PRINT)))).toBe('refused')
  })

  it('refuses a denied user from an allowed address too', () => {
    const request = requestOf('eve', '')
    request.is_allowed = true
    expect(said(doors(gateWith({ eve: { word: 'deny', entry: 'user' } }))[1].access(request))).toBe('refused')
  })
})
