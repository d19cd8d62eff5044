// GET /internal/crawlers?address=…&domains=…: gates ask whether an address is a crawler's.
import type { Router } from 'express'
import { parseAddress } from '../../../edge/src/domain/address'
import type { Authenticator } from '../http/auth'
import { Refusal } from '../http/refusal'
import { addRoute, query } from '../http/routes'
import type { Metrics } from '../metrics'
import type { CrawlerVerifier } from './verifier'

const DOMAINS = /^[a-z0-9.-]{1,200}(,[a-z0-9.-]{1,200}){0,7}$/

interface CrawlerRouteParts {
  verifier: CrawlerVerifier
  auth: Authenticator
  metrics: Metrics
}

export function addCrawlerRoutes(router: Router, { verifier, auth, metrics }: CrawlerRouteParts): void {
  addRoute(
    router,
    '/internal/crawlers',
    {
      get: async (request, response) => {
        const address = parseAddress(query(request, 'address') ?? '')
        if (address === undefined) throw new Refusal('bad_request', 'address: must be an address')
        const domains = query(request, 'domains') ?? ''
        if (!DOMAINS.test(domains))
          throw new Refusal('bad_request', 'domains: must be one to eight, with commas between')
        const standing = await verifier.look(address, domains.split(','))
        metrics.crawler_lookups.inc({ standing })
        response.json({ standing })
      },
    },
    auth.gate,
  )
}
