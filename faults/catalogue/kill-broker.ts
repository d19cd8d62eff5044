// Kafka's only broker dies and comes back some seconds later: reservations wait in their streams.
import type { Fault } from './fault'

export const killBroker: Fault = {
  name: 'kill-broker',
  loses_redis: false,
  weight: 3,
  async inject(world) {
    await world.killBroker()
    await world.wait(200, 2500)
    await world.startBroker()
  },
}
