// Which role serves which path, as one table; a process refuses the paths of roles that it does not have.
//
// The gate sends by route what is served here by path (edge/src/domain/api-role.ts): a spec holds both against each other, and
// against the routes that there are, so that none is without a role.
import type { RequestHandler } from 'express'
import { API_ROLES, type ApiRole } from '../../../contract/api-role'
import { Refusal } from './refusal'

/** The first that fits. */
const PATHS: [pattern: RegExp, role: ApiRole][] = [
  [/^\/internal\/items$/, 'product'],
  [/^\/(admin|internal|desk)(\/|$)/, 'operations'],
  [/^\/(sessions|users)(\/|$)/, 'user'],
  [/^\/(items?|search)(\/|$)/, 'product'],
  [/^\/sales(\/[^/]+\/draw)?$/, 'product'],
  [/^\/sales\/[^/]+\/reservations$/, 'order'],
  [/^\/reservations\/[^/]+\/payment$/, 'transaction'],
  [/^\/reservations\/[^/]+$/, 'order'],
  [/^\/(webhooks|sandbox)\//, 'transaction'],
]

export function apiRoleOf(path: string): ApiRole | undefined {
  return PATHS.find(([pattern]) => pattern.test(path))?.[1]
}

/** The name `api` stands for all of them. */
export function apiRolesIn(roles: readonly string[]): ApiRole[] {
  return API_ROLES.filter((role) => roles.includes(role) || roles.includes('api'))
}

/** What belongs to no role is left to the routes, of which none has it. */
export function onlyRoles(served: ApiRole[]): RequestHandler {
  return (request, _, next) => {
    const role = apiRoleOf(request.path)
    if (role !== undefined && !served.includes(role))
      throw new Refusal('not_found', `the role ${role} serves this path, and this process has ${served.join(', ')}`)
    next()
  }
}
