// rushgate.json: which plugins run on which route, their settings, and the gate's own ceilings.
//
// Addresses and secrets are not in it: they come from the environment (RUSHGATE_REDIS_URL, REDIS_VOLATILE_URL, RUSHGATE_BACKEND, RUSHGATE_SECRET, and
// RUSHGATE_TRUSTED_PROXIES in place of clients.trusted_proxies).

import { LANE_BATCH_MAX } from '../../../contract/lane-scripts'
import { parseNetwork } from '../domain/address'
import type { RouteName } from '../domain/route'
import { type EventsSettings, eventsSchema } from './events'
import {
  boolean,
  enumeration,
  type Field,
  type Infer,
  integer,
  list,
  type ObjectField,
  object,
  readField,
  record,
  string,
  type TextRule,
} from './schema'

/** What the configuration needs to know of a plugin. */
export interface PluginDeclaration {
  name: string
  schema: ObjectField
}

// A record, so that a route without a place here does not compile.
const ROUTES: Record<RouteName, true> = {
  sales: true,
  state: true,
  challenge: true,
  take_ticket: true,
  ticket: true,
  draw: true,
  reserve: true,
  cart: true,
  reservation: true,
  give_back: true,
  pay: true,
  login: true,
  logout: true,
  webhook: true,
  sandbox: true,
  item: true,
  search: true,
  history: true,
  forget_history: true,
  visit: true,
  trap: true,
}

const laneSchema = object(
  'A lane: the one connection of a worker to Redis, on which waiting requests travel together.',
  {
    batch_max: integer({
      min: 1,
      max: LANE_BATCH_MAX,
      unit: 'reservations',
      default: LANE_BATCH_MAX,
      description: 'Most in one script call: it bounds the time that one call holds Redis (255 take about 1 ms).',
    }),
    queue_max: integer({
      min: 1,
      max: 1000000,
      unit: 'requests',
      default: 10000,
      description: 'Requests of one worker that may wait for Redis; beyond it a request is refused as busy.',
    }),
    wait_ms_max: integer({
      min: 10,
      max: 60000,
      unit: 'milliseconds',
      default: 3000,
      description:
        'How long a request waits for its line; after it the outcome is unknown and the client is told to repeat.',
    }),
    connect_ms_max: integer({
      min: 1,
      max: 60000,
      unit: 'milliseconds',
      default: 500,
      description: 'How long a connect to Redis may take.',
    }),
    reply_ms_max: integer({
      min: 10,
      max: 60000,
      unit: 'milliseconds',
      default: 2000,
      description: 'How long Redis may take to answer a pipeline; after it the connection is closed.',
    }),
  },
)

type LaneSettings = Infer<typeof laneSchema>

const degradeSchema = object("Degradation by a node's own load; docs/OPERATING.md says what each level switches off.", {
  by_load: boolean({
    default: true,
    description: "Whether the node's load may raise the level that is set by hand.",
  }),
  queue_age_ms_max: integer({
    min: 0,
    max: 60000,
    unit: 'milliseconds',
    default: 250,
    description:
      'A request that waits this long for Redis means level 1, twice as long level 2, four times level 3; 0: not looked at.',
  }),
  lag_ms_max: integer({
    min: 0,
    max: 60000,
    unit: 'milliseconds',
    default: 250,
    description: 'The same for how late the timers of a worker are, which is how busy its event loop is.',
  }),
  quiet_ms: integer({
    min: 1000,
    max: 3600000,
    unit: 'milliseconds',
    default: 10000,
    description: 'How long the load must stay below half of a level before that level is left.',
  }),
})

const volatileLaneSchema = object(
  'The lane to the Redis of what may be lost (REDIS_VOLATILE_URL). Its batch_max and queue_max are those of lane.',
  {
    wait_ms_max: integer({
      min: 10,
      max: 10000,
      unit: 'milliseconds',
      default: 300,
      description: 'How long a request waits for it, before the node goes on with its own share of the limit.',
    }),
    connect_ms_max: integer({
      min: 1,
      max: 10000,
      unit: 'milliseconds',
      default: 200,
      description: 'How long a connect may take.',
    }),
    reply_ms_max: integer({
      min: 10,
      max: 10000,
      unit: 'milliseconds',
      default: 500,
      description: 'How long it may take to answer a pipeline; after it the connection is closed.',
    }),
  },
)

export type DegradeSettings = Infer<typeof degradeSchema>
type VolatileLaneSettings = Infer<typeof volatileLaneSchema>

