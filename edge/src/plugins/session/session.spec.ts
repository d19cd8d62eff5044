import { describe, expect, it } from 'vitest'
import { unsignedSessionToken } from '../../../../contract/session-token'
import { type FakeGate, fakeGate, knownSale, markOf, requestTo, said } from '../../../spec/fake-ports'
import { sessionMark } from '../../domain/session-cookie'
import type { GateRequest } from '../../kernel/request'
import { session } from './index'

const NO_JWT = { keys: '', issuer: '', audience: '' }

function token(user: string, expires_ms: number): string {
  const unsigned = unsignedSessionToken('k1', user, 4, 2, expires_ms, 'sid')
  return unsigned + '.' + markOf(unsigned)
}

function ask(gate: FakeGate, method: string): { verdict: string; request: GateRequest } {
  const request = requestTo('reserve', 'spring', method)
  request.user = ''
  request.generation = 0
  request.session_id = ''
  const phases = session.create({ cookie: true, jwt: NO_JWT } as never, gate.ports)
  return { verdict: said(phases.access(request)), request }
}

function withBearer(value: string): string {
  const gate = fakeGate()
  gate.headers['authorization'] = value
  return ask(gate, 'POST').verdict
}

describe('session', () => {
  it('fills in who the token says', () => {
    const gate = fakeGate()
    gate.headers['authorization'] = 'Bearer ' + token('ada', 6000)
    const { verdict, request } = ask(gate, 'POST')
    expect(verdict).toBe('nothing')
    expect(request.user).toBe('ada')
    expect(request.generation).toBe(4)
    expect(request.level).toBe(2)
    expect(request.session_id).toBe('sid')
    expect(request.session_key_id).toBe('k1')
  })

  it('asks for the membership level of the sale, to buy there', () => {
    const gate = fakeGate()
    gate.headers['authorization'] = 'Bearer ' + token('ada', 6000)
    gate.known = knownSale({ gate: { level_min: 2 } })
    expect(ask(gate, 'POST').verdict).toBe('nothing')
    gate.known = knownSale({ gate: { level_min: 3 } })
    expect(ask(gate, 'POST').verdict).toBe('level_required')
    const request = requestTo('cart', 'spring', 'GET')
    expect(said(session.create({ cookie: true, jwt: NO_JWT } as never, gate.ports).access(request))).toBe('nothing')
    gate.known = undefined
    expect(ask(gate, 'POST').verdict).toBe('nothing')
  })

  it('believes the shop’s own tokens where there are any, and says so to the backend as a session of ours', () => {
    const gate = fakeGate()
    gate.jwt['e.y.j'] = {
      user: 'bea',
      level: 4,
      expires_ms: 6000,
      session_id: 'sid-of-bea',
      session_key_id: 'k1',
      session: 's1.of.bea',
    }
    const settings = { cookie: true, jwt: { keys: 'jwks.json', issuer: 'https://shop', audience: 'rushgate' } }
    const phases = session.create(settings as never, gate.ports)
    const request = requestTo('pay', 'r1', 'POST')
    gate.headers['authorization'] = 'Bearer e.y.j'
    expect(said(phases.access(request))).toBe('nothing')
    expect(request.user + ' ' + request.level + ' ' + request.session_id).toBe('bea 4 sid-of-bea')
    expect(request.generation).toBe(4294967295)
    expect(gate.asked).toEqual(['Authorization: Bearer s1.of.bea'])
    // plugins before and after it know the token again by the same
    expect(request.session_mark).toBe(sessionMark('Bearer e.y.j', undefined))
    gate.headers['authorization'] = 'Bearer e.y.x'
    expect(said(phases.access(request))).toBe('no_session')
    gate.headers['authorization'] = 'Bearer ' + token('ada', 6000)
    expect(said(phases.access(request))).toBe('nothing')
    const without = { cookie: true, jwt: { keys: 'jwks.json', issuer: '', audience: 'rushgate' } }
    gate.headers['authorization'] = 'Bearer e.y.j'
    expect(said(session.create(without as never, gate.ports).access(request))).toBe('no_session')
  })

  it('refuses what is missing, forged, cut off, expired or of another key', () => {
    expect(ask(fakeGate(), 'POST').verdict).toBe('no_session')
    const good = token('ada', 6000)
    expect(withBearer(good)).toBe('no_session')
    expect(withBearer('Basic ' + good)).toBe('no_session')
    expect(withBearer('Bearer ' + good.substring(0, good.length - 1))).toBe('no_session')
    expect(withBearer('Bearer x' + good)).toBe('no_session')
    expect(withBearer('Bearer ' + token('ada', 5000))).toBe('no_session')
    const other = unsignedSessionToken('k2', 'ada', 4, 2, 6000, 'sid')
    expect(withBearer('Bearer ' + other + '.' + markOf(other))).toBe('no_session')
    expect(withBearer('Bearer ' + unsignedSessionToken('k1', 'eve', 4, 2, 6000, 'sid') + '.' + markOf(good))).toBe(
      'no_session',
    )
  })

  it('refuses a user that is none', () => {
    expect(withBearer('Bearer ' + token('', 6000))).toBe('no_session')
    expect(withBearer('Bearer ' + token('!', 6000))).toBe('no_session')
    let long = ''
    while (long.length < 257) long = long + 'u'
    expect(withBearer('Bearer ' + token(long, 6000))).toBe('no_session')
  })

  it('takes the cookie among others, by its whole name', () => {
    const gate = fakeGate()
    gate.headers['cookie'] = 'xrush_session=no; a=b; rush_session=' + token('ada', 6000) + '; c=d'
    expect(ask(gate, 'GET').verdict).toBe('nothing')
    gate.headers['cookie'] = 'xrush_session=' + token('ada', 6000)
    expect(ask(gate, 'GET').verdict).toBe('no_session')
    gate.headers['cookie'] = '__Host-rush_session=' + token('ada', 6000)
    expect(ask(gate, 'GET').verdict).toBe('nothing')
  })

  it('over https does not take the cookie that another host may have set', () => {
    const gate = fakeGate()
    gate.is_https = true
    gate.headers['cookie'] = 'rush_session=' + token('ada', 6000)
    expect(ask(gate, 'GET').verdict).toBe('no_session')
    gate.headers['cookie'] = 'rush_session=' + token('eve', 6000) + '; __Host-rush_session=' + token('ada', 6000)
    expect(ask(gate, 'GET').request.user).toBe('ada')
  })

  it('over https a page of plain http is another site', () => {
    const gate = fakeGate()
    gate.headers['cookie'] = '__Host-rush_session=' + token('ada', 6000)
    gate.headers['host'] = 'shop.example'
    gate.headers['origin'] = 'http://shop.example'
    expect(ask(gate, 'POST').verdict).toBe('nothing')
    gate.is_https = true
    expect(ask(gate, 'POST').verdict).toBe('refused')
    gate.headers['origin'] = 'https://shop.example'
    expect(ask(gate, 'POST').verdict).toBe('nothing')
  })

  it('with a cookie changes nothing for another site', () => {
    const gate = fakeGate()
    gate.headers['cookie'] = 'rush_session=' + token('ada', 6000)
    gate.headers['host'] = 'shop.example'
    expect(ask(gate, 'POST').verdict).toBe('refused')
    gate.headers['origin'] = 'https://evil.example'
    expect(ask(gate, 'POST').verdict).toBe('refused')
    gate.headers['origin'] = 'null'
    expect(ask(gate, 'POST').verdict).toBe('refused')
    gate.headers['origin'] = 'https://shop.example'
    expect(ask(gate, 'POST').verdict).toBe('nothing')
    gate.headers['origin'] = undefined
    gate.headers['sec_fetch_site'] = 'same-origin'
    expect(ask(gate, 'POST').verdict).toBe('nothing')
    gate.headers['sec_fetch_site'] = 'same-site'
    expect(ask(gate, 'POST').verdict).toBe('refused')
  })
})
