// One gate worker stops for a while with requests and replies in its hands.
import type { Fault } from './fault'

export const freezeGateWorker: Fault = {
  name: 'freeze-gate-worker',
  loses_redis: false,
  weight: 1,
  inject: (world) => world.freeze(world.random.pick(world.stack.gate.workers()), world.random.between(200, 2500)),
}
