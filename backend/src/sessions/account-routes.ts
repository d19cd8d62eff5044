// The operator's side of accounts: POST /admin/accounts, GET and PATCH /admin/accounts/{user}. No answer has a secret in it.
import type { Router } from 'express'
import { z } from 'zod'
import type { Authenticator } from '../http/auth'
import { readJson } from '../http/body'
import { Refusal } from '../http/refusal'
import { addRoute, param } from '../http/routes'
import type { Ledger } from '../ledger/port'
import { isPlainText } from '../plain-text'
import type { Accounts } from './accounts'
import { SECRET_LENGTH_MAX, userField } from './routes'
import { userProblem } from './token'

const SECRET_LENGTH_MIN = 8

const secret = z
  .string()
  .min(SECRET_LENGTH_MIN)
  .max(SECRET_LENGTH_MAX)
  .refine(isPlainText, 'must be text without control characters')
const level = z.int().min(0).max(9)

const newAccountBody = z.strictObject({ user: userField, secret, level: level.default(0) })
const accountChangeBody = z
  .strictObject({ secret: secret.optional(), level: level.optional() })
  .refine((change) => Object.keys(change).length > 0, 'must change something')

export function addAccountRoutes(router: Router, ledger: Ledger, accounts: Accounts, auth: Authenticator): void {
  addRoute(
    router,
    '/admin/accounts',
    {
      post: async (request, response) => {
        const { user, secret, level } = await readJson(request, newAccountBody)
        response.status(201).json(await accounts.add(user, secret, level))
      },
    },
    auth.admin,
  )
  addRoute(
    router,
    '/admin/accounts/:user',
    {
      get: async (request, response) => {
        const user = param(request, 'user')
        const row = userProblem(user) === undefined ? await ledger.accounts.find(user) : undefined
        if (row === undefined) throw new Refusal('not_found', 'there is no account of this user')
        response.json({ user, level: row.level })
      },
      patch: async (request, response) => {
        const user = param(request, 'user')
        const change = await readJson(request, accountChangeBody)
        if (userProblem(user) !== undefined) throw new Refusal('not_found', 'there is no account of this user')
        response.json(await accounts.change(user, change))
      },
    },
    auth.admin,
  )
}
