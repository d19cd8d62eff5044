// Snapshots of a database folder: what a power cut leaves for certain.
//
// A snapshot is a folder of its own. Files that have not changed since the last snapshot are hard links to that
// snapshot's files (never to the live ones, which are written in place); the others are copied, while nobody writes. Then, with writers
// about again, the copies are fsynced; the folder takes its final name, by rename and fsync of the parent, only when all of it is on
// disk, and older ones are deleted after that.
import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

interface SeenFile {
  size: number
  mtime_ns: string
  ino: string
  /** changed so shortly before it was copied that a later change may bear the same time (the kernel's clock ticks every few ms) */
  racy: boolean
}

interface Manifest {
  files: Record<string, SeenFile>
}

/** open files */
const SYNCED_AT_ONCE = 32
const MANIFEST = 'rushgate-manifest.json'
/** Far above the kernel's tick, and above the granularity of file systems that keep times in larger steps than ns. */
const RACY_MS = 2_000

/** Copied, and not yet certain to survive a power cut. */
export interface CopiedSnapshot {
  copied: string[]
  linked: number
  /** Resolves when it is. One at a time in a folder. */
  keep(): Promise<void>
  /** After keep(), and before the next one. */
  removeOlder(): Promise<void>
}

/** Numbers of complete snapshots, newest first. */
export function snapshotNumbers(folder: string): number[] {
  const numbers: number[] = []
  for (const name of entries(folder)) if (/^\d+$/.test(name)) numbers.push(Number(name))
  return numbers.sort((a, b) => b - a)
}

/** Only while nobody writes to `live`. */
export function copySnapshot(live: string, folder: string): CopiedSnapshot {
  mkdirSync(folder, { recursive: true })
  const last = snapshotNumbers(folder)[0]
  const last_folder = last === undefined ? '' : join(folder, String(last))
  const seen: Manifest = last === undefined ? { files: {} } : readManifest(last_folder)
  const number = (last ?? 0) + 1
  const unfinished = join(folder, `${number}.unfinished`)
  for (const name of entries(folder)) if (name.endsWith('.unfinished')) remove(join(folder, name))

  const files: { copied: string[]; linked: number } = { copied: [], linked: 0 }
  const manifest: Manifest = { files: {} }
  const folders: string[] = []
  const walk = (path: string) => {
    const to = join(unfinished, path)
    mkdirSync(to, { recursive: true })
    folders.push(to)
    for (const entry of readdirSync(join(live, path), { withFileTypes: true })) {
      const name = path === '' ? entry.name : `${path}/${entry.name}`
      if (entry.isDirectory()) walk(name)
      else if (entry.isFile()) manifest.files[name] = copyOrLink(live, unfinished, last_folder, name, seen, files)
    }
  }
  walk('')
  writeFileSync(join(unfinished, MANIFEST), JSON.stringify(manifest))
  const keep = async () => {
    const written = [...files.copied, MANIFEST].map((name) => join(unfinished, name))
    for (let from = 0; from < written.length; from += SYNCED_AT_ONCE) {
      await Promise.all(written.slice(from, from + SYNCED_AT_ONCE).map(syncLater))
    }
    await Promise.all(folders.map(syncLater))
    await rename(unfinished, join(folder, String(number)))
    await syncLater(folder)
  }
  const removeOlder = async () => {
    for (const old of snapshotNumbers(folder)) {
      if (old < number) await rm(join(folder, String(old)), { recursive: true, force: true })
    }
  }
  return { ...files, keep, removeOlder }
}

/** Puts the newest snapshot in the place of `live` (which must not exist). False when there is none. */
export function restoreSnapshot(folder: string, live: string): boolean {
  const number = snapshotNumbers(folder)[0]
  if (number === undefined) return false
  const from = join(folder, String(number))
  const unfinished = `${live}.unfinished`
  remove(unfinished)
  const walk = (path: string) => {
    mkdirSync(join(unfinished, path), { recursive: true })
    for (const entry of readdirSync(join(from, path), { withFileTypes: true })) {
      const name = join(path, entry.name)
      if (entry.isDirectory()) walk(name)
      else if (name !== MANIFEST) copyFileSync(join(from, name), join(unfinished, name), constants.COPYFILE_FICLONE)
    }
  }
  walk('')
  renameSync(unfinished, live)
  return true
}

/** fsyncs every file and folder under `path`. */
export function syncTree(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const name = join(path, entry.name)
    if (entry.isDirectory()) syncTree(name)
    else if (entry.isFile()) syncPath(name)
  }
  syncPath(path)
}

/** A small file, in place of an older one: either the one or the other is there after a power cut. */
export function writeDurably(path: string, text: string): void {
  writeFileSync(`${path}.new`, text)
  syncPath(`${path}.new`)
  renameSync(`${path}.new`, path)
  syncPath(join(path, '..'))
}

/** Gone after a power cut too. */
export function removeDurably(path: string): void {
  remove(path)
  syncPath(join(path, '..'))
}

function copyOrLink(
  live: string,
  to: string,
  last_folder: string,
  name: string,
  seen: Manifest,
  files: { copied: string[]; linked: number },
): SeenFile {
  const now_ms = Date.now()
  const stat = lstatSync(join(live, name), { bigint: true })
  const before = seen.files[name]
  const file: SeenFile = {
    size: Number(stat.size),
    mtime_ns: String(stat.mtimeNs),
    ino: String(stat.ino),
    racy: now_ms - Number(stat.mtimeMs) < RACY_MS,
  }
  const same =
    before !== undefined &&
    !before.racy &&
    before.size === file.size &&
    before.mtime_ns === file.mtime_ns &&
    before.ino === file.ino
  if (same) {
    linkSync(join(last_folder, name), join(to, name))
    files.linked++
    return { ...file, racy: false }
  }
  copyFileSync(join(live, name), join(to, name), constants.COPYFILE_FICLONE)
  files.copied.push(name)
  return file
}

function readManifest(folder: string): Manifest {
  try {
    return JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8')) as Manifest
  } catch {
    return { files: {} }
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true })
}

async function syncLater(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

function syncPath(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
