// Is this process alive, can it work, and what does it count: /livez, /healthz, /metrics.
import type { Router } from 'express'
import type { Redis } from 'ioredis'
import type { Ledger } from '../ledger/port'
import type { Metrics } from '../metrics'
import { wrongEvictionPolicy } from '../redis/shards'
import { evictionProblem } from '../sales/watcher'
import { Refusal, spreadRetryMs } from './refusal'
import { addRoute } from './routes'

const CHECK_TIMEOUT_MS = 2000

export function addHealthRoutes(
  router: Router,
  { ledger, redis, metrics }: { ledger: Ledger; redis: Redis; metrics: Metrics },
): void {
  addRoute(router, '/livez', {
    get: (_, response) => {
      response.type('text/plain').send('alive\n')
    },
  })
  addRoute(router, '/healthz', {
    get: async (_, response) => {
      const [ledger_problem, redis_problem] = await Promise.all([
        problemOf('the ledger', async () => {
          await ledger.salesVersion()
        }),
        problemOf('Redis', async () => {
          const policy = await wrongEvictionPolicy(redis)
          if (policy !== undefined) throw new Error(evictionProblem(policy))
        }),
      ])
      const problem = ledger_problem ?? redis_problem
      if (problem !== undefined) throw new Refusal('unavailable', problem, { retry_after_ms: spreadRetryMs(1000) })
      response.json({ status: 'ok', ledger: ledger.kind })
    },
  })
  addRoute(router, '/metrics', {
    get: async (_, response) => {
      response.set('content-type', metrics.registry.contentType).send(await metrics.registry.metrics())
    },
  })
}

async function problemOf(part: string, look: () => Promise<void>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS)
  })
  try {
    await Promise.race([look(), late])
    return undefined
  } catch (error) {
    return `${part}: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    clearTimeout(timer)
  }
}
