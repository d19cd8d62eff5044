import type { RouteName } from '../../domain/route'
import { networkRule, routeNames } from '../../kernel/config'
import { enumeration, type Infer, integer, list, object, string, type TextRule } from '../../kernel/schema'

const POINTS_MAX = 1000
const NOWHERE: RouteName[] = []
const NOTHING: string[] = []

export const thresholds = object('What follows from a score, on some routes.', {
  routes: list({
    item: enumeration({ values: routeNames(), required: true, example: 'reserve', description: 'A route.' }),
    length_max: 64,
    unique: true,
    default: NOWHERE,
    description: 'Only there; empty: on every route where the plugin runs.',
  }),
  challenge_from: integer({
    min: 0,
    max: POINTS_MAX,
    unit: 'points',
    default: 0,
    description: 'From this score on a purchase must bring a proof, also in a sale that asks for none. 0: never.',
  }),
  refuse_from: integer({
    min: 0,
    max: POINTS_MAX,
    unit: 'points',
    default: 0,
    description: 'From this score on a request is refused. 0: never.',
  }),
})

export type Thresholds = Infer<typeof thresholds>

const domainRule: TextRule = {
  rule: 'be a domain like "googlebot.com", in small letters',
  test: isDomain,
  pattern: '^[a-z0-9-]+(\\.[a-z0-9-]+)+$',
}

function isDomain(text: string): boolean {
  let label = 0
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 46) {
      if (label === 0) return false
      dots += 1
      label = 0
    } else {
      if (!((code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code === 45)) return false
      label += 1
    }
  }
  return dots > 0 && label > 0
}

const crawler = object('A crawler that can be told from those who use its name.', {
  agent: string({
    length_min: 3,
    length_max: 64,
    required: true,
    example: 'Googlebot',
    description: 'What stands in its User-Agent, written as it is there.',
  }),
  ranges: list({
    item: string({
      length_max: 43,
      matches: networkRule,
      required: true,
      example: '192.0.2.0/24',
      description: 'A network.',
    }),
    length_max: 4096,
    unique: true,
    default: NOTHING,
    description: 'Networks that it comes from.',
  }),
  ranges_file: string({
    length_max: 4096,
    default: '',
    description:
      'A file with more of them, as their owner publishes it: {"prefixes": [{"ipv4Prefix": "192.0.2.0/24"}]}. Followed as it changes.',
  }),
  domains: list({
    item: string({
      length_max: 200,
      matches: domainRule,
      required: true,
      example: 'googlebot.com',
      description: 'A domain.',
    }),
    length_max: 8,
    unique: true,
    default: NOTHING,
    description:
      'Whoever is in no range is looked up in the DNS: the name of the address must be in one of these, and lead back to the address.',
  }),
})

export const schema = object('How much a request looks like a machine: a score, and what follows from it.', {
  thresholds: list({
    item: thresholds,
    length_max: 32,
    default: [],
    description:
      'The first that is for a route counts, where the sale has none of its own (gate.score). Shipped: none, so scores are counted and nothing follows.',
  }),
  crawlers: list({
    item: crawler,
    length_max: 64,
    default: [],
    description:
      'Crawlers whose addresses are known. Who uses the name of one from elsewhere gets points. Shipped: none.',
  }),
  crawlers_keep_s: integer({
    min: 1,
    max: 604800,
    unit: 'seconds',
    default: 21600,
    description: "How long the DNS' word on an address is kept.",
  }),
  trap_s: integer({
    min: 10,
    max: 86400,
    unit: 'seconds',
    default: 3600,
    description: 'How long this node remembers who followed the link that no person sees.',
  }),
})
