// Every fault there is. A new one is a file of its own and a line here.
import type { Fault } from './fault'
import { flushRedis } from './flush-redis'
import { freezeBackend } from './freeze-backend'
import { freezeBroker } from './freeze-broker'
import { freezeGateWorker } from './freeze-gate-worker'
import { freezeRedis } from './freeze-redis'
import { killBackend } from './kill-backend'
import { killBoth } from './kill-both'
import { killBroker } from './kill-broker'
import { killGate } from './kill-gate'
import { killGateWorker } from './kill-gate-worker'
import { killLedger } from './kill-ledger'
import { killRedis } from './kill-redis'
import { killSettler } from './kill-settler'
import { pauseSale } from './pause-sale'
import { putBackRedis } from './put-back-redis'
import { putBackRedisWithBacklog } from './put-back-redis-with-backlog'
import { rebuildSale } from './rebuild-sale'
import { reloadGate } from './reload-gate'
import { restartRedisWithBacklog } from './restart-redis-with-backlog'
import { stopBackend } from './stop-backend'

export const CATALOGUE: Fault[] = [
  killGateWorker,
  killRedis,
  killBackend,
  flushRedis,
  putBackRedis,
  restartRedisWithBacklog,
  putBackRedisWithBacklog,
  killGate,
  killLedger,
  killBoth,
  freezeRedis,
  freezeBackend,
  freezeGateWorker,
  reloadGate,
  stopBackend,
  rebuildSale,
  pauseSale,
]

/** Besides those above, where orders go through Kafka. */
export const KAFKA_CATALOGUE: Fault[] = [killBroker, killSettler, freezeBroker]
