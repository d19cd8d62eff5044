// The gates' long poll for products: GET /internal/items.
import type { Router } from 'express'
import type { Authenticator } from '../http/auth'
import { Refusal } from '../http/refusal'
import { addRoute, integerQuery } from '../http/routes'
import { readPoll } from '../long-poll'
import type { KnownItems } from './known-items'

export function addItemRoutes(router: Router, { items, auth }: { items: KnownItems; auth: Authenticator }): void {
  addRoute(
    router,
    '/internal/items',
    {
      get: async (request, response) => {
        const filter_version = integerQuery(request, 'filter', -1, Number.MAX_SAFE_INTEGER, -1)
        const followed = await items.follow(readPoll(request, response), filter_version)
        if (followed === undefined) {
          throw new Refusal('unavailable', 'the products have not been read yet', { retry_after_ms: 200 })
        }
        if (!response.closed) response.json(followed)
      },
    },
    auth.gate,
  )
}
