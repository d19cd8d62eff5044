// Operators and hot items: pins, and what all gates count just now. Every change of a pin leaves a line in the log: who, what, why.
import type { Request, Router } from 'express'
import { z } from 'zod'
import { PINS } from '../../../contract/followed-pins'
import { ID_LENGTH_MAX } from '../../../contract/keys'
import type { Authenticator } from '../http/auth'
import { check, readJson } from '../http/body'
import { Refusal } from '../http/refusal'
import { addRoute, param } from '../http/routes'
import type { PinRow } from '../ledger/pins'
import type { Ledger } from '../ledger/port'
import type { Logger } from '../log'
import { readPoll } from '../long-poll'
import { isPlainText } from '../plain-text'
import type { PinsFollower } from './follower'
import { type HashReader, type LiveItems, readLiveItems } from './live'

const REASON_LENGTH_MAX = 500

const itemField = z
  .string()
  .regex(
    new RegExp(`^[a-z0-9_-]{1,${ID_LENGTH_MAX}}$`),
    `must have 1 to ${ID_LENGTH_MAX} characters of a-z, 0-9, _ and -`,
  )

const pinBody = z.strictObject({
  pin: z.enum(PINS, `must be one of ${PINS.join(', ')}`),
  reason: z.string().max(REASON_LENGTH_MAX).refine(isPlainText, 'must be text without control characters').default(''),
})

interface PinRouteParts {
  ledger: Ledger
  pins: PinsFollower
  /** of volatile data */
  redis: HashReader
  auth: Authenticator
  log: Logger
}

function view({ item, pin, reason, made_ms }: PinRow): Record<string, unknown> {
  return { item, pin, reason, made_at: new Date(made_ms).toISOString() }
}

/** With the pins of items that nobody asks for at the end. */
function liveView({ gates, items }: LiveItems, pins: PinRow[]): Record<string, unknown> {
  const pin_of = new Map(pins.map((row) => [row.item, row]))
  const shown = items.map(({ item, rate, hot_since, gates: by_gate }) => {
    const pin = pin_of.get(item)?.pin
    pin_of.delete(item)
    const hot = pin === undefined ? hot_since !== undefined : pin === 'hot'
    return { item, hot, rate, hot_since, pin, gates: by_gate }
  })
  const rest = [...pin_of.values()].map(({ item, pin }) => ({ item, hot: pin === 'hot', rate: 0, pin, gates: [] }))
  return { gates, items: [...shown, ...rest] }
}

export function addPinRoutes(router: Router, { ledger, pins, redis, auth, log }: PinRouteParts): void {
  const itemOf = (request: Request) => check(z.object({ id: itemField }), { id: param(request, 'id') }, 'path').id
  const audit = (request: Request, action: string, details: object) =>
    log.info({ audit: 'pins', action, ...details, by: `admin token, from ${request.ip}` }, 'pins changed')

  addRoute(
    router,
    '/admin/hot-items/:id/pin',
    {
      put: async (request, response) => {
        const item = itemOf(request)
        const { pin, reason } = await readJson(request, pinBody)
        const row: PinRow = { item, pin, reason, made_ms: Math.floor(ledger.now()) }
        const done = await ledger.pins.put(row)
        pins.changed()
        audit(request, 'put', view(row))
        response.status(done === 'made' ? 201 : 200).json(view(row))
      },
      delete: async (request, response) => {
        const item = itemOf(request)
        if (!(await ledger.pins.remove(item))) throw new Refusal('not_found', `${item} is not pinned`)
        pins.changed()
        audit(request, 'delete', { item })
        response.status(204).end()
      },
    },
    auth.admin,
  )
  addRoute(
    router,
    '/admin/hot-items/live',
    {
      get: async (_request, response) => {
        const live = await readLiveItems(redis).catch(() => {
          throw new Refusal('unavailable', 'the Redis of volatile data does not answer: ask a gate, GET /hot-items', {
            retry_after_ms: 1000,
          })
        })
        response.json(liveView(live, (await pins.latest()).pins))
      },
    },
    auth.admin,
  )
  addRoute(
    router,
    '/internal/pins',
    {
      get: async (request, response) => {
        const followed = await pins.follow(readPoll(request, response))
        if (followed === undefined) {
          throw new Refusal('unavailable', 'the pins have not been read yet', { retry_after_ms: 200 })
        }
        if (!response.closed) response.json(followed)
      },
    },
    auth.gate,
  )
}
