// The operator's allow and deny lists, in two doors: addresses and networks before anything else, users and fingerprints
// as soon as they are known.
//
// Who is denied is refused, and told no more than anybody whom the gate takes for a machine. Who is allowed is not counted
// by rate limits and has no score.
import type { Standing } from '../../domain/access-list'
import { definePlugin, type PluginPhases, type Ports } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import { type Refusal, refuseUntold } from '../../kernel/verdict'
import { addressSchema, userSchema } from './schema'

interface Settings {
  /** every plugin's settings have it; the schemas here do not know */
  dry_run?: boolean
}

type Apply = (this: void, standing: Standing, request: GateRequest) => Refusal | undefined

function applier(config: Settings, ports: Ports): Apply {
  const is_dry = config.dry_run ?? false
  return (standing, request) => {
    if (standing.word === 'none') return undefined
    if (standing.word === 'deny') return refuseUntold(standing.entry)
    ports.count('allowed')
    // a dry run changes nothing for anybody
    if (!is_dry) {
      request.is_allowed = true
      request.score = 0
    }
    return undefined
  }
}

function createAddressList(config: Settings, ports: Ports): PluginPhases {
  const apply = applier(config, ports)
  return { access: (request) => apply(ports.lists.address(request.address), request) }
}

function createUserList(config: Settings, ports: Ports): PluginPhases {
  const apply = applier(config, ports)

  function access(request: GateRequest): Refusal | undefined {
    if (request.user !== '') {
      const standing = ports.lists.user(request.user)
      if (standing.word !== 'none') return apply(standing, request)
    }
    // many people may share a fingerprint: who is known to be welcome is not refused for it
    if (request.fingerprint === '' || request.is_allowed) return undefined
    return apply(ports.lists.fingerprint(request.fingerprint), request)
  }

  return { access }
}

export const addressList = definePlugin({
  name: 'address-list',
  version: '0.1.0',
  priority: 3500,
  routes: [
    'sales',
    'state',
    'challenge',
    'take_ticket',
    'ticket',
    'draw',
    'reserve',
    'cart',
    'reservation',
    'give_back',
    'pay',
    'login',
    'logout',
    'webhook',
    'sandbox',
    'item',
    'search',
    'history',
    'forget_history',
    'visit',
  ],
  fails: 'open',
  schema: addressSchema,
  create: createAddressList,
})

export const userList = definePlugin({
  name: 'user-list',
  version: '0.1.0',
  priority: 1950,
  routes: ['challenge', 'take_ticket', 'reserve', 'pay'],
  fails: 'open',
  schema: userSchema,
  create: createUserList,
})
