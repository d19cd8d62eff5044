// The folder of a PGlite database: where it runs (`live`), what a power cut leaves for certain (`snapshots`), and how the last run ended.
//
// PGlite never fsyncs. After a power cut `live` may hold any mixture of old and new pages, so it is not used again: the newest
// snapshot takes its place. After a mere crash of the process the kernel still has every write, and PGlite recovers from its log.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { uptime } from 'node:os'
import { join } from 'node:path'
import {
  type CopiedSnapshot,
  copySnapshot,
  removeDurably,
  restoreSnapshot,
  snapshotNumbers,
  syncTree,
  writeDurably,
} from './snapshot'

interface FolderState {
  live: string
  /** there was a database in `live` already, or one was put there from a snapshot */
  existed: boolean
  /** commits since the last snapshot may be missing, since this open or an earlier one: until endRedelivery() */
  restored: boolean
}

interface Run {
  boot_id: string
  /** ended by close(): everything was fsynced */
  clean: boolean
}

/** Beside last-run.json while what the snapshot lacks has not been asked for again. */
const REDELIVER = 'redeliver'

export function openFolder(folder: string, boot_id: string, damaged: boolean): FolderState {
  mkdirSync(folder, { recursive: true })
  const live = join(folder, 'live')
  const redeliver = join(folder, REDELIVER)
  const existed = existsSync(live)
  const run = lastRun(folder)
  const trusted = run !== undefined && (run.clean || run.boot_id === boot_id)
  if (existed && trusted && !damaged) {
    markRun(folder, boot_id, false)
    return { live, existed, restored: existsSync(redeliver) }
  }
  const snapshots = join(folder, 'snapshots')
  const had_anything = existed || snapshotNumbers(snapshots).length > 0
  // First: a process that ends after the mark of this run, and before all is asked for again, is followed by one that trusts `live`.
  if (had_anything) writeDurably(redeliver, '')
  // Kept for inspection, one of them: it may hold what no snapshot has.
  if (existed) {
    const aside = join(folder, 'damaged')
    rmSync(aside, { recursive: true, force: true })
    renameSync(live, aside)
  }
  const from_snapshot = restoreSnapshot(snapshots, live)
  markRun(folder, boot_id, false)
  return { live, existed: from_snapshot, restored: existsSync(redeliver) }
}

/** Only while nobody writes to `live`; `keep()` of what it returns may be called when they do again. */
export function copyFolder(folder: string): CopiedSnapshot {
  return copySnapshot(join(folder, 'live'), join(folder, 'snapshots'))
}

/** All that the snapshot lacks will come again, whatever happens now. */
export function endRedelivery(folder: string): void {
  removeDurably(join(folder, REDELIVER))
}

/** After the database has been closed: the next open may trust `live`, on whatever boot. */
export function closeFolder(folder: string, boot_id: string): void {
  syncTree(join(folder, 'live'))
  markRun(folder, boot_id, true)
}

function markRun(folder: string, boot_id: string, clean: boolean): void {
  const run: Run = { boot_id, clean }
  writeDurably(join(folder, 'last-run.json'), JSON.stringify(run))
}

function lastRun(folder: string): Run | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'last-run.json'), 'utf8')) as Run
  } catch {
    return undefined
  }
}

/** The same until the machine is started again: what was written before may not have reached the disk. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    // No /proc: the time of the boot, to ten seconds, because both clocks drift.
    return `boot at ${Math.round((Date.now() / 1000 - uptime()) / 10)}`
  }
}
