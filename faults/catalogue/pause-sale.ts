// An operator pauses the sale and resumes it.
import type { Fault } from './fault'

export const pauseSale: Fault = {
  name: 'pause-sale',
  loses_redis: false,
  weight: 1,
  async inject(world) {
    await world.operate('pause')
    await world.wait(200, 1200)
    await world.operate('resume')
  },
}
