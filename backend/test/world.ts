// A backend with a real Redis around it, and shoppers who reserve as the gate does: by the reserve script itself.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { buyersKey, freeKey, intentsKey, metaKey, reservationsKey, sessionsKey, spentKey } from '../../contract/keys'
import { formatReservationId, reservationBody, reservationMac } from '../../contract/reservation-id'
import { shardOfUser } from '../../contract/shard'
import { Backend, type BackendHooks } from '../src/backend'
import { type Config, parseConfig, parseRoles } from '../src/config'
import { MemoryLedger } from '../src/ledger/memory'
import { openLedger } from '../src/ledger/open'
import type { Ledger, Sale } from '../src/ledger/port'
import { hmacText, Keyring } from '../src/secrets'
import { mintSession } from '../src/sessions/token'
import { startTestRedis, type TestRedis } from './redis'

export const ADMIN_TOKEN = 'an-admin-token-of-a-test'
const SECRET = 'k1:a-secret-that-only-this-test-knows'
const WAIT_MAX_MS = 30_000

export interface WorldOptions {
  ledger?: 'memory' | 'pglite'
  fsync?: 'always' | 'no'
  hooks?: BackendHooks
  /** runs no loops but these */
  roles?: string
  /** over what a test's backend is told */
  environment?: Record<string, string>
  /** a PostgreSQL ledger instead */
  database_url?: string
}

export interface Reserved {
  id: string
  body: string
  /** held, replay, limit_reached … */
  code: string
  rest: string
}

export interface Reply {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely in tests
  body: any
}

export class World {
  readonly keyring: Keyring
  /** a connection of the test's own */
  readonly redis: Redis
  backend: Backend
  private readonly reserve_script: string
  private generation_of = new Map<string, number>()

  private constructor(
    readonly redis_server: TestRedis,
    readonly config: Config,
    readonly ledger: Ledger,
    private hooks: BackendHooks,
  ) {
    this.keyring = new Keyring(config.secrets)
    this.redis = new Redis(redis_server.server.url, { retryStrategy: () => 20 })
    this.redis.on('error', () => undefined)
    const folder = join(import.meta.dirname, '../../dist/redis')
    if (!existsSync(join(folder, 'reserve.lua'))) throw new Error('dist/redis is missing: run `npm run build` first')
    this.reserve_script = readFileSync(join(folder, 'reserve.lua'), 'utf8')
    this.backend = this.newBackend()
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    const redis = await startTestRedis(options.fsync)
    const config = parseConfig(
      {
        RUSHGATE_PORT: '0',
        RUSHGATE_PUBLIC_URL: 'http://127.0.0.1:8080',
        RUSHGATE_DATA: redis.dir,
        REDIS_URL: redis.server.url,
        RUSHGATE_SECRET: SECRET,
        RUSHGATE_ADMIN_TOKEN: ADMIN_TOKEN,
        RUSHGATE_DEMO: '1',
        RUSHGATE_INSTANCE: 'test',
        LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
        ...options.environment,
      },
      parseRoles(undefined),
    )
    if (options.roles !== undefined) config.roles = parseRoles(options.roles)
    const ledger =
      options.ledger === 'pglite' || options.database_url !== undefined
        ? await openLedger({ data_dir: redis.dir, database_url: options.database_url })
        : new MemoryLedger({ clock: () => Date.now() })
    const world = new World(redis, config, ledger, options.hooks ?? {})
    await world.backend.start()
    return world
  }

  async stop(): Promise<void> {
    await this.backend.stop()
    await this.ledger.close()
    this.redis.disconnect()
    await this.redis_server.remove()
  }

  /** A new backend over the same ledger and Redis, as after a restart. The old one must be stopped. */
  async restart(hooks: BackendHooks = {}): Promise<void> {
    this.hooks = hooks
    this.backend = this.newBackend()
    await this.backend.start()
  }

  private newBackend(): Backend {
    return new Backend(this.config, this.ledger, pino({ level: this.config.log_level }), this.hooks)
  }

  async call(method: string, path: string, options: CallOptions = {}): Promise<Reply> {
    const headers: Record<string, string> = { ...options.headers }
    if (options.bearer !== undefined) headers['authorization'] = `Bearer ${options.bearer}`
    if (options.body !== undefined) headers['content-type'] ??= 'application/json'
    const raw = typeof options.body === 'string' || options.body instanceof Uint8Array
    const response = await fetch(this.backend.url + path, {
      method,
      headers,
      body: (options.body === undefined || raw ? options.body : JSON.stringify(options.body)) as string | undefined,
      redirect: 'manual',
    })
    const text = await response.text()
    const json = response.headers.get('content-type')?.includes('json')
    return { status: response.status, headers: response.headers, body: json && text !== '' ? JSON.parse(text) : text }
  }

  admin(method: string, path: string, body?: unknown): Promise<Reply> {
    return this.call(method, path, { bearer: ADMIN_TOKEN, body })
  }

  /** Makes a sale and opens it. */
  async openSale(id: string, changes: Record<string, unknown> = {}): Promise<Sale> {
    const made = await this.admin('POST', '/admin/sales', saleBody(id, changes))
    if (made.status !== 201) throw new Error(JSON.stringify(made.body))
    const opened = await this.admin('POST', `/admin/sales/${id}/open`)
    if (opened.status !== 200) throw new Error(JSON.stringify(opened.body))
    return this.sale(id)
  }

