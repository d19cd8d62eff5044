// POST /webhooks/{provider}: a provider's word about a payment. GET and POST /sandbox/pay/{id}: the sandbox's page.
import type { Request, Router } from 'express'
import { z } from 'zod'
import { check, decodeUtf8, mediaType, readBody, readJson } from '../http/body'
import { Refusal } from '../http/refusal'
import { addRoute, param } from '../http/routes'
import type { Ledger } from '../ledger/port'
import type { Metrics } from '../metrics'
import type { PaymentProvider } from './provider'
import type { Sandbox } from './sandbox'
import { contentSecurityPolicy, sandboxPage } from './sandbox-page'
import { OUTCOMES, type SandboxSession } from './sandbox-store'

const WEBHOOK_BYTES_MAX = 16 * 1024
/** The answer to the shopper's choice waits this long for the webhook, so that the shop usually knows already. */
const DELIVERY_WAIT_MS = 2000

const choiceBody = z.strictObject({ outcome: z.enum(OUTCOMES) })

interface PaymentRouteParts {
  ledger: Ledger
  provider: PaymentProvider
  metrics: Metrics
  /** called when a status, a return, a late payment or a refund waits */
  onChanged: () => void
}

export function addWebhookRoutes(router: Router, { ledger, provider, metrics, onChanged }: PaymentRouteParts): void {
  addRoute(router, '/webhooks/:provider', {
    post: async (request, response) => {
      if (param(request, 'provider') !== provider.name) throw new Refusal('not_found', 'there is no such provider')
      const event = provider.verify(request.headers, await readBody(request, WEBHOOK_BYTES_MAX), ledger.now())
      const outcome = await ledger.applyPayment(event)
      metrics.payments.inc({ provider: provider.name, outcome })
      // 2xx tells the provider never to send it again
      await ledger.durable()
      onChanged()
      if (outcome === 'unknown_session') throw new Refusal('not_found', 'session: not one of ours')
      response.json({ outcome })
    },
  })
}

export function addSandboxRoutes(router: Router, sandbox: Sandbox): void {
  const sessionOf = async (request: Request): Promise<SandboxSession> => {
    const id = param(request, 'session')
    const session = /^[\w-]{43}$/.test(id) ? await sandbox.store.session(id) : undefined
    if (session === undefined) throw new Refusal('not_found', 'there is no such payment')
    return session
  }
  addRoute(router, '/sandbox/pay/:session', {
    get: async (request, response) => {
      const session = await sessionOf(request)
      response
        .set('content-security-policy', contentSecurityPolicy(new URL(session.return_url).origin))
        .set('referrer-policy', 'no-referrer')
        .type('html')
        .send(sandboxPage(session, await sandbox.store.decided(session.session)))
    },
    post: async (request, response) => {
      const session = await sessionOf(request)
      const is_form = mediaType(request) === 'application/x-www-form-urlencoded'
      const { outcome } = is_form ? await readForm(request) : await readJson(request, choiceBody)
      const { decided, delivered } = await sandbox.choose(session.session, outcome)
      if (decided.outcome !== outcome && !is_form) {
        throw new Refusal('conflict', `this payment has ended before: ${decided.outcome}`)
      }
      const arrived = await Promise.race([
        delivered,
        new Promise<boolean>((resolve) => setTimeout(resolve, DELIVERY_WAIT_MS, false)),
      ])
      if (is_form) {
        response.redirect(303, session.return_url)
        return
      }
      response.json({ outcome, delivered: arrived, return_url: session.return_url })
    },
  })
}

async function readForm(request: Request): Promise<z.output<typeof choiceBody>> {
  const form = new URLSearchParams(decodeUtf8(await readBody(request)))
  return check(choiceBody, Object.fromEntries(form), 'body')
}
