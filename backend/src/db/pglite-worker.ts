// The thread that PGlite runs in: it takes one request after another from its parent and answers each by number.
// Built as an entry of its own (dist/backend/pglite-worker.js); in the main thread PGlite would stop every timer for 100s of ms.
import { parentPort } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { type Parameter, SESSION_SETTINGS } from './db'
import { closeFolder, copyFolder, endRedelivery, openFolder } from './pglite-folder'
import type { CopiedSnapshot } from './snapshot'

export type WorkerRequest =
  | { kind: 'open'; folder: string; boot_id: string; damaged: boolean }
  | { kind: 'query'; sql: string; parameters: Parameter[] }
  | { kind: 'script'; sql: string }
  /** checkpoint and a copy of the folder, before them VACUUM where it is time: PGlite has no autovacuum */
  | { kind: 'copy'; vacuum: boolean }
  /** makes the last copy a snapshot; others may be asked for meanwhile, but no second copy */
  | { kind: 'keep' }
  | { kind: 'redelivered' }
  | { kind: 'close' }

export interface WorkerAnswer {
  id: number
  result?: unknown
  error?: { message: string; code: string; detail: string; database: boolean }
}

export interface Opened {
  existed: boolean
  restored: boolean
}

/** Small log segments: a snapshot copies the changed ones whole. */
const INITDB_PARAMETERS = ['--wal-segsize=1']

let db: PGlite | undefined
let folder = ''
let boot_id = ''
let copied: CopiedSnapshot | undefined
let removing: Promise<void> | undefined

async function open(request: WorkerRequest & { kind: 'open' }): Promise<Opened> {
  folder = request.folder
  boot_id = request.boot_id
  const { live, existed, restored } = openFolder(folder, boot_id, request.damaged)
  db = await PGlite.create({ dataDir: live, initDbStartParams: INITDB_PARAMETERS })
  await db.query('SELECT count(*) FROM pg_class')
  for (const [name, value] of Object.entries(SESSION_SETTINGS)) await db.exec(`SET ${name} = ${value}`)
  return { existed, restored }
}

/** The older ones go while nobody waits. */
async function keep(snapshot: CopiedSnapshot | undefined): Promise<void> {
  await removing
  await snapshot?.keep()
  // what could not be removed is tried again behind the next snapshot
  removing = snapshot?.removeOlder().catch(() => undefined)
}

async function answer(request: WorkerRequest): Promise<unknown> {
  if (request.kind === 'open') return open(request)
  if (db === undefined) throw new Error('PGlite is not open')
  switch (request.kind) {
    case 'query':
      return (await db.query(request.sql, request.parameters)).rows
    case 'script':
      await db.exec(request.sql)
      return undefined
    case 'copy':
      if (request.vacuum) await db.exec('VACUUM')
      await db.exec('CHECKPOINT')
      copied = copyFolder(folder)
      return undefined
    case 'keep':
      return keep(copied)
    case 'redelivered':
      endRedelivery(folder)
      return undefined
    case 'close':
      await db.exec('CHECKPOINT')
      await keep(copyFolder(folder))
      await removing
      await db.close()
      closeFolder(folder, boot_id)
      return undefined
  }
}

let last: Promise<void> = Promise.resolve()

parentPort?.on('message', ({ id, request }: { id: number; request: WorkerRequest }) => {
  // the session is not asked for it
  const before = request.kind === 'keep' ? Promise.resolve() : last
  const answered = before.then(async () => {
    const reply: WorkerAnswer = { id }
    try {
      reply.result = await answer(request)
    } catch (thrown) {
      const error = thrown as { message?: string; code?: string; detail?: string; severity?: string }
      reply.error = {
        message: error.message ?? String(thrown),
        code: error.code ?? '',
        detail: error.detail ?? '',
        database: error.severity !== undefined,
      }
    }
    parentPort?.postMessage(reply)
  })
  if (request.kind !== 'keep') last = answered
})
