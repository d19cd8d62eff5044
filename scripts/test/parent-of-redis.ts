// Run by processes.spec.ts: starts a Redis in the folder given, prints its pid, and waits to be ended.
import { startRedis } from '../redis'

process.on('SIGUSR2', () => process.exit(3))
const redis = await startRedis({ dir: process.argv[2] as string })
console.log(redis.pid)
setInterval(() => {}, 1000)
