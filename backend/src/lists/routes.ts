// Allow and deny lists: /admin/deny, /admin/allow, and the gates' long poll. Every change leaves a line in the log: who,
// what, until when, why.
import type { Request, Router } from 'express'
import { z } from 'zod'
import { LIST_KINDS, LISTS, type ListKind, type ListName } from '../../../contract/followed-lists'
import type { Authenticator } from '../http/auth'
import { check, readJson } from '../http/body'
import { Refusal } from '../http/refusal'
import { addRoute, integerQuery, param, query } from '../http/routes'
import type { ListEntry } from '../ledger/lists'
import type { Ledger } from '../ledger/port'
import { compareText } from '../ledger/rows'
import type { Logger } from '../log'
import { readPoll } from '../long-poll'
import type { ListsFollower } from './follower'
import { listEntryBody, valueOfKind } from './values'

const ENTRIES_LIMIT_MAX = 10_000
const ENTRIES_LIMIT_DEFAULT = 1000

const kindField = z.enum(LIST_KINDS, `must be one of ${LIST_KINDS.join(', ')}`)

interface ListRouteParts {
  ledger: Ledger
  lists: ListsFollower
  auth: Authenticator
  log: Logger
}

function view({ list, kind, value, reason, made_ms, until_ms }: ListEntry): Record<string, unknown> {
  const until = until_ms > 0 ? { until: new Date(until_ms).toISOString() } : {}
  return { list, kind, value, reason, made_at: new Date(made_ms).toISOString(), ...until }
}

interface Named {
  kind: ListKind
  value: string
}

/** What the path names. A network may come with its slash as it is, which makes `bits` a part of its own. */
function readPath(request: Request): Named {
  const { kind } = check(z.object({ kind: kindField }), { kind: request.params['kind'] ?? 'cidr' }, 'path')
  const bits = param(request, 'bits')
  const text = param(request, 'value') + (bits === '' ? '' : `/${bits}`)
  return { kind, value: check(valueOfKind(kind), { value: text }, 'path').value }
}

/** A block in a hurry needs none. */
function hasBody(request: Request): boolean {
  const length = request.headers['content-length'] ?? '0'
  return length !== '0' || request.headers['transfer-encoding'] !== undefined
}

export function addListRoutes(router: Router, { ledger, lists, auth, log }: ListRouteParts): void {
  const audit = (request: Request, action: string, list: ListName, details: object) =>
    log.info({ audit: 'lists', action, list, ...details, by: `admin token, from ${request.ip}` }, 'lists changed')

  async function put(request: Request, list: ListName): Promise<{ entry: ListEntry; is_new: boolean }> {
    const { kind, value } = readPath(request)
    const { reason, until } = hasBody(request)
      ? await readJson(request, listEntryBody)
      : { reason: '', until: undefined }
    const now_ms = ledger.now()
    if (until !== undefined && until <= now_ms) {
      throw new Refusal('bad_request', `until: must be in the future, got "${new Date(until).toISOString()}"`)
    }
    const entry: ListEntry = { list, kind, value, reason, made_ms: Math.floor(now_ms), until_ms: until ?? 0 }
    const done = await ledger.lists.put(entry)
    lists.changed()
    audit(request, 'put', list, view(entry))
    return { entry, is_new: done === 'made' }
  }

  async function remove(request: Request, list: ListName): Promise<void> {
    const { kind, value } = readPath(request)
    if (!(await ledger.lists.remove(list, kind, value))) {
      throw new Refusal('not_found', `the ${list} list has no ${kind} ${value}`)
    }
    lists.changed()
    audit(request, 'delete', list, { kind, value })
  }

  async function show(request: Request, list: ListName): Promise<Record<string, unknown>> {
    const limit = integerQuery(request, 'limit', 1, ENTRIES_LIMIT_MAX, ENTRIES_LIMIT_DEFAULT)
    const after = query(request, 'after') ?? ''
    const placeOf = ({ kind, value }: Named) => `${kind} ${value}`
    const all = (await lists.latest()).entries.filter((entry) => entry.list === list)
    const from = all.findIndex((entry) => compareText(placeOf(entry), after) > 0)
    const entries = from < 0 ? [] : all.slice(from, from + limit)
    const last = entries.at(-1)
    const is_more = last !== undefined && from + limit < all.length
    return { total: all.length, entries: entries.map(view), ...(is_more ? { next: placeOf(last) } : {}) }
  }

  for (const list of LISTS) {
    addRoute(
      router,
      `/admin/${list}`,
      {
        get: async (request, response) => {
          response.json(await show(request, list))
        },
      },
      auth.admin,
    )
    for (const path of [`/admin/${list}/:kind/:value`, `/admin/${list}/cidr/:value/:bits`]) {
      addRoute(
        router,
        path,
        {
          put: async (request, response) => {
            const { entry, is_new } = await put(request, list)
            response.status(is_new ? 201 : 200).json(view(entry))
          },
          delete: async (request, response) => {
            await remove(request, list)
            response.status(204).end()
          },
        },
        auth.admin,
      )
    }
  }
  addRoute(
    router,
    '/internal/lists',
    {
      get: async (request, response) => {
        const followed = await lists.follow(readPoll(request, response))
        if (followed === undefined) {
          throw new Refusal('unavailable', 'the lists have not been read yet', { retry_after_ms: 200 })
        }
        if (!response.closed) response.json(followed)
      },
    },
    auth.gate,
  )
}
