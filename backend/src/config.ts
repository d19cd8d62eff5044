// The backend's configuration: the environment, parsed once and printed with its secrets left out.
import { hostname } from 'node:os'
import { z } from 'zod'
import { API_ROLES } from '../../contract/api-role'
import { hot_item_environment } from './hot-items/settings'
import { apiRolesIn } from './http/api-roles'
import { parseSecrets, readSecretFile, type Secret } from './secrets'

export const ROLES = [...API_ROLES, 'settler', 'relay', 'sweeper', 'indexer'] as const
/** `api` is all of API_ROLES */
type Role = (typeof ROLES)[number] | 'api'

const ADMIN_TOKEN_LENGTH_MIN = 16

const BROKER = /^(?:[\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}$/

/** an address, IPv6 in brackets, with or without a port */
const DNS_SERVER = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/

const flag = z
  .enum(['0', '1', ''])
  .default('0')
  .transform((value) => value === '1')

const secrets = z.string().transform((value, context): Secret[] => {
  try {
    return parseSecrets(value)
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) })
    return z.NEVER
  }
})

function url(...protocols: string[]) {
  return z
    .string()
    .refine(
      (value) => URL.canParse(value) && protocols.includes(new URL(value).protocol),
      `must be a URL that starts with ${protocols.map((each) => `${each}//`).join(' or ')}`,
    )
}

/** host:port, with commas between */
const brokers = z
  .string()
  .transform((value) => value.split(',').map((each) => each.trim()))
  .refine((list) => list.every((each) => BROKER.test(each)), 'must be host:port, several with commas between')

const topic_prefix = z
  .string()
  .regex(/^[\w.-]{0,100}$/, 'must be letters, digits, dots, dashes and underscores, 100 at most')
  .default('')

/** Elasticsearch wants names of indexes in small letters, and none that begins with one of -_+ */
const index_prefix = z
  .string()
  .regex(
    /^([a-z0-9][a-z0-9._-]{0,99})?$/,
    'must begin with a small letter or a digit, then small letters, digits, dots, dashes and underscores, 100 at most',
  )
  .default('')

/** "3-5": from the beginning of one hour to that of another, UTC; "off" for never */
const hours = z
  .string()
  .regex(/^(off|(\d|1\d|2[0-3])-(\d|1\d|2[0-4]))$/, 'must be two hours of the day, as 3-5, or off')
  .default('3-5')
  .transform((text) => {
    if (text === 'off') return undefined
    const [from, to] = text.split('-').map(Number)
    return { from: from ?? 0, to: to ?? 0 }
  })

const environment = z.object({
  RUSHGATE_BIND: z.string().min(1).default('127.0.0.1'),
  RUSHGATE_PORT: z.coerce.number().int().min(0).max(65535).default(8081),
  RUSHGATE_PUBLIC_URL: url('http:', 'https:').default('http://127.0.0.1:8080'),
  RUSHGATE_DATA: z.string().min(1).default('.rushgate'),
  DATABASE_URL: url('postgres:', 'postgresql:').optional(),
  REDIS_URL: url('redis:', 'rediss:').default('redis://127.0.0.1:6379'),
  /** what may be lost: caches, and events where there is no Kafka; default: the same Redis */
  REDIS_VOLATILE_URL: url('redis:', 'rediss:').optional(),
  /** unset: intents are settled from their Redis streams, and events of items come by the volatile Redis */
  KAFKA_BROKERS: brokers.optional(),
  /** unset: search and the index of hot items are PostgreSQL's */
  ELASTICSEARCH_URL: url('http:', 'https:').optional(),
  /** stands before the names of topics and of consumer groups, so that several installations can share a cluster; gates have it too */
  KAFKA_TOPIC_PREFIX: topic_prefix,
  /** stands before the names of indexes, aliases and templates */
  ELASTICSEARCH_INDEX_PREFIX: index_prefix,
  ...hot_item_environment,
  /** hours of low traffic, in which the indexes of products are made anew once a day */
  RUSHGATE_REINDEX_HOURS: hours,
  RUSHGATE_SECRET: secrets,
  /** read in place of RUSHGATE_SECRET, and again on SIGHUP */
  RUSHGATE_SECRET_FILE: z.string().optional(),
  RUSHGATE_ADMIN_TOKEN: z.string().min(ADMIN_TOKEN_LENGTH_MIN),
  RUSHGATE_DEMO: flag,
  /** password hashes in progress and waiting; each takes 180 ms of a core */
  RUSHGATE_LOGIN_HASHES_MAX: z.coerce.number().int().min(1).max(10_000).default(32),
  /** address:port of DNS servers for looking up crawlers, with commas between; unset: the system's */
  RUSHGATE_DNS: z
    .string()
    .transform((value) => value.split(',').map((each) => each.trim()))
    .refine((list) => list.every((each) => DNS_SERVER.test(each)), 'must be address:port, several with commas between')
    .optional(),
  /** entries in a shard's stream of intents, each a batch of up to 255: above it purchases are told `busy` */
  RUSHGATE_BACKLOG_MAX: z.coerce.number().int().min(0).max(10_000_000).default(100_000),
  RUSHGATE_SANDBOX: flag,
  PAYMENT_PROVIDER: z.enum(['sandbox']).default('sandbox'),
  /** stable over restarts: the settler's name in its consumer group and the rebuilder's in the ledger */
  RUSHGATE_INSTANCE: z
    .string()
    .regex(/^[\w.:-]{1,64}$/)
    .optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
})

