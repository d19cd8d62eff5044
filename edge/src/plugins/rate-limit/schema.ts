import type { RouteName } from '../../domain/route'
import { routeNames } from '../../kernel/config'
import { enumeration, type Infer, integer, list, object, string, type TextRule } from '../../kernel/schema'

const LIMITS_MAX = 32

function isName(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (!((code >= 97 && code <= 122) || code === 95)) return false
  }
  return text !== ''
}

const nameRule: TextRule = { rule: 'be of a-z and _', test: isName, pattern: '^[a-z_]+$' }

const headerRule: TextRule = {
  rule: "be a header's name in small letters with underscores, like x_api_key",
  test: (text) => text === '' || isName(text),
  pattern: '^[a-z_]*$',
}

/** What is counted apart: `subjects` are those that the plugin knows when it runs. */
function limitSchema<const S extends string>(subjects: readonly S[], first: NoInfer<S>) {
  return object('One limit.', {
    name: string({
      length_min: 1,
      length_max: 32,
      matches: nameRule,
      required: true,
      example: 'people',
      description: 'Its name in RateLimit headers and metrics.',
    }),
    by: enumeration({
      values: subjects,
      required: true,
      example: first,
      description:
        'What is counted apart: an address (IPv6: its /64), address_net (/24, IPv6: its /48), user, session, route (all together), header, or login (address and account of the body together).',
    }),
    header: string({
      length_max: 64,
      matches: headerRule,
      default: '',
      description: 'Which header, for by: header. Requests without it are not counted.',
    }),
    algorithm: enumeration({
      values: ['token_bucket', 'leaky_bucket', 'sliding_window'],
      default: 'token_bucket',
      description:
        'token_bucket: a burst, refilled at the rate. sliding_window: never more than the rate within any per_s. leaky_bucket: let through evenly, waiting for their turn.',
    }),
    rate: integer({ min: 1, max: 1000000, unit: 'requests', required: true, example: 20, description: 'In per_s.' }),
    per_s: integer({ min: 1, max: 86400, unit: 'seconds', default: 1, description: 'In how long.' }),
    burst: integer({
      min: 0,
      max: 1000000,
      unit: 'requests',
      default: 0,
      description: 'At once. 0: rate for token_bucket, half of it for sliding_window, 1 for leaky_bucket.',
    }),
    delay_ms_max: integer({
      min: 0,
      max: 30000,
      unit: 'milliseconds',
      default: 1000,
      description: 'How long leaky_bucket holds a request back; one that would wait longer is refused.',
    }),
    scope: enumeration({
      values: ['node', 'cluster'],
      default: 'node',
      description: 'node: counted by each gate for itself, in shared memory. cluster: by all gates together, in Redis.',
    }),
    lease_ms: integer({
      min: 0,
      max: 60000,
      unit: 'milliseconds',
      default: 200,
      description:
        'scope cluster: how long a node may spend what it took from the whole without asking; at most a quarter of what is let through at once is held so. 0: it asks for each request.',
    }),
    share_when_alone: integer({
      min: 1,
      max: 100,
      unit: 'percent',
      default: 25,
      description: 'scope cluster: the part of the limit that each node lets through by itself while Redis is away.',
    }),
    routes: list({
      item: enumeration({ values: routeNames(), required: true, example: 'login', description: 'A route.' }),
      length_max: 64,
      unique: true,
      default: [],
      description: 'Only there; empty: on every route where the plugin runs.',
    }),
  })
}

const addressLimit = limitSchema(['address', 'address_net', 'header', 'login', 'route'], 'address')
const userLimit = limitSchema(['user', 'session'], 'user')

export type Limit = Infer<typeof addressLimit> | Infer<typeof userLimit>

function byDefault(
  name: string,
  by: 'address' | 'address_net' | 'login',
  routes: RouteName[],
  rate: number,
  per_s: number,
  burst: number,
) {
  const algorithm: Limit['algorithm'] = 'token_bucket'
  const scope: Limit['scope'] = 'node'
  return {
    name,
    by,
    header: '',
    algorithm,
    rate,
    per_s,
    burst,
    delay_ms_max: 1000,
    scope,
    lease_ms: 200,
    share_when_alone: 25,
    routes,
  }
}

const waiting_max = integer({
  min: 0,
  max: 10000,
  unit: 'requests',
  default: 1000,
  description: 'Requests of one worker that leaky_bucket holds back at once; beyond it they are refused.',
})

export const schema = object('Rate limits by address, route, header and login, before anything is known of the user.', {
  limits: list({
    item: addressLimit,
    length_max: LIMITS_MAX,
    default: [
      byDefault('login', 'login', ['login'], 10, 60, 20),
      byDefault('login_address', 'address', ['login'], 10, 1, 100),
      byDefault('login_network', 'address_net', ['login'], 100, 1, 1000),
      byDefault('search', 'address', ['search'], 20, 1, 100),
      byDefault('draw', 'address', ['draw'], 30, 60, 30),
      byDefault('address', 'address', ['sales', 'state'], 1000, 1, 5000),
      byDefault('network', 'address_net', ['sales', 'state'], 10000, 1, 50000),
    ],
    description: 'Asked in this order; a request that a later one refuses has used up the earlier ones.',
  }),
  waiting_max,
})

export const userSchema = object('Rate limits by user and session.', {
  limits: list({
    item: userLimit,
    length_max: LIMITS_MAX,
    default: [],
    description: 'Asked in this order; a request that a later one refuses has used up the earlier ones.',
  }),
  waiting_max,
  hasty_after: integer({
    min: 0,
    max: 10000,
    unit: 'refusals',
    default: 20,
    description: 'A session that is refused so often within a minute gets points by bot-score. 0: none does.',
  }),
  hasty_s: integer({ min: 1, max: 86400, unit: 'seconds', default: 600, description: 'For how long it has them.' }),
})
