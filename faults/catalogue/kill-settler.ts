// A settler of the group dies with a batch in its hands, and another one joins: partitions change hands twice.
import type { Fault } from './fault'

export const killSettler: Fault = {
  name: 'kill-settler',
  loses_redis: false,
  weight: 3,
  async inject(world) {
    await world.killSettler()
    await world.wait(50, 1500)
    await world.addSettler()
  },
}
