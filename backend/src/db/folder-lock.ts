// One process at a time in a PGlite folder: PGlite itself lets two open it, and they destroy it.
//
// The lock is a file naming its owner by process id and start time, made in one atomic step (link). A lock whose owner is gone
// (killed, or its process id reused: the start time differs) is taken over. Known weakness: owners in another PID
// namespace (two containers on one volume) look gone.
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'

export interface FolderLock {
  release(): void
}

interface Owner {
  pid: number
  /** clock ticks since boot, from /proc; 0 where there is no /proc */
  started: number
}

const TRIES_MAX = 20

/** Throws an error naming the owner when a living process has the lock, this one included. */
export function lockFolder(path: string): FolderLock {
  const owner: Owner = { pid: process.pid, started: startedAt(process.pid) }
  const own = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`
  writeFileSync(own, JSON.stringify(owner))
  try {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (linked(own, path)) return { release: () => rmSync(path, { force: true }) }
      const held = read(path)
      if (held === undefined) continue
      if (alive(held.owner)) {
        throw new Error(`${path}: process ${held.owner.pid} has this folder open; stop it first`)
      }
      takeAway(path, held.text, own)
    }
    throw new Error(`${path}: could not be locked in ${TRIES_MAX} tries`)
  } finally {
    rmSync(own, { force: true })
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Removes a stale lock. Another process may have replaced it meanwhile by its own: that one is put back. */
function takeAway(path: string, text: string, own: string): void {
  const aside = `${own}.stale`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (readFileSync(aside, 'utf8') !== text) linked(aside, path)
  unlinkSync(aside)
}

function read(path: string): { text: string; owner: Owner } | undefined {
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
    return { text, owner: JSON.parse(text) as Owner }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    // Cut short by a power cut: nobody alive has written it.
    if (error instanceof SyntaxError) return { text, owner: { pid: 0, started: 0 } }
    throw error
  }
}

function alive(owner: Owner): boolean {
  if (owner.pid <= 0) return false
  try {
    process.kill(owner.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return startedAt(owner.pid) === owner.started
}

/** Field 22 of /proc/PID/stat; the name before it may hold spaces and brackets. */
function startedAt(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  } catch {
    return 0
  }
}
