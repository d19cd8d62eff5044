// The whole gate dies, master and workers.
import type { Fault } from './fault'

export const killGate: Fault = {
  name: 'kill-gate',
  loses_redis: false,
  weight: 1,
  async inject(world) {
    await world.kill('gate')
    await world.wait(50, 800)
    await world.start('gate')
  },
}