export interface Config {
  bind: string
  port: number
  /** without a slash at its end */
  public_url: string
  data_dir: string
  database_url: string | undefined
  redis_url: string
  redis_volatile_url: string
  kafka_brokers: string[] | undefined
  /** may hold a user and a password */
  elasticsearch_url: string | undefined
  /** '' by default */
  kafka_topic_prefix: string
  /** '' by default */
  elasticsearch_index_prefix: string
  hot_item_consumers: number
  hot_item_retention_days: number
  reindex_hours: { from: number; to: number } | undefined
  secrets: Secret[]
  secret_file: string | undefined
  admin_token: string
  demo: boolean
  login_hashes_max: number
  /** 0: no such limit */
  backlog_max: number
  /** none: the system's */
  dns_servers: string[]
  payment_provider: 'sandbox'
  instance: string
  log_level: string
  roles: Role[]
}

class ConfigError extends Error {}

export function parseRoles(text: string | undefined): Role[] {
  if (text === undefined) return [...ROLES]
  const wanted = text.split(',').map((role) => role.trim())
  const unknown = wanted.filter((role) => role !== 'api' && !(ROLES as readonly string[]).includes(role))
  if (unknown.length > 0) {
    throw new ConfigError(
      `--roles: there is no role "${unknown.join('", "')}"; the roles are ${ROLES.join(', ')}, and api for the first ${API_ROLES.length}`,
    )
  }
  const of_api: readonly string[] = apiRolesIn(wanted)
  return ROLES.filter((role) => wanted.includes(role) || of_api.includes(role))
}

function secretsIn(file: string): string {
  try {
    return readSecretFile(file)
  } catch (error) {
    throw new ConfigError(`RUSHGATE_SECRET_FILE: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Throws a ConfigError that names every variable that is wrong, and the rule it breaks. */
export function parseConfig(env: Record<string, string | undefined>, roles: Role[]): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const secret_file = given.RUSHGATE_SECRET_FILE
  if (secret_file !== undefined) given.RUSHGATE_SECRET = secretsIn(secret_file)
  const parsed = environment.safeParse(given)
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => {
      const name = String(issue.path[0])
      if (name === 'RUSHGATE_SECRET' && secret_file !== undefined) return `RUSHGATE_SECRET_FILE: ${issue.message}`
      return given[name] === undefined ? `${name}: must be set` : `${name}: ${issue.message}`
    })
    throw new ConfigError(problems.join('\n'))
  }
  const values = parsed.data
  if (values.DATABASE_URL === undefined && roles.length < ROLES.length) {
    throw new ConfigError(
      `--roles ${roles.join(',')}: needs DATABASE_URL, because without it the ledger is a PGlite folder that only one process may use`,
    )
  }
  if (!values.RUSHGATE_DEMO && !values.RUSHGATE_SANDBOX) {
    throw new ConfigError(
      'PAYMENT_PROVIDER: sandbox takes no money, so it runs only with RUSHGATE_DEMO=1 or RUSHGATE_SANDBOX=1',
    )
  }
  return {
    bind: values.RUSHGATE_BIND,
    port: values.RUSHGATE_PORT,
    public_url: values.RUSHGATE_PUBLIC_URL.replace(/\/+$/, ''),
    data_dir: values.RUSHGATE_DATA,
    database_url: values.DATABASE_URL,
    redis_url: values.REDIS_URL,
    redis_volatile_url: values.REDIS_VOLATILE_URL ?? values.REDIS_URL,
    kafka_brokers: values.KAFKA_BROKERS,
    elasticsearch_url: values.ELASTICSEARCH_URL,
    kafka_topic_prefix: values.KAFKA_TOPIC_PREFIX,
    elasticsearch_index_prefix: values.ELASTICSEARCH_INDEX_PREFIX,
    hot_item_consumers: values.HOT_ITEM_CONSUMERS,
    hot_item_retention_days: values.HOT_ITEM_RETENTION_DAYS,
    reindex_hours: values.RUSHGATE_REINDEX_HOURS,
    secrets: values.RUSHGATE_SECRET,
    secret_file: values.RUSHGATE_SECRET_FILE,
    admin_token: values.RUSHGATE_ADMIN_TOKEN,
    demo: values.RUSHGATE_DEMO,
    login_hashes_max: values.RUSHGATE_LOGIN_HASHES_MAX,
    backlog_max: values.RUSHGATE_BACKLOG_MAX,
    dns_servers: values.RUSHGATE_DNS ?? [],
    payment_provider: values.PAYMENT_PROVIDER,
    instance:
      values.RUSHGATE_INSTANCE ??
      `${hostname()
        .replace(/[^\w.-]/g, '-')
        .substring(0, 50)}.${values.RUSHGATE_PORT}`,
    log_level: values.LOG_LEVEL,
    roles,
  }
}

/** parameters in which clients of PostgreSQL, Redis and Elasticsearch take a password, by a part of their names */
const SECRET_PARAMETER = /pass|pwd|secret|token|api_?key/i

function redactUrl(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const parsed = new URL(text)
  if (parsed.password !== '') parsed.password = 'redacted'
  for (const name of new Set(parsed.searchParams.keys()))
    if (SECRET_PARAMETER.test(name)) parsed.searchParams.set(name, 'redacted')
  return parsed.toString()
}

/** The configuration as it may be logged. */
export function redacted(config: Config): Record<string, unknown> {
  return {
    ...config,
    database_url: redactUrl(config.database_url) ?? 'none: PGlite in the data folder',
    redis_url: redactUrl(config.redis_url),
    redis_volatile_url: redactUrl(config.redis_volatile_url),
    elasticsearch_url: redactUrl(config.elasticsearch_url) ?? 'none: PostgreSQL',
    kafka_brokers: config.kafka_brokers ?? 'none: Redis streams',
    secrets: config.secrets.map(({ id }) => `${id}:redacted`),
    admin_token: 'redacted',
  }
}
