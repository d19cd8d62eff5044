// The gate's own path of a purchase, compiled as the gate is, with a lane that answers at once.
//
// Routes, chain, plugins, crypto and nginx's request are the real ones. Compiled by bench/compiled.ts.
import { subkey } from '../../edge/src/adapters/crypto'
import { cryptoPort } from '../../edge/src/adapters/crypto-port'
import { nginxHttp } from '../../edge/src/adapters/http'
import { packReserveItem } from '../../edge/src/domain/reserve-item'
import { matchRoute, type Route } from '../../edge/src/domain/route'
import { newBoard } from '../../edge/src/domain/stock'
import { type Link, runChain } from '../../edge/src/kernel/chain'
import type { Ports } from '../../edge/src/kernel/plugin'
import { newRequest } from '../../edge/src/kernel/request'
import type { KnownSale } from '../../edge/src/kernel/sales'
import { reservation } from '../../edge/src/plugins/reservation/index'
import { session } from '../../edge/src/plugins/session/index'

const LINE = 'held 17 1767225600000'
/** none of the shop's own tokens */
const NO_JWT = { keys: '' }
const HOUR_MS = 3600000

/** What the two plugins of this path ask for, so that ports of others can come and go. */
type PathPorts = Pick<
  Ports,
  'lane' | 'sales' | 'crypto' | 'http' | 'jwt' | 'chance' | 'count' | 'warn' | 'countWithin' | 'degrade'
>

function knownSale(id_key: string): KnownSale {
  const now_ms = ngx.now() * 1000
  const sku = {
    sku: 'phone',
    title: 'Phone',
    price: { amount_minor: 49900, currency: 'EUR' },
    price_version: 1,
    total: 1000,
    user_max: 1,
  }
  return {
    sale: {
      id: 'bench',
      title: 'Bench',
      state: 'ready',
      rebuilding: false,
      epoch: 1,
      redis_replid: '',
      opens_ms: now_ms - HOUR_MS,
      closes_ms: now_ms + HOUR_MS,
      shards: 1,
      id_key,
      left_shown: 'exact',
      gate: {},
      skus: [sku],
    },
    skus: { phone: sku },
    board: newBoard(),
  }
}

/** `secret` is "<key id>:<text>". Returns the purchase: reads nginx's current request, gives the body of the answer. */
export function prepare(secret: string, id_key: string): (this: void) => string {
  const [key_id, text] = string.match(secret, '^([%w_-]+):(.+)$')
  const known = knownSale(id_key)
  const packed = { last: '' }
  const path_ports: PathPorts = {
    lane: {
      reserve: (_sale, _shard, body, _sku, quantity, generation, user) => {
        packed.last = packReserveItem(body, 1, quantity, generation, user.length, user)
        return { line: LINE }
      },
      ask: () => ({ failure: 'unavailable' }),
      lookup: () => ({ failure: 'unavailable' }),
    },
    sales: { find: (id) => (id === 'bench' ? known : undefined), ready: () => true },
    crypto: cryptoPort([{ key_id: key_id as string, secret: text as string }]),
    http: nginxHttp,
    jwt: () => ({ read: () => undefined }),
    chance: () => 0.5,
    count: () => {},
    warn: () => {},
    countWithin: () => 1,
    degrade: () => 0,
  }
  const ports = path_ports as Ports
  const reserving = {
    open_margin_ms: 100,
    retries_max: 20,
    retries_window_s: 10,
    retry_after_ms: 1000,
  }
  const links: Link[] = [
    {
      name: 'session',
      fails: 'closed',
      dry_run: false,
      phases: session.create({ cookie: true, jwt: NO_JWT } as never, ports),
    },
    { name: 'reservation', fails: 'closed', dry_run: false, phases: reservation.create(reserving as never, ports) },
  ]
  const report = { refused: () => {}, storeFailed: () => {} }
  return () => {
    const method = ngx.req.get_method()
    const match = matchRoute(method, ngx.var.uri)
    const now_ms = ngx.now() * 1000
    const request = newRequest(method, match.route as Route, now_ms, now_ms, ngx.var['remote_addr'] ?? '')
    const verdict = runChain(links, request, report)
    if (verdict.kind === 'answer') return verdict.body + packed.last
    return verdict.kind === 'refusal' ? verdict.code + ': ' + verdict.detail : verdict.kind
  }
}

/** For the hand-written path: 32 bytes. */
export function session_subkey(secret: string): string {
  const [, text] = string.match(secret, '^([%w_-]+):(.+)$')
  return subkey(text as string, 'session')
}
