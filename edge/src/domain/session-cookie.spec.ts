import { describe, expect, it } from 'vitest'
import { sessionCookie, withoutSessionCookies } from './session-cookie'

describe('session cookie', () => {
  it('is found by its whole name', () => {
    expect(sessionCookie('rush_session=a')).toBe('a')
    expect(sessionCookie('b=c; rush_session=a; d=e')).toBe('a')
    expect(sessionCookie('xrush_session=n; rush_session=a')).toBe('a')
    expect(sessionCookie('rush_session=a; __Host-rush_session=h')).toBe('h')
    expect(sessionCookie('xrush_session=n')).toBe(undefined)
    expect(sessionCookie('')).toBe(undefined)
  })

  it('is taken out, and nothing else', () => {
    expect(withoutSessionCookies('rush_session=a')).toBe('')
    expect(withoutSessionCookies('b=c; rush_session=a; d=e')).toBe('b=c; d=e')
    expect(withoutSessionCookies('b=c;rush_session=a;__Host-rush_session=h')).toBe('b=c')
    expect(withoutSessionCookies('rush_session =a; rush_session_x=1; xrush_session=2')).toBe(
      'rush_session_x=1; xrush_session=2',
    )
    expect(withoutSessionCookies('')).toBe('')
  })
})
