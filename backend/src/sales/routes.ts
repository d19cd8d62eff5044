// Routes about sales: the operator's, the gates' long poll, and the list for the front page.
import { randomBytes } from 'node:crypto'
import type { Router } from 'express'
import type { Redis } from 'ioredis'
import type { SalePhase } from '../../../contract/codes'
import type { Authenticator } from '../http/auth'
import { readJson } from '../http/body'
import { Refusal } from '../http/refusal'
import { addRoute, type Handler, integerQuery, param, query } from '../http/routes'
import type { Ledger, Order, Sale } from '../ledger/port'
import { readPoll } from '../long-poll'
import type { Sessions } from '../sessions/sessions'
import type { SalesFollower } from './follower'
import { demoSessionsBody, newSaleBody, SALE_ID, saleChangeBody } from './schemas'
import type { SalesService } from './service'
import { termsOfSale } from './terms'

const ORDERS_LIMIT_MAX = 1000
const ORDERS_LIMIT_DEFAULT = 100

interface SalesRouteParts {
  ledger: Ledger
  redis: Redis
  sales: SalesFollower
  service: SalesService
  sessions: Sessions
  auth: Authenticator
  demo: boolean
}

export function time(ms: number): string {
  return new Date(ms).toISOString()
}

/** As far as the clock and the operator decide; what is sold out only Redis knows. */
export function phaseOf(sale: Sale, now_ms: number): SalePhase {
  if (sale.state === 'ended' || now_ms >= sale.closes_ms) return 'ended'
  if (sale.state === 'paused') return 'paused'
  if (sale.rebuilding && sale.state !== 'draft') return 'rebuilding'
  return sale.state === 'draft' || now_ms < sale.opens_ms ? 'upcoming' : 'open'
}

function saleView(sale: Sale, now_ms: number): Record<string, unknown> {
  return {
    id: sale.id,
    title: sale.title,
    state: sale.state,
    phase: phaseOf(sale, now_ms),
    rebuilding: sale.rebuilding,
    epoch: sale.epoch,
    shards: sale.shards,
    opens_at: time(sale.opens_ms),
    closes_at: time(sale.closes_ms),
    hold_s: sale.hold_ms / 1000,
    payment_extension_s: sale.payment_extension_ms / 1000,
    sale_user_max: sale.sale_user_max,
    hold_attempts_max: sale.hold_attempts_max,
    left_shown: sale.left_shown,
    gate: sale.gate,
    skus: sale.skus.map(({ sku, title, price, price_version, total, user_max }) => ({
      sku,
      title,
      price,
      price_version,
      total,
      user_max,
    })),
  }
}

function orderView(order: Order): Record<string, unknown> {
  const { confirmed_ms, paid_ms, pay_by_ms, reserved_ms, ...rest } = order
  return {
    ...rest,
    reserved_at: time(reserved_ms),
    ...(confirmed_ms > 0 ? { confirmed_at: time(confirmed_ms) } : {}),
    ...(pay_by_ms > 0 ? { pay_by: time(pay_by_ms) } : {}),
    ...(paid_ms > 0 ? { paid_at: time(paid_ms) } : {}),
  }
}

export function addSalesRoutes(router: Router, parts: SalesRouteParts): void {
  const { ledger, redis, sales, service, sessions, auth, demo } = parts
  const id: Handler = (request) => {
    if (!SALE_ID.test(param(request, 'sale'))) throw new Refusal('not_found', 'there is no such sale')
  }
  const admin = (path: string, handlers: Parameters<typeof addRoute>[2]) =>
    addRoute(router, `/admin/sales${path}`, handlers, auth.admin, ...(path === '' ? [] : [id]))

  admin('', {
    get: async (_, response) => {
      const all = await sales.latest()
      response.json({ sales: all.sales.map((sale) => saleView(sale, ledger.now())) })
    },
    post: async (request, response) => {
      const sale = await service.create(await readJson(request, newSaleBody))
      response.status(201).json(saleView(sale, ledger.now()))
    },
  })
  admin('/:sale', {
    get: async (request, response) => {
      response.json(saleView(await service.get(param(request, 'sale')), ledger.now()))
    },
    patch: async (request, response) => {
      const change = await readJson(request, saleChangeBody)
      response.json(saleView(await service.change(param(request, 'sale'), change), ledger.now()))
    },
  })
  const actions = {
    prewarm: (sale: string) => service.prewarm(sale),
    open: (sale: string) => service.open(sale),
    pause: (sale: string) => service.pause(sale),
    resume: (sale: string) => service.resume(sale),
    end: (sale: string) => service.end(sale),
    rebuild: (sale: string) => service.rebuildAsked(sale),
  }
  for (const [action, act] of Object.entries(actions)) {
    admin(`/:sale/${action}`, {
      post: async (request, response) => {
        response.json(saleView(await act(param(request, 'sale')), ledger.now()))
      },
    })
  }
  admin('/:sale/ledger', {
    get: async (request, response) => {
      response.json(await termsOfSale(ledger, redis, await service.get(param(request, 'sale'))))
    },
  })
  admin('/:sale/orders', {
    get: async (request, response) => {
      const sale = await service.get(param(request, 'sale'))
      const limit = integerQuery(request, 'limit', 1, ORDERS_LIMIT_MAX, ORDERS_LIMIT_DEFAULT)
      const after = query(request, 'after') ?? ''
      if (!/^[\w-]{0,64}$/.test(after)) throw new Refusal('bad_request', 'after: must be what `next` said')
      const orders = await ledger.orders(sale.id, after, limit)
      const next = orders.length === limit ? orders.at(-1)?.body : undefined
      response.json({ orders: orders.map(orderView), ...(next === undefined ? {} : { next }) })
    },
  })
  addRoute(
    router,
    '/admin/demo-sessions',
    {
      post: async (request, response) => {
        if (!demo) throw new Refusal('refused', 'demo sessions are minted only with RUSHGATE_DEMO=1')
        const { count, prefix, level } = await readJson(request, demoSessionsBody)
        const name = prefix ?? `demo-${randomBytes(4).toString('hex')}-`
        const users = Array.from({ length: count }, (_, i) => `${name}${i}`)
        const minted = await sessions.create(users, 'demo', level)
        response.status(201).json({
          sessions: minted.map(({ user, session, signing_key }) => ({ user, session, signing_key })),
        })
      },
    },
    auth.admin,
  )
  addRoute(
    router,
    '/internal/sales',
    {
      get: async (request, response) => {
        const followed = await sales.follow(readPoll(request, response))
        if (followed === undefined) {
          throw new Refusal('unavailable', 'the sales have not been read yet', { retry_after_ms: 200 })
        }
        if (!response.closed) response.json(followed)
      },
    },
    auth.gate,
  )
  addRoute(router, '/sales', {
    get: async (_, response) => {
      const now = ledger.now()
      const shown = (await sales.latest()).sales.filter(({ state }) => state !== 'draft')
      response.json({
        sales: shown.map((sale) => ({
          id: sale.id,
          title: sale.title,
          opens_at: time(sale.opens_ms),
          closes_at: time(sale.closes_ms),
          phase: phaseOf(sale, now),
        })),
      })
    },
  })
}
