// A user's own history: GET and DELETE /users/me/history, and POST /users/me/visits, by which a product's page says that it was looked at.
import type { Router } from 'express'
import { z } from 'zod'
import { productId } from '../catalogue/schemas'
import type { Authenticator } from '../http/auth'
import { readJson } from '../http/body'
import { addRoute } from '../http/routes'
import type { Histories } from './history'
import type { HistoryCache } from './history-cache'
import type { VisitWriter } from './visit-writer'

const visitBody = z.strictObject({ item: productId })

interface UserRouteParts {
  histories: Histories
  cache: HistoryCache
  visits: VisitWriter
  auth: Authenticator
  now: () => number
}

export function addUserRoutes(router: Router, { histories, cache, visits, auth, now }: UserRouteParts): void {
  addRoute(router, '/users/me/history', {
    get: async (request, response) => {
      response.json(await cache.get(auth.session(request).user))
    },
    // purchases stay: they are the shop's books
    delete: async (request, response) => {
      const { user } = auth.session(request)
      visits.drop(user)
      await histories.forgetVisits(user)
      cache.changed([user])
      response.status(204).end()
    },
  })
  addRoute(router, '/users/me/visits', {
    post: async (request, response) => {
      const { user } = auth.session(request)
      const { item } = await readJson(request, visitBody)
      visits.add({ user, item, at_ms: now() })
      response.status(202).json({ item })
    },
  })
}
