// PGlite's folder: one process at a time, killed processes, power cuts (a boot id that changes), damage, and what durable() costs whom.
// long because all of it shares the template folder and the writer that is killed
import { type ChildProcess, spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { lockFolder } from '../src/db/folder-lock'
import { PgliteDb } from '../src/db/pglite'
import { copySnapshot, snapshotNumbers } from '../src/db/snapshot'

const root = fileURLToPath(new URL('../..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'rushgate-pglite-'))
const template = join(scratch, 'template')
const children: ChildProcess[] = []
let folders = 0
/** of what is opened next; undefined: this machine's own */
let boot_id: string | undefined

beforeAll(async () => {
  const db = await openDb(template)
  await db.script('CREATE TABLE written (number integer PRIMARY KEY, filling text)')
  await db.durable()
  await db.close()
})

afterEach(() => {
  boot_id = undefined
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** A folder with an empty table in it: initdb takes seconds, a copy does not. */
function freshFolder(): string {
  const folder = join(scratch, `folder-${++folders}`)
  cpSync(template, folder, { recursive: true, preserveTimestamps: true })
  return folder
}

function openDb(folder: string): Promise<PgliteDb> {
  return PgliteDb.open(folder, { boot_id })
}

interface Writer {
  child: ChildProcess
  lines: string[]
  /** resolves once the writer has said this line */
  said(line: string): Promise<void>
  killed(): Promise<void>
}

function startWriter(folder: string, durable = ''): Writer {
  const args = ['--import', 'tsx', join(root, 'backend/test/pglite-writer.ts'), folder, durable, boot_id ?? '']
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  const lines: string[] = []
  let rest = ''
  child.stdout?.on('data', (data: Buffer) => {
    const parts = (rest + data.toString()).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    child.emit('line')
  })
  let errors = ''
  child.stderr?.on('data', (data: Buffer) => {
    errors += data.toString()
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return {
    child,
    lines,
    said: (line) =>
      new Promise((resolve, reject) => {
        const look = () => (lines.includes(line) ? resolve() : undefined)
        child.on('line', look)
        ended.then(() => reject(new Error(`the writer ended without saying "${line}": ${errors}`)))
        look()
      }),
    killed: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/**
 * While its owner goes on: a snapshot that is removed meanwhile has been replaced by a newer one, and a live file may be one that a
 * checkpoint has just renamed.
 */
function copyAsItIs(folder: string, to: string): void {
  copyAgain(to, () => 'live', folder)
  cpSync(join(folder, 'last-run.json'), join(to, 'last-run.json'))
  copyAgain(to, () => join('snapshots', String(snapshotNumbers(join(folder, 'snapshots'))[0])), folder)
}

/** Until nothing has gone while it was copied. */
function copyAgain(to: string, choose: () => string, folder: string): void {
  for (;;) {
    const chosen = choose()
    try {
      cpSync(join(folder, chosen), join(to, chosen), { recursive: true })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      rmSync(join(to, chosen), { recursive: true, force: true })
    }
  }
}

function lastNumber(lines: string[], word: string): number {
  const numbers = lines.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.split(' ')[1]))
  return Math.max(0, ...numbers)
}

async function numbers(db: PgliteDb): Promise<number[]> {
  const rows = await db.query<{ number: number }>('SELECT number FROM written ORDER BY number')
  return rows.map(({ number }) => number)
}

async function write(db: PgliteDb, number: number): Promise<void> {
  await db.transaction((queries) => queries.query('INSERT INTO written VALUES ($1, $2)', [number, 'x'.repeat(500)]))
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, i) => i + 1)
}

describe('the folder lock', () => {
  it('refuses a second process, and a second opening in this one, naming the owner', async () => {
    const folder = freshFolder()
    const writer = startWriter(folder)
    await writer.said('committed 1')
    await expect(openDb(folder)).rejects.toThrow(`process ${writer.child.pid} has this folder open`)
    await writer.killed()

    const db = await openDb(folder)
    await expect(openDb(folder)).rejects.toThrow(`process ${process.pid} has this folder open`)
    await db.close()
    expect(existsSync(join(folder, 'lock'))).toBe(false)
  })

  it('is taken over from an owner that is gone, reused process id included', async () => {
    const folder = freshFolder()
    for (const left of ['{"pid":999999999,"started":1}', `{"pid":${process.pid},"started":1}`, '{"pi', '']) {
      writeFileSync(join(folder, 'lock'), left)
      const lock = lockFolder(join(folder, 'lock'))
      expect(() => lockFolder(join(folder, 'lock'))).toThrow(`process ${process.pid} has this folder open`)
      lock.release()
    }
    expect(readdirSync(folder).filter((name) => name.startsWith('lock'))).toEqual([])
  })

  it('is given back when the folder cannot be opened', async () => {
    const folder = join(scratch, `folder-${++folders}`)
    boot_id = 'here'
    const db = await openDb(folder)
    await db.close()
    // neither the live folder nor a snapshot can be opened
    for (const path of ['live', `snapshots/${readdirSync(join(folder, 'snapshots'))[0]}`]) {
      writeFileSync(join(folder, path, 'PG_VERSION'), 'nonsense')
      rmSync(join(folder, path, 'global'), { recursive: true })
    }
    await expect(openDb(folder)).rejects.toThrow()
    expect(existsSync(join(folder, 'lock'))).toBe(false)
  })
})

describe('a killed process', () => {
  it('loses nothing that it committed', async () => {
    const folder = freshFolder()
    for (const stop_at of ['committed 20', 'committed 50']) {
      const writer = startWriter(folder)
      await writer.said(stop_at)
      await writer.killed()
      const db = await openDb(folder)
      expect(db.restored).toBe(false)
      const found = await numbers(db)
      // the commit after the last one said may have been made, too
      expect(found.length).toBeGreaterThanOrEqual(lastNumber(writer.lines, 'committed'))
      expect(found).toEqual(upTo(found.length))
      await db.close()
    }
  })
})

describe('after a power cut', () => {
  it('the last durable point is put back, whatever was written to the live folder since', async () => {
    const folder = freshFolder()
    boot_id = 'before'
    const writer = startWriter(folder, 'durable')
    await writer.said('durable 30')
    await writer.killed()
    const durable = lastNumber(writer.lines, 'durable')
    // the page cache is lost: a page of the live folder holds garbage
    const live = join(folder, 'live/global')
    writeFileSync(join(live, readdirSync(live)[0] as string), Buffer.alloc(8192, 7))

    boot_id = 'after'
    const db = await openDb(folder)
    expect(db.restored).toBe(true)
    const found = await numbers(db)
    expect(found.length).toBeGreaterThanOrEqual(durable)
    expect(found).toEqual(upTo(found.length))
    await write(db, 1_000)
    await db.redelivered()
    expect(db.restored).toBe(false)
    await db.close()

    boot_id = 'after that'
    const again = await openDb(folder)
    expect(again.restored).toBe(false)
    expect(await numbers(again)).toEqual([...found, 1_000])
    await again.close()
  })

  it('what was not durable is gone, and that is said', async () => {
    const folder = freshFolder()
    boot_id = 'before'
    const writer = startWriter(folder)
    await writer.said('committed 10')
    await writer.killed()
    boot_id = 'after'
    const db = await openDb(folder)
    expect(db.restored).toBe(true)
    expect(await numbers(db)).toEqual([])
    await db.close()
  })

  it('that is said on every open until all is redelivered, whether the process before was killed or closed', async () => {
    const folder = freshFolder()
    boot_id = 'before'
    const writer = startWriter(folder)
    await writer.said('committed 3')
    await writer.killed()
    boot_id = 'after'
    const after = startWriter(folder)
    await after.said('committed 3')
    await after.killed()
    const db = await openDb(folder)
    expect(db.restored, 'after a kill').toBe(true)
    await db.close()
    const again = await openDb(folder)
    expect(again.restored, 'after a close').toBe(true)
    expect((await numbers(again)).length, 'nothing was put back twice').toBeGreaterThanOrEqual(3)
    await again.redelivered()
    await again.close()
    const last = await openDb(folder)
    expect(last.restored).toBe(false)
    await last.close()
  })

  it('without any snapshot yet, the database starts anew, and that is said', async () => {
    const folder = freshFolder()
    rmSync(join(folder, 'snapshots'), { recursive: true })
    rmSync(join(folder, 'last-run.json'))
    const db = await openDb(folder)
    expect(db.restored).toBe(true)
    expect(await db.query("SELECT FROM pg_tables WHERE tablename = 'written'")).toEqual([])
    await db.close()
  })
})

describe('a damaged folder', () => {
  it('is kept aside, and the last snapshot takes its place', async () => {
    const folder = freshFolder()
    const db = await openDb(folder)
    await write(db, 1)
    await db.close()
    rmSync(join(folder, 'live/global/pg_control'))
    const restored = await openDb(folder)
    expect(restored.restored).toBe(true)
    expect(await numbers(restored)).toEqual([1])
    expect(existsSync(join(folder, 'damaged/PG_VERSION'))).toBe(true)
    await restored.close()
  })
})

describe('durable()', () => {
  it('makes one snapshot for all who wait for it', async () => {
    const folder = freshFolder()
    const db = await openDb(folder)
    const newest = () => Math.max(...readdirSync(join(folder, 'snapshots')).map(Number))
    const before = newest()
    await Promise.all(upTo(30).map((number) => write(db, number).then(() => db.durable())))
    const taken = newest() - before
    expect(taken).toBeGreaterThanOrEqual(1)
    expect(taken).toBeLessThanOrEqual(15)
    const then = newest()
    await Promise.all([db.durable(), db.durable()])
    expect(newest(), 'nothing was committed since').toBe(then)
    await db.close()
  })

  it('covers what was written by a statement of its own', async () => {
    const folder = freshFolder()
    const db = await openDb(folder)
    const newest = () => Math.max(...snapshotNumbers(join(folder, 'snapshots')))
    await db.durable()
    const before = newest()
    await db.query('SELECT count(*) FROM written')
    await db.durable()
    expect(newest(), 'nothing was written').toBe(before)
    await db.query("-- a comment\nINSERT INTO written VALUES (1, '')")
    await db.durable()
    expect(newest()).toBe(before + 1)
    await db.close()
  })

  it('covers every commit before its call, while others go on committing', async () => {
    const folder = freshFolder()
    boot_id = 'before'
    const db = await openDb(folder)
    let promised = 0
    let stop = false
    const writing = (async () => {
      for (let number = 1; !stop; number++) {
        await write(db, number)
        const covered = number
        if (number % 3 === 0) db.durable().then(() => (promised = Math.max(promised, covered)))
      }
    })()
    while (promised < 24) await new Promise((resolve) => setTimeout(resolve, 5))
    // what a power cut at this moment leaves
    const left = join(scratch, `folder-${++folders}`)
    const known = promised
    copyAsItIs(folder, left)
    stop = true
    await writing
    await db.close()

    boot_id = 'after'
    const restored = await openDb(left)
    expect(restored.restored).toBe(true)
    const found = await numbers(restored)
    expect(found.length).toBeGreaterThanOrEqual(known)
    expect(found).toEqual(upTo(found.length))
    await restored.close()
  })

  it('copies what has changed, links the rest to the last snapshot, and never to the live files', async () => {
    const folder = join(scratch, `folder-${++folders}`)
    const [live, snapshots] = [join(folder, 'live'), join(folder, 'snapshots')]
    cpSync(join(template, 'live'), live, { recursive: true, preserveTimestamps: true })
    const past = new Date(Date.now() - 60_000)
    for (const name of ['a', 'b', 'c']) {
      writeFileSync(join(live, name), name)
      utimesSync(join(live, name), past, past)
    }
    const takeSnapshot = async () => {
      const copied = copySnapshot(live, snapshots)
      await copied.keep()
      await copied.removeOlder()
      return copied
    }
    expect((await takeSnapshot()).linked).toBe(0)
    const now = new Date()
    writeFileSync(join(live, 'a'), 'A')
    utimesSync(join(live, 'a'), now, now)
    rmSync(join(live, 'b'))
    expect((await takeSnapshot()).linked).toBeGreaterThan(0)
    expect(readFileSync(join(snapshots, '2/a'), 'utf8')).toBe('A')
    expect(existsSync(join(snapshots, '2/b'))).toBe(false)
    // changed again within the same tick of the kernel's clock: size and time tell nothing
    writeFileSync(join(live, 'a'), 'a')
    utimesSync(join(live, 'a'), now, now)
    await takeSnapshot()
    expect(readFileSync(join(snapshots, '3/a'), 'utf8')).toBe('a')
    expect(readdirSync(snapshots)).toEqual(['3'])
    // one that a power cut ended before all of it was on disk is none
    copySnapshot(live, snapshots)
    expect(snapshotNumbers(snapshots)).toEqual([3])
    await takeSnapshot()
    expect(readdirSync(snapshots)).toEqual(['4'])
    for (const name of ['a', 'c', 'PG_VERSION', 'global/pg_control']) {
      expect(statSync(join(live, name)).ino, name).not.toBe(statSync(join(snapshots, '4', name)).ino)
    }
  })
})

describe('vacuum', () => {
  it('gives space back to tables that rows pass through', async () => {
    const sizes: number[] = []
    const db = await PgliteDb.open(freshFolder(), { vacuum_every_ms: 0 })
    for (let round = 0; round < 4; round++) {
      await db.script(
        "INSERT INTO written SELECT g, repeat('x', 500) FROM generate_series(1, 2000) AS g; DELETE FROM written",
      )
      await db.durable()
      const [row] = await db.query<{ size: number }>("SELECT pg_relation_size('written') AS size")
      sizes.push(row?.size ?? 0)
    }
    expect(Math.max(...sizes)).toBeLessThan(2 * 2000 * 600)
    await db.close()
  })
})

describe('transactions', () => {
  it('never mix, and a failed one leaves nothing', async () => {
    const db = await openDb(freshFolder())
    const failing = db.transaction(async (queries) => {
      await queries.query('INSERT INTO written VALUES (1, $1)', [''])
      await new Promise((resolve) => setTimeout(resolve, 20))
      throw new Error('on purpose')
    })
    const other = write(db, 2)
    const alone = db.query('SELECT count(*) AS count FROM written')
    await expect(failing).rejects.toThrow('on purpose')
    await other
    expect(await alone).toEqual([{ count: 1 }])
    await expect(write(db, 2)).rejects.toMatchObject({ code: '23505' })
    expect(await numbers(db)).toEqual([2])
    await db.close()
    await expect(db.query('SELECT 1')).rejects.toThrow('closed')
  })
})
