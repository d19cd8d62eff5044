// The backend dies in the middle of settling and sweeping, ledger and all.
import type { Fault } from './fault'

export const killBackend: Fault = {
  name: 'kill-backend',
  loses_redis: false,
  weight: 3,
  async inject(world) {
    await world.kill('backend')
    await world.wait(50, 1500)
    await world.start('backend')
  },
}
