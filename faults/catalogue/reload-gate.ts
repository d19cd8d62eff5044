// The gate reloads its configuration under load: old workers drain while new ones serve.
import type { Fault } from './fault'

export const reloadGate: Fault = {
  name: 'reload-gate',
  loses_redis: false,
  weight: 2,
  async inject(world) {
    for (let times = world.random.between(1, 3); times > 0; times--) {
      await world.stack.gate.reload()
      await world.wait(50, 500)
    }
  },
}
