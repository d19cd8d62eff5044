// Redis is put back to an earlier append-only file while nobody settles: of the queue, what came before the copy
// survives, what came after it is gone.
import type { Fault } from './fault'

export const putBackRedisWithBacklog: Fault = {
  name: 'put-back-redis-with-backlog',
  loses_redis: true,
  weight: 2,
  needs_selling: true,
  async inject(world) {
    await world.kill('backend')
    await world.wait(300, 1000)
    const copy = world.copyAof()
    await world.wait(300, 1000)
    await world.kill('redis')
    world.noteLoss()
    world.putBackAof(copy)
    await world.start('redis')
    await world.start('backend')
  },
}
