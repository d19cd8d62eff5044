// Redis restarts while nobody settles: the rebuild finds a queue of reservations that the ledger has never seen, and
// every one of them keeps its units.
import type { Fault } from './fault'

export const restartRedisWithBacklog: Fault = {
  name: 'restart-redis-with-backlog',
  loses_redis: false,
  weight: 2,
  needs_selling: true,
  async inject(world) {
    await world.kill('backend')
    await world.wait(500, 2000)
    await world.kill('redis')
    await world.start('redis')
    await world.start('backend')
  },
}
