// The backend is stopped for a while: locks and leases run out under its hands.
import type { Fault } from './fault'

export const freezeBackend: Fault = {
  name: 'freeze-backend',
  loses_redis: false,
  weight: 2,
  inject: (world) => world.freeze(world.stack.backend.pid, world.random.between(200, 3500)),
}
