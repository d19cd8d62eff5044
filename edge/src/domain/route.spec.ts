import { describe, expect, it } from 'vitest'
import { isId, isToken, matchRoute, type RouteMatch, type RouteName, upstreamPath } from './route'

function named(match: RouteMatch): string {
  return match.route === undefined ? 'none' : match.route.name + ' ' + match.route.subject
}

describe('matchRoute', () => {
  it('finds each route by method and path', () => {
    expect(named(matchRoute('POST', '/sales/spring/reservations'))).toBe('reserve spring')
    expect(named(matchRoute('GET', '/sales/spring/reservations'))).toBe('cart spring')
    expect(named(matchRoute('HEAD', '/sales/spring/state'))).toBe('state spring')
    expect(named(matchRoute('GET', '/reservations/r1.a.0.b.c'))).toBe('reservation r1.a.0.b.c')
    expect(named(matchRoute('DELETE', '/reservations/r1.a.0.b.c'))).toBe('give_back r1.a.0.b.c')
    expect(named(matchRoute('POST', '/reservations/r1.a.0.b.c/payment'))).toBe('pay r1.a.0.b.c')
    expect(named(matchRoute('GET', '/sales/spring/draw'))).toBe('draw spring')
    expect(named(matchRoute('POST', '/sessions'))).toBe('login ')
    expect(named(matchRoute('DELETE', '/sessions'))).toBe('logout ')
    expect(named(matchRoute('GET', '/sales'))).toBe('sales ')
    expect(named(matchRoute('POST', '/sales/spring/tickets'))).toBe('take_ticket spring')
    const ticket = matchRoute('GET', '/sales/spring/tickets/t1.k1.spring.YWRh.7.1.2.mac_-')
    expect(named(ticket) + ' ' + ticket.route?.ticket).toBe('ticket spring t1.k1.spring.YWRh.7.1.2.mac_-')
    expect(named(matchRoute('POST', '/webhooks/sandbox'))).toBe('webhook sandbox')
    expect(named(matchRoute('GET', '/sandbox/pay/s1'))).toBe('sandbox s1')
  })

  it('says which methods a path answers to', () => {
    expect(matchRoute('PUT', '/sales/spring/reservations')).toEqual({ allow: 'GET, HEAD, POST' })
    expect(matchRoute('GET', '/sales/spring/tickets')).toEqual({ allow: 'POST' })
    expect(matchRoute('POST', '/sales/spring/tickets/t1')).toEqual({ allow: 'GET, HEAD' })
    expect(matchRoute('POST', '/sales/spring/state')).toEqual({ allow: 'GET, HEAD' })
    expect(matchRoute('GET', '/reservations/x/payment')).toEqual({ allow: 'POST' })
    expect(matchRoute('GET', '/sessions')).toEqual({ allow: 'DELETE, POST' })
  })

  it('knows nothing else: no traversal, no prefix, no other case, no admin', () => {
    const paths = [
      '/',
      '/sales/',
      '/sales/UP/state',
      '/sales/a b/state',
      '/sales/../admin/state',
      '/sales/spring/state/',
      '/sales/spring/reservations/x',
      '/sales//state',
      '/sales/spring/tickets/',
      '/sales/spring/tickets/a/b',
      '/sales/spring/tickets/a b',
      '/reservations/',
      '/reservations/a/b',
      '/reservations/a/payment/',
      '/admin/sales',
      '/internal/sales',
      '/metrics',
      '/webhooks/',
      '/webhooks/a/b',
      '/sandbox/pay/',
      '/sessionsx',
    ]
    for (const path of paths) expect(path + ' ' + named(matchRoute('GET', path))).toBe(path + ' none')
  })

  it('builds the upstream path from what it matched', () => {
    const paths: [string, string][] = [
      ['POST', '/sessions'],
      ['GET', '/sales'],
      ['GET', '/sales/spring/reservations'],
      ['GET', '/reservations/r1.a.0.b.c'],
      ['POST', '/reservations/r1.a.0.b.c/payment'],
      ['POST', '/sales/spring/tickets'],
      ['GET', '/sales/spring/tickets/t1.k1'],
      ['POST', '/webhooks/sandbox'],
      ['GET', '/sandbox/pay/s1'],
    ]
    for (const [method, path] of paths) {
      const route = matchRoute(method, path).route
      expect(route === undefined ? 'none' : upstreamPath(route)).toBe(path)
    }
  })

  it("knows a user's own history", () => {
    const names: [method: string, path: string, name: RouteName, upstream: string][] = [
      ['GET', '/users/me/history', 'history', '/users/me/history'],
      ['DELETE', '/users/me/history', 'forget_history', '/users/me/history'],
      ['POST', '/users/me/visits', 'visit', '/users/me/visits'],
    ]
    for (const [method, path, name, upstream] of names) {
      const route = matchRoute(method, path).route
      expect(route?.name).toBe(name)
      expect(upstreamPath(route as never)).toBe(upstream)
    }
    expect(matchRoute('PUT', '/users/me/history').allow).toBe('DELETE, GET, HEAD')
    expect(matchRoute('GET', '/users/me/visits').allow).toBe('POST')
    expect(matchRoute('GET', '/users/eve/history').route).toBe(undefined)
  })

  it('knows search by its exact path', () => {
    expect(named(matchRoute('GET', '/search'))).toBe(named(matchRoute('HEAD', '/search')))
    expect(matchRoute('GET', '/search').route?.name).toBe('search')
    expect(matchRoute('POST', '/search').allow).toBe('GET, HEAD')
    expect(matchRoute('GET', '/search/').route).toBe(undefined)
    expect(upstreamPath({ name: 'search', subject: '' })).toBe('/search')
  })

  it('takes /web off the path of an item, and nothing but an id for one', () => {
    const route = matchRoute('GET', '/web/item/shoe-42').route
    expect(route === undefined ? 'none' : upstreamPath(route)).toBe('/item/shoe-42')
    expect(matchRoute('POST', '/web/item/shoe-42').allow).toBe('GET, HEAD')
    const others = ['', 'a/', 'a/b', '../a', 'A', 'a.html', 'a web', 'a%2fb', 'web/item/a']
    for (const id of others) expect(id + ' ' + named(matchRoute('GET', '/web/item/' + id))).toBe(id + ' none')
    for (const path of ['/web/item', '/item/a', '/web/items/a', '/web/webitem/a']) {
      expect(path + ' ' + named(matchRoute('GET', path))).toBe(path + ' none')
    }
  })
})

describe('tickets', () => {
  it('may be longer than other tokens, up to their own ceiling', () => {
    let longest = ''
    while (longest.length < 560) longest = longest + 'a'
    expect(named(matchRoute('GET', '/sales/a/tickets/' + longest))).toBe('ticket a')
    expect(named(matchRoute('GET', '/sales/a/tickets/a' + longest))).toBe('none')
  })
})

describe('ids', () => {
  it('are 1 to 64 of a-z, 0-9, _ and -', () => {
    let longest = ''
    while (longest.length < 64) longest = longest + 'a'
    expect(isId(longest)).toBe(true)
    expect(isId(longest + 'a')).toBe(false)
    expect(isId('a-9_z')).toBe(true)
    for (const bad of ['', 'A', 'a.b', 'a b', 'a/b', 'ä', 'a\n', '{a}']) expect(isId(bad)).toBe(false)
  })

  it('tokens may also have capitals and dots', () => {
    expect(isToken('r1.A-b_9')).toBe(true)
    for (const bad of ['', 'a b', 'a/b', 'a%2f', 'a\n']) expect(isToken(bad)).toBe(false)
  })
})
