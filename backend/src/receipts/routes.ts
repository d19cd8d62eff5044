// GET /admin/receipts/{receipt}: why somebody was refused.
import type { Router } from 'express'
import type { Authenticator } from '../http/auth'
import { Refusal } from '../http/refusal'
import { addRoute, param } from '../http/routes'
import type { Keyring } from '../secrets'
import { openReceipt } from './receipts'

export function addReceiptRoutes(router: Router, { keyring, auth }: { keyring: Keyring; auth: Authenticator }): void {
  addRoute(
    router,
    '/admin/receipts/:receipt',
    {
      get: (request, response) => {
        const opened = openReceipt(keyring, param(request, 'receipt'))
        if ('problem' in opened) {
          if (opened.problem === 'malformed') {
            throw new Refusal('bad_request', 'receipt: is not one; a receipt is e1.<key id>.<384 characters>, uncut')
          }
          const detail = 'receipt: was not sealed here: it is forged or changed, or its secret has left RUSHGATE_SECRET'
          throw new Refusal('not_found', detail)
        }
        const { time, code, plugin, node, limit, address, route, subject, user } = opened.receipt
        response.json({
          time: new Date(Number(time)).toISOString(),
          node,
          rule: { plugin, code, ...(limit === '' ? {} : { limit }) },
          inputs: { address, route, subject, user },
        })
      },
    },
    auth.admin,
  )
}
