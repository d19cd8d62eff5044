// The backend is asked to stop, as in a deployment, and started again.
import type { Fault } from './fault'

export const stopBackend: Fault = {
  name: 'stop-backend',
  loses_redis: false,
  weight: 2,
  async inject(world) {
    world.stack.backend.kill('SIGTERM')
    await world.stack.backend.wait()
    await world.wait(50, 800)
    await world.start('backend')
  },
}
