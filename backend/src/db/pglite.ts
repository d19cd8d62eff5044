// PGlite in a worker thread, in a folder that this process alone has open.
//
// One transaction at a time, as PGlite has one session. A commit is not fsynced: durable() is a checkpoint and a snapshot of the
// folder, one for all callers that wait for it. Others wait while the folder is copied, not while the copy is made to last.
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { startWorker } from '../start-worker'
import type { Db, Parameter, Queries, TransactionOptions } from './db'
import { type FolderLock, lockFolder } from './folder-lock'
import { bootId } from './pglite-folder'
import type { Opened, WorkerAnswer, WorkerRequest } from './pglite-worker'

interface Waiting {
  resolve(result: unknown): void
  reject(error: Error): void
}

/** Without VACUUM tables that rows pass through (the outbox) only grow; it takes up to a second after 100,000 orders. */
const VACUUM_EVERY_MS = 300_000

/** Begins with SELECT, comments aside; what is taken for a write costs a snapshot. */
const READS = /^(?:\s|--.*\n)*SELECT\b/i

interface PgliteOptions {
  vacuum_every_ms?: number
  /** another one for tests, which cannot cut the power */
  boot_id?: string
}

export class PgliteDb implements Db {
  readonly kind = 'pglite'
  private last_id = 0
  private readonly waiting = new Map<number, Waiting>()
  private failure: Error | undefined
  /** resolves when the session is free */
  private free: Promise<unknown> = Promise.resolve()
  /** committed since the last snapshot began */
  private unsaved = false
  private vacuumed_ms = Date.now()
  /** a snapshot whose copy is not made yet: it covers whoever asks now */
  private saving: Promise<void> | undefined
  /** resolves when the copies that were made are snapshots, or have failed */
  private kept: Promise<unknown> = Promise.resolve()
  private closed: Promise<void> | undefined

  private constructor(
    private readonly worker: Worker,
    private readonly lock: FolderLock,
    public restored: boolean,
    private readonly vacuum_every_ms: number,
  ) {
    worker.on('message', (answer: WorkerAnswer) => this.onAnswer(answer))
    worker.on('error', (error) => this.fail(error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', (code) => this.fail(new Error(`the PGlite worker has ended with code ${code}`)))
  }

  /** Opens or makes the database in `folder`. A folder that cannot be opened is put back to its last snapshot. */
  static async open(folder: string, options: PgliteOptions = {}): Promise<PgliteDb> {
    mkdirSync(folder, { recursive: true })
    const lock = lockFolder(join(folder, 'lock'))
    try {
      return await PgliteDb.start(folder, lock, false, options).catch((error: Error) => {
        if (!existsSync(join(folder, 'live'))) throw error
        return PgliteDb.start(folder, lock, true, options)
      })
    } catch (error) {
      lock.release()
      throw error
    }
  }

  private static async start(
    folder: string,
    lock: FolderLock,
    damaged: boolean,
    { vacuum_every_ms = VACUUM_EVERY_MS, boot_id = bootId() }: PgliteOptions,
  ): Promise<PgliteDb> {
    const db = new PgliteDb(startWorker(new URL('./pglite-worker', import.meta.url)), lock, false, vacuum_every_ms)
    try {
      const opened = (await db.call({ kind: 'open', folder, boot_id, damaged })) as Opened
      db.restored = opened.restored
      db.unsaved = !opened.existed
      return db
    } catch (error) {
      db.failure ??= error as Error
      await db.worker.terminate()
      throw error
    }
  }

  query<Row>(sql: string, parameters: Parameter[] = []): Promise<Row[]> {
    return this.alone(() => {
      if (!READS.test(sql)) this.unsaved = true
      return this.statement<Row>(sql, parameters)
    })
  }

  async transaction<T>(work: (queries: Queries) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const queries: Queries = { query: (sql, parameters = []) => this.statement(sql, parameters) }
    // The worker takes one message after another: BEGIN is not waited for, and the session is free when COMMIT is on its way.
    const { result, committed } = await this.alone(async () => {
      const begun = this.call({ kind: 'script', sql: 'BEGIN' })
      begun.catch(() => undefined)
      try {
        const result = await work(queries)
        await begun
        if (!options.snapshot) this.unsaved = true
        return { result, committed: this.call({ kind: 'script', sql: 'COMMIT' }) }
      } catch (error) {
        // The worker that cannot roll back has failed for good, and says so to every later call.
        await this.call({ kind: 'script', sql: 'ROLLBACK' }).catch(() => undefined)
        throw error
      }
    })
    await committed
    return result
  }

  script(sql: string): Promise<void> {
    return this.alone(async () => {
      try {
        await this.call({ kind: 'script', sql })
      } finally {
        this.unsaved = true
      }
    })
  }

  durable(): Promise<void> {
    this.saving ??= this.save()
    return this.saving
  }

  async redelivered(): Promise<void> {
    await this.call({ kind: 'redelivered' })
    this.restored = false
  }

  close(): Promise<void> {
    this.closed ??= this.end()
    return this.closed
  }

  private async end(): Promise<void> {
    // whoever waits for a snapshot gets it
    await this.saving?.catch(() => undefined)
    await this.alone(async () => {
      try {
        await this.kept
        await this.call({ kind: 'close' })
      } finally {
        this.failure ??= new Error('the PGlite database is closed')
        await this.worker.terminate()
        this.lock.release()
      }
    })
  }

  private async save(): Promise<void> {
    // perhaps all that the caller has committed; and only one is kept at a time
    await this.kept
    const { kept } = await this.alone(() => this.copy()).finally(() => {
      this.saving = undefined
    })
    await kept
  }

  /** `kept` resolves when the copy is a snapshot: at once where nothing was committed since the last one. */
  private async copy(): Promise<{ kept: Promise<unknown> }> {
    if (!this.unsaved) return { kept: Promise.resolve() }
    this.unsaved = false
    try {
      const vacuum = Date.now() - this.vacuumed_ms >= this.vacuum_every_ms
      await this.call({ kind: 'copy', vacuum })
      if (vacuum) this.vacuumed_ms = Date.now()
    } catch (error) {
      this.unsaved = true
      throw error
    }
    const kept = this.call({ kind: 'keep' })
    this.kept = kept.catch(() => {
      this.unsaved = true
    })
    return { kept }
  }

  private async statement<Row>(sql: string, parameters: Parameter[]): Promise<Row[]> {
    return (await this.call({ kind: 'query', sql, parameters })) as Row[]
  }

  /** Runs `work` when everything asked for before has ended. */
  private alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.free.then(work)
    this.free = result.catch(() => undefined)
    return result
  }

  private call(request: WorkerRequest): Promise<unknown> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    const id = ++this.last_id
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      this.worker.postMessage({ id, request })
    })
  }

  private onAnswer(answer: WorkerAnswer): void {
    const waiting = this.waiting.get(answer.id)
    if (waiting === undefined) return
    this.waiting.delete(answer.id)
    if (answer.error === undefined) waiting.resolve(answer.result)
    else waiting.reject(Object.assign(new Error(answer.error.message), answer.error))
  }

  private fail(error: Error): void {
    this.failure ??= error
    for (const { reject } of this.waiting.values()) reject(this.failure)
    this.waiting.clear()
  }
}
