// Where fetched engines are kept: one folder for all checkouts of a user, so that each is downloaded once.
//
// Guarantee: what has its final name there is whole and was verified, because it is made beside it and renamed; of
// several processes that want the same thing one makes it and the others wait.
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const LOCK_POLL_MS = 200

/** RUSHGATE_CACHE, or `rushgate` in the user's XDG cache folder. */
export function enginesCache(env: Record<string, string | undefined> = process.env): string {
  const cache = env.RUSHGATE_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'rushgate')
  return join(resolve(cache), 'engines')
}

/** The folder `name` of the cache, which `make` fills once: it is given an empty folder that becomes it. */
export async function cached(
  name: string,
  make: (folder: string) => Promise<void>,
  cache = enginesCache(),
): Promise<string> {
  const wanted = join(cache, name)
  if (existsSync(wanted)) return wanted
  mkdirSync(cache, { recursive: true })
  // one lock for all: Maven's own repository, which they share, is not safe for two at once
  const unlock = await lock(join(cache, 'fetching.lock'))
  const folder = mkdtempSync(join(cache, `${name}.part-`))
  try {
    if (existsSync(wanted)) return wanted
    await make(folder)
    renameSync(folder, wanted)
    return wanted
  } finally {
    rmSync(folder, { recursive: true, force: true })
    unlock()
  }
}

export function isCached(name: string, cache = enginesCache()): boolean {
  return existsSync(join(cache, name))
}

/** Waits while a living process has it. */
async function lock(file: string): Promise<() => void> {
  for (;;) {
    try {
      const held = openSync(file, 'wx')
      writeSync(held, String(process.pid))
      closeSync(held)
      return () => rmSync(file, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    if (isAbandoned(file)) rmSync(file, { force: true })
    else await sleep(LOCK_POLL_MS)
  }
}

function isAbandoned(file: string): boolean {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    // empty: its owner is just about to write its pid
    return pid > 0 && !existsSync(`/proc/${pid}`)
  } catch {
    return false
  }
}
