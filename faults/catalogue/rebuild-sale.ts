// An operator asks for a rebuild while everything is well.
import type { Fault } from './fault'

export const rebuildSale: Fault = {
  name: 'rebuild-sale',
  loses_redis: false,
  weight: 1,
  async inject(world) {
    await world.operate('rebuild')
  },
}
