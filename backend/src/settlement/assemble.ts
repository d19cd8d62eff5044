// The parts of settlement that a process has, by its roles.
import type { Redis } from 'ioredis'
import type { Config } from '../config'
import type { Ledger } from '../ledger/port'
import type { Logger } from '../log'
import type { Metrics } from '../metrics'
import { createRedisClient } from '../redis/client'
import type { SalesFollower } from '../sales/follower'
import type { Publisher } from './publisher'
import { Settling } from './settling'
import { StreamSource } from './stream-source'
import { Trimmer } from './trimmer'

export interface SettlementParts {
  config: Config
  ledger: Ledger & { restored?: boolean }
  redis: Redis
  sales: SalesFollower
  metrics: Metrics
  log: Logger
  publisher: Publisher
  /** there may be returns to carry to Redis */
  onReturns: () => void
}

interface Part {
  start(): void
  stop(): Promise<void>
}

/** In the order in which they are stopped. */
export function settlementParts(given: SettlementParts): Part[] {
  const { config, ledger, redis, sales, metrics, log, publisher, onReturns } = given
  if (!config.roles.includes('settler')) return []
  const settling = new Settling({
    ledger,
    redis,
    sales,
    metrics,
    log,
    onSettled: (announced) => {
      publisher.take(announced)
      onReturns()
    },
  })
  const blocking = createRedisClient({ url: config.redis_url, name: 'settler', log, metrics, command_timeout: false })
  const redeliver = ledger.restored ?? false
  const reading = { redis, blocking, sales, metrics, log, consumer: config.instance, redeliver }
  return [
    new StreamSource(settling, reading),
    publisher,
    new Trimmer({ ledger, redis, sales, metrics, log }),
    { start: () => undefined, stop: async () => blocking.disconnect() },
  ]
}
