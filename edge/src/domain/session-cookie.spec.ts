import { describe, expect, it } from 'vitest'
import { sessionCookie, withoutSessionCookies } from './session-cookie'

describe('session cookie', () => {
  it('is found by its whole name', () => {
    expect(sessionCookie('rush_session=a', false)).toBe('a')
    expect(sessionCookie('b=c; rush_session=a; d=e', false)).toBe('a')
    expect(sessionCookie('xrush_session=n; rush_session=a', false)).toBe('a')
    expect(sessionCookie('rush_session=a; __Host-rush_session=h', false)).toBe('h')
    expect(sessionCookie('xrush_session=n', false)).toBe(undefined)
    expect(sessionCookie('', false)).toBe(undefined)
  })

  it('over https counts with its prefix only: any host beside ours can set the other', () => {
    expect(sessionCookie('rush_session=a', true)).toBe(undefined)
    expect(sessionCookie('rush_session=a; __Host-rush_session=h', true)).toBe('h')
    expect(sessionCookie('x__Host-rush_session=n; rush_session=a', true)).toBe(undefined)
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
