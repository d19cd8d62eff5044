// Connections to Redis. A command never waits for a connection to come back: it fails at once, the caller's loop backs
// off, and nothing that was sent on a lost connection is sent again behind the caller's back.
import { Redis, type RedisOptions } from 'ioredis'
import type { Logger } from '../log'
import type { Metrics } from '../metrics'

const CONNECT_TIMEOUT_MS = 2000
const COMMAND_TIMEOUT_MS = 5000
const HANG_CHECK_MS = 1000
const RECONNECT_MIN_MS = 20
const RECONNECT_MAX_MS = 500

interface RedisClientOptions {
  url: string
  /** shows up in CLIENT LIST, logs and metrics */
  name: string
  log: Logger
  metrics: Metrics
  /** `false` for a connection that waits in blocking commands; its user bounds them */
  command_timeout?: boolean
}

/** user, password, database and TLS come from the URL: redis[s]://[user[:password]@]host[:port][/db] */
export function createRedisClient({ url, name, log, metrics, command_timeout = true }: RedisClientOptions): Redis {
  const options: RedisOptions = {
    connectionName: `rushgate-${name}`,
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // told READONLY, this is a replica now: look for the primary again
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    retryStrategy: (times) =>
      Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(times, 10)) * (0.5 + Math.random() / 2),
    lazyConnect: false,
  }
  if (command_timeout) options.commandTimeout = COMMAND_TIMEOUT_MS
  const client = new Redis(url, options)
  if (command_timeout) closeWhenHanging(client, name, log)
  let said = ''
  metrics.redis_connected.set({ connection: name }, 0)
  client.on('ready', () => {
    said = ''
    metrics.redis_connected.set({ connection: name }, 1)
    log.info({ connection: name }, 'connected to Redis')
  })
  client.on('close', () => metrics.redis_connected.set({ connection: name }, 0))
  client.on('error', (error: Error) => {
    if (error.message === said) return
    said = error.message
    log.warn({ connection: name, reason: error.message }, 'Redis is away')
  })
  return client
}

/**
 * A Redis that hangs would let every command wait out its time-out. The first look that does so closes the connection: until
 * there is another, which Redis must answer on first, commands fail at once.
 */
function closeWhenHanging(client: Redis, name: string, log: Logger): void {
  let asking = false
  const timer = setInterval(async () => {
    if (asking || client.status !== 'ready') return
    asking = true
    const { stream } = client
    await client.ping().catch((error: Error) => {
      if (!error.message.startsWith('Command timed out') || client.stream !== stream) return
      log.warn({ connection: name, command_timeout_ms: COMMAND_TIMEOUT_MS }, 'Redis hangs: its connection is closed')
      client.disconnect(true)
    })
    asking = false
  }, HANG_CHECK_MS)
  timer.unref()
  client.once('end', () => clearInterval(timer))
}

const AWAY_REPLIES =
  /^(LOADING|READONLY|MASTERDOWN|MISCONF|OOM|BUSY|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|NOAUTH|WRONGPASS)\b/
const AWAY_MESSAGES =
  /Connection is closed|Stream isn't writeable|Command timed out|max retries per request|Connection terminated|timeout exceeded when trying to connect|Connection ended unexpectedly/i
const AWAY_CODES = new Set([
  'BREAKER_OPEN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  // PostgreSQL: connection exceptions, too many connections, shutting down, starting up, cancelled by a time-out
  '08000',
  '08001',
  '08003',
  '08004',
  '08006',
  '53300',
  '57P01',
  '57P02',
  '57P03',
  '57014',
  '55P03',
])

/** True for what passes by itself when Redis or the database is back; false for a bug or bad data. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  if (typeof code === 'string' && AWAY_CODES.has(code)) return true
  if (AWAY_REPLIES.test(error.message) || AWAY_MESSAGES.test(error.message)) return true
  if (error instanceof AggregateError) return error.errors.some(isAway)
  return error.cause !== undefined && isAway(error.cause)
}
