// The ledger itself dies: PostgreSQL, or the backend where PGlite lives in it. The gate goes on selling into the queue.
import type { Fault } from './fault'

export const killLedger: Fault = {
  name: 'kill-ledger',
  loses_redis: false,
  weight: 2,
  async inject(world) {
    await world.killLedger()
    await world.wait(50, 1500)
    await world.startLedger()
  },
}
