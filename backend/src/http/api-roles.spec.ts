// Every path has one role, on both sides: what the gate sends to a role, and what this role serves.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { API_ROLES } from '../../../contract/api-role'
import { apiRoleOfRoute } from '../../../edge/src/domain/api-role'
import { matchRoute, upstreamPath } from '../../../edge/src/domain/route'
import { apiRoleOf, apiRolesIn } from './api-roles'

const SOURCES = join(import.meta.dirname, '..')
/** every process answers these */
const OF_ALL = ['/livez', '/healthz', '/metrics']

function routePaths(): string[] {
  return readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
    .flatMap((file) => [
      ...readFileSync(join(SOURCES, file), 'utf8').matchAll(/addRoute\(\s*\w+,\s*['`](\/[^'`]+)['`]/g),
    ])
    .map(([, path]) => path as string)
    .filter((path) => !OF_ALL.includes(path))
}

test('no route is without a role', () => {
  const paths = routePaths()
  expect(paths.length).toBeGreaterThan(15)
  expect(paths.filter((path) => apiRoleOf(path) === undefined)).toEqual([])
})

describe('what the gate forwards goes to the role that serves it', () => {
  test.each([
    ['POST', '/sessions', 'user'],
    ['DELETE', '/sessions', 'user'],
    ['GET', '/sales', 'product'],
    ['GET', '/sales/demo/draw', 'product'],
    ['GET', '/web/item/mug', 'product'],
    ['GET', '/search', 'product'],
    ['GET', '/users/me/history', 'user'],
    ['DELETE', '/users/me/history', 'user'],
    ['POST', '/users/me/visits', 'user'],
    ['GET', '/sales/demo/reservations', 'order'],
    ['GET', '/reservations/r1', 'order'],
    ['DELETE', '/reservations/r1', 'order'],
    ['POST', '/reservations/r1/payment', 'transaction'],
    ['POST', '/webhooks/sandbox', 'transaction'],
    ['GET', '/sandbox/pay/p1', 'transaction'],
  ])('%s %s: %s', (method, path, role) => {
    const { route } = matchRoute(method, path)
    if (route === undefined) throw new Error('the gate has no such route')
    expect(apiRoleOfRoute(route.name)).toBe(role)
    expect(apiRoleOf(upstreamPath(route))).toBe(role)
  })

  test('and what gates and operators ask for', () => {
    for (const path of ['/internal/sales', '/internal/lists', '/admin/sales', '/admin/hot-items', '/desk/live'])
      expect(apiRoleOf(path), path).toBe('operations')
    // with the pages that it is about
    expect(apiRoleOf('/internal/items')).toBe('product')
    expect(apiRoleOf('/livez')).toBe(undefined)
  })
})

test('api is the name of all of them', () => {
  expect(apiRolesIn(['api', 'settler'])).toEqual(API_ROLES)
  expect(apiRolesIn(['settler', 'order', 'user'])).toEqual(['user', 'order'])
  expect(apiRolesIn(['settler'])).toEqual([])
})
