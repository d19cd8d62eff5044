// The backend's servers as the gate's own questions (long polls, checks, item pages) see them: one of a role is asked, and when it
// does not answer, all workers of the node turn to the next.
//
// What shoppers ask for is spread over the same servers by nginx (the upstreams of nginx.conf), which has its own eyes.
import { API_ROLES, type ApiRole } from '../../../contract/api-role'
import type { HttpTarget } from './http-client'

export interface BackendServer {
  host: string
  port: number
}

export type BackendServers = Record<ApiRole, BackendServer[]>

export interface BackendTargets {
  of: Record<ApiRole, HttpTarget>
  /** one server for everything: what it does not answer, nobody answers */
  is_single: boolean
  /** those that could answer what gates and operators ask for */
  count: number
  /** reads what other workers found */
  refresh: (this: void) => void
}

const PREFIX = 'backend:'
/** a worker that asked a server which others have left already turns nothing */
const LEFT_S = 60

export function backendTargets(shared: ngx.SharedDict<string | number>, servers: BackendServers): BackendTargets {
  const of = {} as Record<ApiRole, HttpTarget>
  const turning: (() => void)[] = []
  let is_single = true
  const first = servers.operations[0] as BackendServer
  for (const role of API_ROLES) {
    for (const server of servers[role]) {
      if (server.host !== first.host || server.port !== first.port) is_single = false
    }
    of[role] = target(shared, role, servers[role], turning)
  }
  return {
    of,
    is_single,
    count: servers.operations.length,
    refresh: () => {
      for (const refresh of turning) refresh()
    },
  }
}

function target(
  shared: ngx.SharedDict<string | number>,
  role: ApiRole,
  servers: BackendServer[],
  turning: (() => void)[],
): HttpTarget {
  const first = servers[0] as BackendServer
  const asked: HttpTarget = { host: first.host, port: first.port }
  if (servers.length === 1) return asked
  const key = PREFIX + role + ':turn'
  let turn = 0

  function refresh(): void {
    turn = (shared.get(key)[0] as number | undefined) ?? 0
    const server = servers[turn % servers.length] as BackendServer
    asked.host = server.host
    asked.port = server.port
  }

  asked.failed = (host, port) => {
    if (host === asked.host && port === asked.port) {
      const [is_first] = shared.add(PREFIX + role + ':left:' + tostring(turn), 1, LEFT_S)
      if (is_first) {
        shared.incr(key, 1, 0)
        ngx.log(ngx.WARN, 'backend: ', host, ':', tostring(port), ' does not answer: ', role, ' asks the next')
      }
    }
    refresh()
  }
  turning.push(refresh)
  return asked
}
