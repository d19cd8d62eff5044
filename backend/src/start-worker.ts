// Starts a thread from an entry that is built beside the built backend (scripts/build.ts); from source through tsx, which is there in development.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'

/** `entry` without its ending, as `new URL('./x-worker', import.meta.url)`: once built, every file of the backend is in one folder. */
export function startWorker(entry: URL): Worker {
  const built = new URL(`${entry.href}.js`)
  if (existsSync(fileURLToPath(built))) return new Worker(built)
  const tsx_folder = dirname(createRequire(import.meta.url).resolve('tsx/package.json'))
  const tsx = pathToFileURL(join(tsx_folder, 'dist/esm/api/index.mjs')).href
  // A worker's --import comes too late for its own entry: tsx is registered first, then the entry is imported.
  const source = JSON.stringify(`${entry.href}.ts`)
  const text = `import { register } from ${JSON.stringify(tsx)}; register(); await import(${source})`
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(text)}`), { execArgv: [] })
}
