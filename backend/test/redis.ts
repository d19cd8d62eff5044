// A real Redis for one test file: a free port, a folder of its own below the system's temporary folder.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Fsync, type Redis, startRedis } from '../../scripts/redis'

export interface TestRedis {
  server: Redis
  dir: string
  /** stops it and deletes its folder */
  remove(): Promise<void>
}

/** `no` by default: most tests kill nothing and need not wait for the disk. */
export async function startTestRedis(fsync: Fsync = 'no'): Promise<TestRedis> {
  const dir = mkdtempSync(join(tmpdir(), 'rushgate-backend-'))
  const server = await startRedis({ dir: join(dir, 'redis'), fsync })
  const remove = async () => {
    await server.stop()
    rmSync(dir, { recursive: true, force: true })
  }
  return { server, dir, remove }
}
