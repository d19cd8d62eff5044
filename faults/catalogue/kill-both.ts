// Redis and backend die together, as when a machine goes; the backend comes back first and finds no Redis.
import type { Fault } from './fault'

export const killBoth: Fault = {
  name: 'kill-redis-and-backend',
  loses_redis: false,
  weight: 2,
  async inject(world) {
    await Promise.all([world.kill('redis'), world.kill('backend')])
    await world.wait(50, 800)
    await Promise.all([world.start('redis'), world.start('backend')])
  },
}
