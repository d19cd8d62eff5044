// GET /admin/hot-items: an operator's questions about what was asked for, answered from the store of events.
import type { Router } from 'express'
import { z } from 'zod'
import type { Authenticator } from '../http/auth'
import { readJson } from '../http/body'
import { Refusal, spreadRetryMs } from '../http/refusal'
import { addRoute } from '../http/routes'
import { GROUP_VIEWS, type GroupView, type Question, readQuestion } from './questions'
import type { Reindexer } from './reindexer'
import { type Filter, type Group, type HotItemStore, StoreAway } from './store'

const RETRY_MS = 1_000
const SHARE_DIGITS = 4

interface HotItemRouteParts {
  store: HotItemStore
  auth: Authenticator
  /** where there is Kafka to read again */
  reindexer: Reindexer | undefined
  now: () => number
}

export function addHotItemRoutes(router: Router, { store, auth, reindexer, now }: HotItemRouteParts): void {
  addRoute(
    router,
    '/admin/hot-items',
    {
      get: async (request, response) => {
        const question = readQuestion(request.query, now())
        response.json({ ...headOf(question, store), ...(await orUnavailable(() => answer(store, question))) })
      },
    },
    auth.admin,
  )
  addRoute(
    router,
    '/admin/hot-items/reindex',
    {
      get: (_, response) => {
        response.json(needed(reindexer).state())
      },
      post: async (request, response) => {
        const { from } = await readJson(request, reindexBody)
        response.status(202).json(await orUnavailable(() => needed(reindexer).start(from)))
      },
    },
    auth.admin,
  )
}

const reindexBody = z.strictObject({
  from: z.iso
    .datetime({ offset: true, error: 'must be an RFC 3339 time, as 2030-01-31T12:00:00.000Z' })
    .transform((text) => Date.parse(text)),
})

function needed(reindexer: Reindexer | undefined): Reindexer {
  if (reindexer !== undefined) return reindexer
  throw new Refusal('not_found', 'events are read again from Kafka, and KAFKA_BROKERS is not set')
}

async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof StoreAway)) throw error
    throw new Refusal('unavailable', error.message, { retry_after_ms: spreadRetryMs(RETRY_MS) })
  }
}

function headOf({ view, filter }: Question, store: HotItemStore): Record<string, unknown> {
  const { from_ms, to_ms, ...where } = filter
  return { view, store: store.kind, from: timeText(from_ms), to: timeText(to_ms), ...where }
}

async function answer(store: HotItemStore, question: Question): Promise<Record<string, unknown>> {
  const { view, filter, limit, step_ms } = question
  switch (view) {
    case 'minutes': {
      const minutes = await store.minutes(filter, limit)
      return {
        minutes: minutes.map(({ at_ms, requests, items }) => ({
          at: timeText(at_ms),
          requests,
          items: items.map((group) => row('item', group, requests)),
        })),
      }
    }
    case 'timeline': {
      const counted = new Map((await store.timeline(filter, step_ms)).map(({ at_ms, requests }) => [at_ms, requests]))
      const timeline: Record<string, unknown>[] = []
      for (let at_ms = Math.floor(filter.from_ms / step_ms) * step_ms; at_ms < filter.to_ms; at_ms += step_ms) {
        timeline.push({ at: timeText(at_ms), requests: counted.get(at_ms) ?? 0 })
      }
      return { timeline }
    }
    case 'share': {
      const of_item: Filter = { ...filter, ip: undefined }
      const [requests, of_requests] = await Promise.all([store.count(filter), store.count(of_item)])
      return { requests, of_requests, share: share(requests, of_requests) }
    }
    case 'sequences': {
      const sequences = await store.sequences(filter, limit)
      const missing = (one: { first: number; last: number; found: number }) => one.last - one.first + 1 - one.found
      return {
        found: sequences.reduce((sum, { found }) => sum + found, 0),
        missing: sequences.reduce((sum, each) => sum + missing(each), 0),
        sequences: sequences.map((each) => ({ ...each, missing: missing(each) })),
      }
    }
    case 'latest':
      return { events: (await store.latest(filter, limit)).map(({ event }) => event) }
    default:
      return groups(store, question, view)
  }
}

async function groups(
  store: HotItemStore,
  { filter, limit }: Question,
  view: GroupView,
): Promise<Record<string, unknown>> {
  const { by, field } = GROUP_VIEWS[view]
  const { total, groups: found, error_max } = await store.groups(filter, by, limit)
  return { requests: total, count_error_max: error_max, [view]: found.map((group) => row(field, group, total)) }
}

function row(field: string, { value, requests }: Group, total: number): Record<string, unknown> {
  return { [field]: field === 'status' ? Number(value) : value, requests, share: share(requests, total) }
}

function share(part: number, of: number): number {
  return of === 0 ? 0 : Number((part / of).toFixed(SHARE_DIGITS))
}

function timeText(ms: number): string {
  return new Date(ms).toISOString()
}
