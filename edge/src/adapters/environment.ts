// What the gate is told by its environment, parsed once in init. Secrets come this way or by the file that it names, and are
// never logged.
import { API_ROLES } from '../../../contract/api-role'
import { SECRET_LENGTH_MIN } from '../../../contract/secrets'
import type { BackendServer, BackendServers } from './backend-servers'
import { readSecretFile } from './secret-file'

export interface Secret {
  key_id: string
  secret: string
}

export interface RedisAddress {
  host: string
  /** what its certificate must be for */
  server_name: string
  port: number
  /** '' for none */
  user: string
  password: string
  database: number
  tls: boolean
}

export interface Environment {
  /** the first signs, all verify */
  secrets: Secret[]
  redis: RedisAddress
  /** for what may be lost: limits that gates share; by default the same */
  redis_volatile: RedisAddress
  /** for each role: its own, or those of RUSHGATE_BACKEND */
  backends: BackendServers
  kafka: KafkaEnvironment
  /** path of rushgate.json */
  config: string
}

export interface KafkaOption {
  /** of librdkafka: security.protocol, sasl.username, … */
  name: string
  /** may be a secret */
  value: string
}

export interface KafkaEnvironment {
  /** host:port, with commas between; '' for no Kafka */
  brokers: string
  /** stands before every topic's name */
  topic_prefix: string
  options: KafkaOption[]
}

function required(name: string): string {
  const value = os.getenv(name)
  if (value === undefined || value === '') error(name + ': is not set; the gate cannot start without it', 0)
  return value as string
}

function parseSecrets(text: string, name: string): Secret[] {
  const secrets: Secret[] = []
  const seen = new LuaTable<string, boolean>()
  for (const [part] of string.gmatch(text, '[^,\n]*[^,%s][^,\n]*')) {
    const [key_id, secret] = string.match(part as string, '^%s*([%w_-]+):(.-)%s*$')
    if (key_id === undefined || secret === undefined || secret.length < SECRET_LENGTH_MIN) {
      error(name + ': each part must be <key id>:<at least ' + SECRET_LENGTH_MIN + ' characters>', 0)
    }
    if (seen.has(key_id as string)) error(name + ': the key id "' + key_id + '" is there twice', 0)
    seen.set(key_id as string, true)
    secrets.push({ key_id: key_id as string, secret: secret as string })
  }
  if (secrets.length === 0) error(name + ': names no secret', 0)
  return secrets
}

/** A file counts before the variable that holds them itself. */
function readSecrets(): Secret[] {
  const file = os.getenv('RUSHGATE_SECRET_FILE')
  if (file === undefined || file === '') return parseSecrets(required('RUSHGATE_SECRET'), 'RUSHGATE_SECRET')
  return parseSecrets(readSecretFile(file), 'RUSHGATE_SECRET_FILE')
}

function parsePort(text: string | undefined, fallback: number, name: string): number {
  if (text === undefined || text === '') return fallback
  const port = tonumber(text)
  if (port === undefined || port < 1 || port > 65535) error(name + ': port must be 1 to 65535, got ' + text, 0)
  return port as number
}

/** Name servers seldom know localhost, and nginx does not read /etc/hosts. */
function addressOf(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host
}

/** redis[s]://[[user]:password@]host[:port][/database] */
function parseRedisUrl(url: string, variable: string): RedisAddress {
  const [scheme, rest] = string.match(url, '^(rediss?)://(.+)$')
  if (scheme === undefined || rest === undefined) error(variable + ': must be redis://host:port or rediss://…', 0)
  let place = rest as string
  let user = ''
  let password = ''
  const [login, after] = string.match(place, '^(.*)@(.+)$')
  if (login !== undefined) {
    const [name, word] = string.match(login as string, '^([^:]*):(.*)$')
    user = ngx.unescape_uri(name ?? '')
    password = ngx.unescape_uri(word ?? (login as string))
    place = after as string
  }
  const [host, port, database] = string.match(place, '^([^:/]+):?(%d*)/?(%d*)')
  if (host === undefined) error(variable + ': names no host', 0)
  return {
    host: addressOf(host as string),
    server_name: host as string,
    port: parsePort(port, 6379, variable),
    user,
    password,
    database: tonumber(database) ?? 0,
    tls: scheme === 'rediss',
  }
}

