// What is measured against: one Redis with one open sale, and the gate beside it when it takes part.
//
// With the gate it is a whole stack: the sale is made, loaded and announced by the real backend. Once the gate
// sells, the backend is stopped (SIGSTOP) until the end: no settler, sweeper or watcher takes CPU or Redis'
// time from a slice, and none of them sees the slices put Redis back. The gate goes on with the last sales it
// was told, as it must when the backend is away. So all peers sell under the same conditions: nobody settles.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { metaKey } from '../contract/keys'
import type { TlsFiles } from '../scripts/nginx'
import { startRedis } from '../scripts/redis'
import { ROOT, startStack } from '../scripts/stack'
import type { Peer } from './peers/peer'
import { loadSale, type Sale } from './sale'

const SALE = 'bench'
const SKU = 'phone'
const SELLS_TIMEOUT_MS = 30_000
/** more than the generator can send: limits that count and check, and that nobody meets */
const EVERYBODY = { rate: 1_000_000, per_s: 1, burst: 1_000_000 }
/** what a guarded sale asks for, each checked in every purchase */
const GUARDS = {
  signature: true,
  score: { challenge_from: 50, refuse_from: 100 },
  waiting_room: { admit_per_s: 100_000, checkout_max: 1_000_000 },
}
/** a stream is as old as its round is long */
const SIGNATURE_SKEW_S = 600
const UNUSED_SECRET = 'bench:no-gate-checks-these-tokens'

export interface Shop {
  redis: Redis
  redis_port: number
  redis_pid: number
  sale: Sale
  /** RUSHGATE_SECRET */
  secret: string
  gate?: Peer
  /** the gate's listener for TLS, if it was asked for */
  gate_tls?: Peer
  gate_errors: () => string
  stop: () => Promise<void>
}

interface ShopOptions {
  with_gate: boolean
  tls?: TlsFiles
  /** the gate has every check of a purchase on, and the sale asks for all but a proof */
  guarded?: boolean
}

export async function openShop(dir: string, units: number, options: ShopOptions): Promise<Shop> {
  const shop = options.with_gate
    ? await shopWithGate(dir, units, options)
    : await shopWithoutGate(dir, units, options.guarded ?? false)
  // rewriting the append-only file forks a child that would compete with a slice: only between slices
  await shop.redis.config('SET', 'auto-aof-rewrite-percentage', '0')
  return shop
}

async function shopWithoutGate(dir: string, units: number, guarded: boolean): Promise<Shop> {
  const server = await startRedis({ dir: join(dir, 'redis') })
  const redis = new Redis(server.url)
  const sale = { id: SALE, sku: SKU, epoch: 1, guarded }
  await loadSale(redis, sale, units)
  const stop = async () => {
    redis.disconnect()
    await server.stop()
  }
  const secret = UNUSED_SECRET
  return { redis, redis_port: server.port, redis_pid: server.pid, sale, secret, gate_errors: () => '', stop }
}

/** The default rushgate.json with limits by address, network and user on the route of a purchase. */
function guardedConfig(dir: string): string {
  const config = JSON.parse(readFileSync(join(ROOT, 'rushgate.json'), 'utf8')) as {
    routes: { reserve: { plugins: string[] } }
    plugins?: Record<string, unknown>
  }
  config.routes.reserve.plugins.push('rate-limit', 'user-limit')
  const routes = ['reserve']
  config.plugins = {
    ...config.plugins,
    signature: { skew_s_max: SIGNATURE_SKEW_S },
    'rate-limit': {
      limits: [
        { name: 'address', by: 'address', ...EVERYBODY, routes },
        { name: 'network', by: 'address_net', ...EVERYBODY, routes },
      ],
    },
    'user-limit': {
      limits: [{ name: 'user', by: 'user', rate: 1000, per_s: 1, burst: 1000, routes }],
    },
  }
  mkdirSync(dir, { recursive: true })
  const file = join(dir, 'rushgate.json')
  writeFileSync(file, JSON.stringify(config))
  return file
}

async function shopWithGate(dir: string, units: number, { tls, guarded = false }: ShopOptions): Promise<Shop> {
  const config = guarded ? guardedConfig(dir) : undefined
  const stack = await startStack({ dir, workers: 1, error_log_level: 'warn', tls, config })
  const redis = new Redis(stack.urls.redis)
  const stop = async () => {
    redis.disconnect()
    await stack.gate.stop()
    stack.backend.kill('SIGKILL') // it is stopped, and its data is thrown away
    await stack.redis.stop()
  }
  try {
    await stack.admin('POST', '/admin/sales', {
      id: SALE,
      title: 'Bench',
      opens_at: new Date(Date.now() - 3_600_000).toISOString(),
      closes_at: new Date(Date.now() + 86_400_000).toISOString(),
      skus: [{ sku: SKU, title: 'Phone', price: { amount_minor: 49900, currency: 'EUR' }, total: units, user_max: 1 }],
      gate: guarded ? GUARDS : {},
    })
    await stack.admin('POST', `/admin/sales/${SALE}/open`)
    await sellsAt(stack.urls.gate)
    const epoch = Number(await redis.hget(metaKey(SALE, 0), 'epoch'))
    stack.backend.kill('SIGSTOP')
    const gate: Peer = {
      port: Number(new URL(stack.urls.gate).port),
      pids: () => stack.gate.workers(),
      stop: () => stack.gate.stop(),
    }
    return {
      redis,
      redis_port: Number(new URL(stack.urls.redis).port),
      redis_pid: stack.redis.pid,
      sale: { id: SALE, sku: SKU, epoch, guarded },
      secret: stack.secret,
      gate,
      gate_tls: tls && { ...gate, port: Number(new URL(stack.urls.shop).port) },
      gate_errors: () => stack.error_log(),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function sellsAt(gate_url: string): Promise<void> {
  const deadline = Date.now() + SELLS_TIMEOUT_MS
  let last = ''
  while (Date.now() < deadline) {
    const response = await fetch(`${gate_url}/sales/${SALE}/state`)
    last = `${response.status} ${await response.text()}`
    if (response.ok && (JSON.parse(last.slice(4)) as { phase?: string }).phase === 'open') return
    await sleep(100)
  }
  throw new Error(`the gate has not opened the sale within ${SELLS_TIMEOUT_MS / 1000} s; its state is ${last}`)
}
