import { createHmac, hkdfSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { unsignedPass } from '../../contract/pass'
import { HKDF_BYTES, HKDF_SALT, type SubkeyPurpose } from '../../contract/secrets'
import { unsignedSessionToken } from '../../contract/session-token'
import { unsignedTicket } from '../../contract/ticket'
import { session as sessionPlugin } from '../../edge/src/plugins/session/index'
import { type Asked, judge, NEED_SESSION, sameText } from './judge'

const NOW = 1_000_000

function macOf(purpose: SubkeyPurpose, key_id: string, message: string): string | undefined {
  if (key_id !== 'k1') return undefined
  const key = Buffer.from(hkdfSync('sha256', 'a secret of some length', HKDF_SALT, purpose, HKDF_BYTES))
  return createHmac('sha256', key).update(message).digest('base64url')
}

function signed(purpose: SubkeyPurpose, unsigned: string): string {
  return `${unsigned}.${macOf(purpose, 'k1', unsigned)}`
}

function session(user = 'ada', expires_ms = NOW + 1, key_id = 'k1'): string {
  return signed('session', unsignedSessionToken(key_id, user, 1, 0, expires_ms, 'sid'))
}

function ask(method: string, path: string, more: Partial<Asked> & { pass?: string } = {}): string {
  const header = (name: string) => (name === 'x_rush_pass' ? more.pass : undefined)
  const who = { authorization: undefined, cookies: undefined, is_https: false, network: '7f000001' }
  return judge({ method, path, header, now_ms: NOW, ...who, ...more }, macOf)
}

const BUY = ['POST', '/sales/spring/reservations'] as const
const STATE = ['GET', '/sales/spring/state'] as const

describe('the outer tier', () => {
  it('sends a user to the gate of that name, and others to that of their network', () => {
    expect(ask(...BUY, { authorization: `Bearer ${session()}` })).toBe('-u:ada')
    expect(ask(...BUY, { cookies: `a=b; rush_session=${session()}` })).toBe('+u:ada')
    expect(ask(...STATE)).toBe('-a:7f000001')
    expect(ask('GET', '/assets/x.js')).toBe('-a:7f000001')
  })

  it('refuses a Bearer token that is not ours, wherever it goes', () => {
    const good = session()
    const wrong = [
      `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`,
      good.slice(0, -1),
      good.replace('.ada.', '.eve.'),
      session('ada', NOW),
      session('ada', NOW + 1, 'k2'),
      signed('pass', good.slice(0, good.lastIndexOf('.'))),
      'x',
      '',
    ]
    for (const token of wrong) {
      for (const [method, path] of [BUY, STATE, ['POST', '/sessions'] as const]) {
        expect(ask(method, path, { authorization: `Bearer ${token}` }), token).toMatch(/^!no_session The session token/)
      }
    }
    expect(ask(...BUY, { authorization: 'Basic x' })).toMatch(/^!no_session/)
  })

  it('refuses who has no session only where one is needed', () => {
    for (const [method, path] of [
      BUY,
      ['GET', '/sales/spring/challenge'],
      ['POST', '/sales/spring/tickets'],
      ['GET', `/sales/spring/tickets/${signed('ticket', unsignedTicket('k1', 'spring', 'ada', 7, 1, NOW + 1))}`],
      ['GET', '/sales/spring/reservations'],
      ['GET', '/reservations/r1'],
      ['DELETE', '/reservations/r1'],
      ['POST', '/reservations/r1/payment'],
      ['DELETE', '/sessions'],
    ] as const)
      expect(ask(method, path)).toBe('!no_session Sign in first: POST /sessions.')
    for (const [method, path] of [
      STATE,
      ['POST', '/sessions'],
      ['GET', '/sales'],
      ['GET', '/sales/spring/draw'],
      ['GET', '/'],
    ] as const)
      expect(ask(method, path)).toBe('-a:7f000001')
  })

  it('asks for a session where the gate asks for one', () => {
    expect(NEED_SESSION.toSorted()).toEqual([...sessionPlugin.routes, 'logout'].toSorted())
  })

  it('takes off an old cookie where none is needed, so that its owner can sign in', () => {
    const cookies = `rush_session=${session('ada', NOW)}`
    expect(ask('POST', '/sessions', { cookies })).toBe('-a:7f000001')
    expect(ask(...BUY, { cookies })).toBe('!no_session The session token has expired.')
  })

  it('over https does not take the cookie that another host may have set', () => {
    const cookies = `rush_session=${session('eve')}`
    expect(ask(...BUY, { cookies, is_https: true })).toBe('!no_session Sign in first: POST /sessions.')
    expect(ask(...STATE, { cookies, is_https: true })).toBe('-a:7f000001')
    const both = `${cookies}; __Host-rush_session=${session()}`
    expect(ask(...BUY, { cookies: both, is_https: true })).toBe('+u:ada')
  })

  it("leaves a provider's own credentials alone", () => {
    expect(ask('POST', '/webhooks/sandbox', { authorization: 'Bearer theirs' })).toBe('+a:7f000001')
  })

  it('checks the MAC of passes and tickets; their expiry is the gate’s to judge', () => {
    const authorization = `Bearer ${session()}`
    const pass = signed('pass', unsignedPass('k1', 'spring', 'ada', 'p'.repeat(22), NOW - 1))
    const wrong_purpose = signed('session', unsignedPass('k1', 'spring', 'ada', 'p'.repeat(22), NOW + 1))
    expect(ask(...BUY, { authorization, pass })).toBe('-u:ada')
    expect(ask(...BUY, { authorization, pass: wrong_purpose })).toBe('!pass_required The pass is not one of ours.')
    expect(ask(...BUY, { authorization, pass: 'x' })).toMatch(/^!pass_required/)
    const ticket = signed('ticket', unsignedTicket('k1', 'spring', 'ada', 7, 1, NOW - 1))
    expect(ask('GET', `/sales/spring/tickets/${ticket}`, { authorization })).toBe('-u:ada')
    expect(ask('GET', `/sales/spring/tickets/${ticket}x`, { authorization })).toMatch(/^!not_found The ticket/)
  })

  it('compares texts', () => {
    expect(sameText('abc', 'abc')).toBe(true)
    for (const other of ['abd', 'ab', 'abcd', '']) expect(sameText('abc', other)).toBe(false)
  })
})
