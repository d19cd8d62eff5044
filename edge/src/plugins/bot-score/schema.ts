import type { RouteName } from '../../domain/route'
import { routeNames } from '../../kernel/config'
import { enumeration, type Infer, integer, list, object } from '../../kernel/schema'

const POINTS_MAX = 1000
const NOWHERE: RouteName[] = []

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

export const schema = object('How much a request looks like a machine: a score, and what follows from it.', {
  thresholds: list({
    item: thresholds,
    length_max: 32,
    default: [],
    description:
      'The first that is for a route counts, where the sale has none of its own (gate.score). Shipped: none, so scores are counted and nothing follows.',
  }),
  trap_s: integer({
    min: 10,
    max: 86400,
    unit: 'seconds',
    default: 3600,
    description: 'How long this node remembers who followed the link that no person sees.',
  }),
})
