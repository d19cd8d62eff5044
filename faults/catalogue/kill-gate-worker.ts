// A gate worker dies with requests in progress; the master starts another.
import type { Fault } from './fault'

export const killGateWorker: Fault = {
  name: 'kill-gate-worker',
  loses_redis: false,
  weight: 3,
  async inject(world) {
    for (let times = world.random.between(1, 3); times > 0; times--) {
      world.killProcess(await world.gateWorker())
      await world.wait(100, 800)
    }
  },
}
