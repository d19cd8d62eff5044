// One gate worker stops for a while with requests and replies in its hands.
import type { Fault } from './fault'

export const freezeGateWorker: Fault = {
  name: 'freeze-gate-worker',
  loses_redis: false,
  weight: 1,
  inject: async (world) => world.freeze(await world.gateWorker(), world.random.between(200, 2500)),
}
