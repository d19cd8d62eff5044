// Kafka answers nothing for a while, and then all of it: what was given up is sent again.
import type { Fault } from './fault'

export const freezeBroker: Fault = {
  name: 'freeze-broker',
  loses_redis: false,
  weight: 2,
  inject: (world) => world.freeze(world.broker.pid, world.random.between(500, 6000)),
}
