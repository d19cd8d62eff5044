// GET and PUT /admin/degrade: the level of degradation that the operator sets for all gates.
//
// It is kept in the ledger, and gates follow it with the sales: an answer to PUT means that it survives a restart; gates hear
// of it within a second.
import type { Router } from 'express'
import { z } from 'zod'
import { DEGRADE_LEVEL_MAX, DEGRADE_LEVELS, type DegradeByHand } from '../../../contract/degradation'
import type { Authenticator } from '../http/auth'
import { readJson } from '../http/body'
import { addRoute } from '../http/routes'
import type { Ledger } from '../ledger/port'
import type { Logger } from '../log'
import type { SalesFollower } from '../sales/follower'

interface DegradeRouteParts {
  ledger: Ledger
  sales: SalesFollower
  auth: Authenticator
  log: Logger
}

const RULE = `must be a whole number from 0 to ${DEGRADE_LEVEL_MAX}, or "auto"`

const degradeBody = z
  .strictObject({
    level: z.union([z.literal('auto'), z.int().min(0).max(DEGRADE_LEVEL_MAX)], { error: RULE }),
    /** the nodes' own load then changes nothing */
    pinned: z.boolean().optional(),
  })
  .refine(({ level, pinned }) => level !== 'auto' || pinned !== true, {
    path: ['pinned'],
    message: 'cannot be true for "auto"',
  })

export function addDegradeRoutes(router: Router, { ledger, sales, auth, log }: DegradeRouteParts): void {
  addRoute(
    router,
    '/admin/degrade',
    {
      get: async (_, response) => {
        response.json(viewOf((await sales.latest()).degrade))
      },
      put: async (request, response) => {
        const { level, pinned } = await readJson(request, degradeBody)
        const by_hand = { level: level === 'auto' ? 0 : level, pinned: pinned ?? false }
        await ledger.setDegrade(by_hand)
        await ledger.durable()
        sales.changed()
        log.warn({ degrade: by_hand }, 'the level of degradation was set by hand')
        response.json(viewOf(by_hand))
      },
    },
    auth.admin,
  )
}

/** Each node may be higher than this by its own load: rushgate_degrade_level in the gate's metrics says where it is. */
function viewOf({ level, pinned }: DegradeByHand): Record<string, unknown> {
  const terms = DEGRADE_LEVELS[level]
  return { level: level === 0 && !pinned ? 'auto' : level, pinned, ...terms }
}