  async sale(id: string): Promise<Sale> {
    const sale = await this.ledger.sale(id)
    if (sale === undefined) throw new Error(`no sale ${id}`)
    return sale
  }

  session(user: string, generation = this.generation_of.get(user) ?? 1): string {
    return mintSession(this.keyring, user, generation, 0, Date.now()).session
  }

  /** As the gate does: one batch of one. */
  async reserve(sale: Sale, user: string, key: string, quantity = 1, sku = sale.skus[0]?.sku ?? ''): Promise<Reserved> {
    const [reserved] = await this.reserveMany(sale, [{ user, key, quantity, sku }])
    return reserved as Reserved
  }

  async reserveMany(
    sale: Sale,
    wanted: { user: string; key: string; quantity?: number; sku?: string; spends?: string }[],
  ): Promise<Reserved[]> {
    const id_key = Buffer.from(sale.id_key, 'base64url')
    const hmac = (message: string) => hmacText(id_key, message)
    const skus = sale.skus.map(({ sku }) => sku)
    const bodies = wanted.map(({ user, key }) => reservationBody(hmac, Buffer.byteLength, user, sale.id, key))
    const items = wanted.map(({ user, quantity = 1, sku = skus[0] as string }, i) => {
      const name = Buffer.from(user)
      const numbers = Buffer.alloc(9)
      numbers.writeUInt8(skus.indexOf(sku) + 1, 0)
      numbers.writeUInt16BE(quantity, 1)
      numbers.writeUInt32BE(this.generation_of.get(user) ?? 1, 3)
      numbers.writeUInt16BE(name.length, 7)
      return Buffer.concat([Buffer.from(bodies[i] as string), numbers, name])
    })
    const keys = [metaKey, intentsKey, buyersKey, reservationsKey, sessionsKey].map((key) => key(sale.id, 0))
    keys.push(...skus.map((sku) => freeKey(sale.id, 0, sku)))
    const spends = wanted.flatMap(({ spends: ids = '' }, i) => (ids === '' ? [] : [spending(i + 1, ids)]))
    if (spends.length > 0) keys.push(spentKey(sale.id, 0))
    const reply = (await this.redis.eval(
      this.reserve_script,
      keys.length,
      ...keys,
      '7',
      sale.epoch,
      skus.join(','),
      Buffer.concat(items),
      ...(spends.length > 0 ? [Buffer.concat(spends)] : []),
    )) as string
    const lines = reply.split('\n')
    if (lines[0]?.split(' ')[2] === 'rebuilding')
      return bodies.map((body) => ({ id: '', body, code: 'rebuilding', rest: '' }))
    return wanted.map(({ user }, i) => {
      const [body = '', code = '', ...rest] = (lines[1 + skus.length + i] ?? '').split(' ')
      const shard = shardOfUser(crc32, user, sale.shards)
      const mac = reservationMac(hmac, Buffer.byteLength, user, body)
      return { id: formatReservationId(sale.id, shard, body, mac), body, code, rest: rest.join(' ') }
    })
  }

  /** The status in Redis, where polls are answered. */
  async published(sale: Sale, body: string): Promise<string> {
    return (await this.redis.hget(reservationsKey(sale.id, 0), body))?.split('|')[1] ?? ''
  }

  async untilStatus(sale: Sale, body: string, status: string): Promise<void> {
    await until(`reservation is ${status}`, async () => (await this.published(sale, body)) === status)
  }

  /** The invariant's terms of the only SKU, when they balance. */
  // biome-ignore lint/suspicious/noExplicitAny: terms are looked into freely in tests
  async balanced(sale: Sale): Promise<any> {
    // biome-ignore lint/suspicious/noExplicitAny: as above
    let terms: any
    await until('the ledger and Redis balance', async () => {
      terms = (await this.admin('GET', `/admin/sales/${sale.id}/ledger`)).body
      return terms.balanced
    })
    return terms.skus[0]
  }
}

interface CallOptions {
  bearer?: string
  headers?: Record<string, string>
  body?: unknown
}

export function saleBody(id: string, changes: Record<string, unknown> = {}): Record<string, unknown> {
  const { total = 10, user_max = 2, ...rest } = changes
  return {
    id,
    title: 'A sale',
    opens_at: '2020-01-01T00:00:00.000Z',
    closes_at: '2099-01-01T00:00:00.000Z',
    skus: [{ sku: 'thing', title: 'Thing', price: { amount_minor: 1250, currency: 'EUR' }, total, user_max }],
    ...rest,
  }
}

/** What the item of this number spends (contract/lane-scripts.ts). */
function spending(number: number, ids: string): Buffer {
  const head = Buffer.alloc(3)
  head.writeUInt16BE(number, 0)
  head.writeUInt8(ids.length, 2)
  return Buffer.concat([head, Buffer.from(ids)])
}

/** Fails with `what` when it does not become true in time. */
export async function until(what: string, test: () => Promise<boolean> | boolean, max_ms = WAIT_MAX_MS): Promise<void> {
  const end_ms = performance.now() + max_ms
  let last: unknown
  while (performance.now() < end_ms) {
    try {
      if (await test()) return
      last = undefined
    } catch (error) {
      last = error
    }
    await sleep(15)
  }
  throw new Error(`not within ${max_ms} ms: ${what}`, { cause: last })
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
