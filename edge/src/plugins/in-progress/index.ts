// Requests in progress at once, by address and in all: what a slow client holds, it holds of its own share.
import { addressPrefixes } from '../../domain/address-prefix'
import { definePlugin, type Ports } from '../../kernel/plugin'
import { refuseFor } from '../../kernel/verdict'
import { schema } from './schema'

const RETRY_MS = 1000

interface Settings {
  address_max: number
  all_max: number
}

export const inProgress = definePlugin({
  name: 'in-progress',
  version: '0.1.0',
  priority: 3400,
  routes: ['sales', 'login', 'draw', 'webhook', 'sandbox'],
  fails: 'closed',
  schema,
  create: (config: Settings, ports: Ports) => {
    const { address_max, all_max } = config
    const addressKey = addressPrefixes(32, 64)
    return {
      access: (request) => {
        // whoever is on the allow list counts among all alone
        const key = request.is_allowed ? 'allowed' : addressKey(request.address)
        const outcome = ports.in_progress.enter(key, request.is_allowed ? all_max : address_max, all_max)
        if (outcome === 'in') return undefined
        if (outcome === 'not_counted') {
          ports.count('not_counted')
          return undefined
        }
        ports.count(outcome === 'key' ? 'address' : 'all')
        const refusal =
          outcome === 'key'
            ? refuseFor('rate_limited', 'Too many requests at once: "in-progress.address_max" is reached.', RETRY_MS)
            : refuseFor('busy', 'This node has its hands full: "in-progress.all_max" is reached.', RETRY_MS)
        refusal.limit = outcome === 'key' ? 'in-progress.address_max' : 'in-progress.all_max'
        return refusal
      },
    }
  },
})
