// Users' histories put together.
import type { Router } from 'express'
import type { Redis } from 'ioredis'
import type { Config } from '../config'
import type { Db } from '../db/db'
import type { Authenticator } from '../http/auth'
import type { Logger } from '../log'
import type { Metrics } from '../metrics'
import { Histories } from './history'
import { HistoryCache } from './history-cache'
import { addUserRoutes } from './routes'
import { VisitWriter } from './visit-writer'

const MONTH_MS = 30 * 24 * 3_600_000
/** where the Redis of the sales serves for it: that one must keep every key it has, so it is not to fill with histories */
const SHARED_KEPT_MS = 3_600_000
const LOADS_MAX = { pglite: 2, postgres: 4 } as const

interface UserParts {
  config: Config
  db: Db
  /** the Redis of what may be lost */
  volatile: Redis
  now: () => number
  log: Logger
  metrics: Metrics
}

export interface Users {
  /** these users' orders have changed */
  changed(users: Iterable<string>): void
  /** to be started and stopped in this order */
  parts: { start(): void; stop(): Promise<void> }[]
  addRoutes(router: Router, auth: Authenticator): void
}

export function createUsers({ config, db, volatile, now, log, metrics }: UserParts): Users {
  const histories = new Histories(db)
  const cache = new HistoryCache({
    redis: volatile,
    read: (user) => histories.read(user),
    kept_ms: config.redis_volatile_url === config.redis_url ? SHARED_KEPT_MS : MONTH_MS,
    loads_max: LOADS_MAX[db.kind],
    log,
    metrics,
  })
  const visits = new VisitWriter({ histories, cache, log, metrics })
  return {
    changed: (users) => cache.changed(users),
    // visits are written before the last deletions
    parts: [visits, cache],
    addRoutes: (router, auth) => addUserRoutes(router, { histories, cache, visits, auth, now }),
  }
}
