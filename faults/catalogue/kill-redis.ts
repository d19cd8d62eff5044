// Redis dies and comes back with what it had fsynced; its replication id changes.
import type { Fault } from './fault'

export const killRedis: Fault = {
  name: 'kill-redis',
  loses_redis: false,
  weight: 3,
  async inject(world) {
    await world.kill('redis')
    await world.wait(50, 1500)
    await world.start('redis')
  },
}
