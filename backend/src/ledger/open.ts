// Opens the ledger: PostgreSQL where there is a DATABASE_URL, PGlite in the data folder otherwise, migrated to the present schema.
import { join } from 'node:path'
import type { Db } from '../db/db'
import { guardedDb } from '../db/guarded-db'
import { migrate } from '../db/migrate'
import { PgliteDb } from '../db/pglite'
import { PostgresDb } from '../db/postgres'
import type { Ledger } from './port'
import { SqlLedger } from './sql'

interface OpenLedgerOptions {
  /** PostgreSQL; PGlite when absent */
  database_url?: string
  /** PGlite's folder is `ledger` inside it */
  data_dir: string
  /** ms since 1970; by default the database server's clock on PostgreSQL, so that several backends agree on when a hold ends */
  clock?: () => number
  /** told when PostgreSQL is not asked any more, and when it is again */
  onBreaker?: (is_open: boolean, upstream: string) => void
  logger?: {
    info(details: object, message: string): void
    warn(details: object, message: string): void
    error(details: object, message: string): void
  }
}

const CLOCK_CHECK_MS = 60_000

export async function openLedger(options: OpenLedgerOptions): Promise<Ledger> {
  const db = await openDb(options)
  try {
    const applied = await migrate(db)
    if (applied.length > 0) options.logger?.info({ applied }, 'ledger migrated')
    // There is a snapshot to go back to before anything is built on this database.
    await db.durable()
    if (db.restored) options.logger?.warn({}, 'ledger put back to its last durable point')
    if (options.clock !== undefined || db.kind === 'pglite') {
      return new SqlLedger({ db, clock: options.clock ?? Date.now })
    }
    const clock = await ServerClock.start(db, options.logger)
    return new SqlLedger({ db: withClock(db, clock), clock: () => clock.now() })
  } catch (error) {
    await db.close().catch(() => undefined)
    throw error
  }
}

async function openDb({ database_url, data_dir, logger, onBreaker }: OpenLedgerOptions): Promise<Db> {
  if (database_url === undefined) return PgliteDb.open(join(data_dir, 'ledger'))
  const db = new PostgresDb({
    database_url,
    onError: (error) => logger?.error({ err: error }, 'idle connection to PostgreSQL lost'),
  })
  return guardedDb(db, (is_open, upstream) => {
    logger?.warn({ upstream }, is_open ? 'breaker opened' : 'breaker closed again')
    onBreaker?.(is_open, upstream)
  })
}

/**
 * The database server's clock, as an offset to this process's own that is measured once a minute. Its own is the one that nobody sets: a step of
 * the wall clock would end every hold of the next minutes.
 */
class ServerClock {
  private offset_ms = 0
  private readonly timer: NodeJS.Timeout

  private constructor(
    private readonly db: Db,
    logger: OpenLedgerOptions['logger'],
  ) {
    const again = () => this.measure().catch((error) => logger?.warn({ err: error }, 'clock of PostgreSQL not read'))
    this.timer = setInterval(again, CLOCK_CHECK_MS)
    this.timer.unref()
  }

  static async start(db: Db, logger: OpenLedgerOptions['logger']): Promise<ServerClock> {
    const clock = new ServerClock(db, logger)
    await clock.measure()
    return clock
  }

  now(): number {
    return Math.round(performance.now() + this.offset_ms)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private async measure(): Promise<void> {
    const before = performance.now()
    const sql = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now_ms'
    const [row] = await this.db.query<{ now_ms: number }>(sql)
    if (row !== undefined) this.offset_ms = row.now_ms - (before + performance.now()) / 2
  }
}

function withClock(db: Db, clock: ServerClock): Db {
  return {
    kind: db.kind,
    restored: db.restored,
    redelivered: () => db.redelivered(),
    query: (sql, parameters) => db.query(sql, parameters),
    transaction: (work, options) => db.transaction(work, options),
    script: (sql) => db.script(sql),
    durable: () => db.durable(),
    close: () => {
      clock.stop()
      return db.close()
    },
  }
}
