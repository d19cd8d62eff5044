// Go programs of the bench (the load generator and the Go peer), built into .cache/bench when their source is newer.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
export const CACHE = join(ROOT, '.cache/bench')

/** Builds the module in `folder` (below bench/) and returns the program's path; go's own cache makes this quick. */
export function buildGo(folder: string, name: string): string {
  mkdirSync(CACHE, { recursive: true })
  const program = join(CACHE, name)
  const built = spawnSync('go', ['build', '-trimpath', '-o', program, '.'], {
    cwd: join(import.meta.dirname, folder),
    encoding: 'utf8',
    env: { ...process.env, GOWORK: 'off', CGO_ENABLED: '0' },
  })
  if (built.error) throw new Error(`bench/${folder} needs Go 1.24 or newer (https://go.dev/dl): ${built.error.message}`)
  if (built.status !== 0) throw new Error(`bench/${folder} does not build:\n${built.stderr}`)
  return program
}

export function goVersion(): string {
  return spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' }).stdout.trim()
}