/** Addresses per network are a handful; a CDN's list has some dozens. */
const TRUSTED_PROXIES_MAX = 256

export const networkRule: TextRule = {
  rule: 'be an address or a network like "10.0.0.0/8", without bits past its prefix',
  test: (text) => parseNetwork(text) !== undefined,
  pattern: '^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$',
}

const clientsSchema = object("Clients: whose word about a client's address is believed.", {
  trusted_proxies: list({
    item: string({
      length_min: 1,
      length_max: 49,
      matches: networkRule,
      required: true,
      example: '10.0.0.0/8',
      description: 'An address or a network.',
    }),
    length_max: TRUSTED_PROXIES_MAX,
    unique: true,
    default: [],
    description: "Proxies in front of this gate. From all others the peer's own address counts, whatever they send.",
  }),
  address_from: enumeration({
    values: ['x_forwarded_for', 'x_real_ip', 'proxy_protocol'],
    default: 'x_forwarded_for',
    description:
      'What a trusted proxy says it by: X-Forwarded-For (read from the right, past trusted hops), X-Real-IP, or the PROXY protocol (the listener must speak it).',
  }),
})

export type ClientSettings = Infer<typeof clientsSchema>

export interface GateConfig {
  version: number
  /** on routes that are not named run the plugins that are made for them */
  routes: Record<string, { plugins: string[] }>
  /** every registered plugin has an entry, filled up with its defaults */
  plugins: Record<string, Record<string, unknown> & { dry_run: boolean }>
  lane: LaneSettings
  degrade: DegradeSettings
  volatile_lane: VolatileLaneSettings
  clients: ClientSettings
  events: EventsSettings
}

function settingsOf(plugin: PluginDeclaration): Field<unknown> {
  const members: Record<string, Field<unknown>> = {
    dry_run: boolean({
      default: false,
      description: 'Let everything pass, and record in log and metrics what would have been refused.',
    }),
  }
  for (const name in plugin.schema.members) members[name] = plugin.schema.members[name] as Field<unknown>
  return object(plugin.schema.description, members)
}

export function routeNames(): RouteName[] {
  const names: RouteName[] = []
  for (const name in ROUTES) names.push(name as RouteName)
  names.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  return names
}

/** The declaration of the whole file, for these plugins. */
export function configSchema(plugins: readonly PluginDeclaration[]): ObjectField<GateConfig> {
  const names: string[] = []
  const settings: Record<string, Field<unknown>> = {}
  for (const plugin of plugins) {
    names.push(plugin.name)
    settings[plugin.name] = settingsOf(plugin)
  }
  const route = object('One route.', {
    plugins: list({
      item: enumeration({ values: names, required: true, example: names[0] ?? '', description: 'Name of a plugin.' }),
      length_max: 64,
      unique: true,
      required: true,
      example: names,
      description: 'The plugins that run on it. They run in the order of their priority, not of this list.',
    }),
  })
  const schema = object("The gate's configuration.", {
    $schema: string({
      length_max: 500,
      default: '',
      description: 'For editors: where the JSON Schema of this file is.',
    }),
    version: integer({ min: 1, max: 1, required: true, example: 1, description: 'Version of this format.' }),
    routes: record({
      names: routeNames(),
      value: route,
      default: {},
      description: 'Which plugins run on which route. On routes that are not named run those that are made for them.',
    }),
    plugins: object('Settings of the plugins, by name.', settings),
    lane: laneSchema,
    degrade: degradeSchema,
    volatile_lane: volatileLaneSchema,
    clients: clientsSchema,
    events: eventsSchema,
  })
  return schema as unknown as ObjectField<GateConfig>
}

interface ConfigReading {
  /** may be used only when there is no problem */
  config: GateConfig
  /** each as "path: rule, got value" */
  problems: string[]
}

/** `value` is what a JSON decoder made of the file. */
export function readConfig(value: unknown, plugins: readonly PluginDeclaration[]): ConfigReading {
  const problems: string[] = []
  const config = readField(configSchema(plugins), value, '', problems)
  return { config, problems }
}

/** Is this plugin to run on this route? */
export function runsOn(
  config: GateConfig,
  route: RouteName,
  plugin: { name: string; routes: readonly RouteName[] },
): boolean {
  const named = config.routes[route]
  if (named === undefined) {
    for (const usual of plugin.routes) if (usual === route) return true
    return false
  }
  for (const name of named.plugins) if (name === plugin.name) return true
  return false
}
