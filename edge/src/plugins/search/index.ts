// Searches on their way to the backend: bounded in length, and refused at the levels of degradation that switch search off.
import { termsOf } from '../../domain/degradation'
import { definePlugin, type Ports } from '../../kernel/plugin'
import { refuse, refuseFor } from '../../kernel/verdict'
import { schema } from './schema'

interface Settings {
  query_bytes_max: number
  retry_ms: number
}

export const search = definePlugin({
  name: 'search',
  version: '0.1.0',
  priority: 900,
  routes: ['search'],
  fails: 'open',
  schema,
  create: ({ query_bytes_max, retry_ms }: Settings, { http, crypto, degrade, count }: Ports) => ({
    access: () => {
      if (!termsOf(degrade()).search) {
        count('switched_off')
        const refusal = refuseFor('busy', 'Search is switched off for a while, so that buying goes on.', retry_ms)
        refusal.limit = 'degrade.search'
        return refusal
      }
      if (crypto.byteLength(http.query()) <= query_bytes_max) return undefined
      count('too_long')
      const refusal = refuse('bad_request', 'The query is longer than "search.query_bytes_max" allows.')
      refusal.limit = 'search.query_bytes_max'
      return refusal
    },
  }),
})
