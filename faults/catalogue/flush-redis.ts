// Somebody empties Redis; the watcher finds the sale's keys missing.
import type { Fault } from './fault'

export const flushRedis: Fault = {
  name: 'flush-redis',
  loses_redis: true,
  weight: 2,
  async inject(world) {
    await world.redis((redis) => redis.flushall())
    world.noteLoss()
  },
}
