// Redis does not answer for a while, then goes on as if nothing had been: late replies, late commands.
import type { Fault } from './fault'

export const freezeRedis: Fault = {
  name: 'freeze-redis',
  loses_redis: false,
  weight: 2,
  inject: (world) => world.freeze(world.stack.redis.pid, world.random.between(200, 3500)),
}
