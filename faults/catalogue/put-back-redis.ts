// Redis is put back to an earlier append-only file: it has forgotten, and it remembers units as free that are sold.
import type { Fault } from './fault'

export const putBackRedis: Fault = {
  name: 'put-back-redis',
  loses_redis: true,
  weight: 3,
  async inject(world) {
    const copy = world.copyAof()
    await world.wait(500, 2500)
    await world.kill('redis')
    world.noteLoss()
    world.putBackAof(copy)
    await world.start('redis')
  },
}