/** host:port, several with commas between */
function parseServers(text: string, variable: string): BackendServer[] {
  const servers: BackendServer[] = []
  for (const [part] of string.gmatch(text, '[^,]+')) {
    const [host, port] = string.match(part as string, '^%s*([^:%s]+):(%d+)%s*$')
    if (host === undefined) error(variable + ': must be host:port, several with commas between, got ' + text, 0)
    servers.push({ host: addressOf(host as string), port: parsePort(port, 8081, variable) })
  }
  if (servers.length === 0) error(variable + ': names no server', 0)
  return servers
}

/** RUSHGATE_BACKEND for all, RUSHGATE_BACKEND_ORDER and the like for one role. */
function readBackends(): BackendServers {
  const backends = {} as BackendServers
  for (const role of API_ROLES) {
    const own = 'RUSHGATE_BACKEND_' + string.upper(role)
    const named = os.getenv(own) ?? ''
    const variable = named === '' ? 'RUSHGATE_BACKEND' : own
    backends[role] = parseServers(named === '' ? required(variable) : named, variable)
  }
  return backends
}

/** host:port, several with commas between, as the backend reads it too */
function readBrokers(text: string): string {
  const brokers: string[] = []
  for (const [part] of string.gmatch(text, '[^,%s]+')) {
    const [host, port] = string.match(part as string, '^(.+):(%d+)$')
    if (host === undefined) error('KAFKA_BROKERS: must be host:port, several with commas between, got ' + part, 0)
    table.insert(brokers, addressOf(host as string) + ':' + tostring(parsePort(port, 9092, 'KAFKA_BROKERS')))
  }
  return table.concat(brokers, ',')
}

/** name=value, a line each, or with semicolons between; lines that begin with # are comments. Never says a value. */
function parseKafkaOptions(text: string, variable: string): KafkaOption[] {
  const options: KafkaOption[] = []
  for (const [line] of string.gmatch(text, '[^;\n]+')) {
    const [comment] = string.find(line as string, '^%s*#')
    const [blank] = string.find(line as string, '^%s*$')
    if (comment === undefined && blank === undefined) {
      const [name, value] = string.match(line as string, '^%s*([%l.]+)%s*=%s*(.-)%s*$')
      if (name === undefined) error(variable + ': each line must be <option of librdkafka>=<value>', 0)
      options.push({ name: name as string, value: value as string })
    }
  }
  return options
}

/** A file counts before the variable, as with secrets: passwords of SASL come this way. */
function readKafka(): KafkaEnvironment {
  const file = os.getenv('KAFKA_OPTIONS_FILE') ?? ''
  const options =
    file === ''
      ? parseKafkaOptions(os.getenv('KAFKA_OPTIONS') ?? '', 'KAFKA_OPTIONS')
      : parseKafkaOptions(readSecretFile(file), 'KAFKA_OPTIONS_FILE')
  const brokers = readBrokers(os.getenv('KAFKA_BROKERS') ?? '')
  return { brokers, topic_prefix: os.getenv('KAFKA_TOPIC_PREFIX') ?? '', options }
}

export function readEnvironment(): Environment {
  const redis = required('RUSHGATE_REDIS_URL')
  const redis_volatile = os.getenv('REDIS_VOLATILE_URL') ?? ''
  return {
    secrets: readSecrets(),
    redis: parseRedisUrl(redis, 'RUSHGATE_REDIS_URL'),
    redis_volatile: parseRedisUrl(redis_volatile === '' ? redis : redis_volatile, 'REDIS_VOLATILE_URL'),
    backends: readBackends(),
    kafka: readKafka(),
    config: required('RUSHGATE_CONFIG'),
  }
}
