// Brings a database to the present schema: numbered scripts, each applied once, in order, in its own transaction with its record.
import type { Db } from './db'
import ledger from './migrations/0001-ledger.sql'
import lateMet from './migrations/0002-late-met.sql'
import accounts from './migrations/0003-accounts.sql'
import spends from './migrations/0004-spends.sql'
import degrade from './migrations/0005-degrade.sql'
import lists from './migrations/0006-lists.sql'
import draws from './migrations/0007-draws.sql'
import waitingRooms from './migrations/0008-waiting-rooms.sql'
import products from './migrations/0009-products.sql'
import outboxRows from './migrations/0010-outbox-rows.sql'
import search from './migrations/0011-search.sql'
import pins from './migrations/0012-pins.sql'
import beacons from './migrations/0013-beacons.sql'
import visits from './migrations/0014-visits.sql'
import putOff from './migrations/0015-put-off.sql'

const MIGRATIONS: { name: string; sql: string }[] = [
  { name: '0001-ledger', sql: ledger },
  { name: '0002-late-met', sql: lateMet },
  { name: '0003-accounts', sql: accounts },
  { name: '0004-spends', sql: spends },
  { name: '0005-degrade', sql: degrade },
  { name: '0006-lists', sql: lists },
  { name: '0007-draws', sql: draws },
  { name: '0008-waiting-rooms', sql: waitingRooms },
  { name: '0009-products', sql: products },
  { name: '0010-outbox-rows', sql: outboxRows },
  { name: '0011-search', sql: search },
  { name: '0012-pins', sql: pins },
  { name: '0013-beacons', sql: beacons },
  { name: '0014-visits', sql: visits },
  { name: '0015-put-off', sql: putOff },
]

/** Held by one process while it migrates ("rush" in ASCII); PGlite has but one. */
const MIGRATION_LOCK = 0x72757368

/** Returns the names of those it applied. Refuses a database that a newer version has migrated. */
export async function migrate(db: Db): Promise<string[]> {
  await db.script(
    `SELECT pg_advisory_xact_lock(${MIGRATION_LOCK});
     CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`,
  )
  const names = new Set(MIGRATIONS.map(({ name }) => name))
  for (const { name } of await db.query<{ name: string }>('SELECT name FROM migrations')) {
    if (!names.has(name)) throw new Error(`the database has migration ${name}, which this version does not know`)
  }
  const applied: string[] = []
  for (const { name, sql } of MIGRATIONS) {
    // Asked again under the lock: another process may have been faster. The script is text without parameters.
    const done = await db.query('SELECT 1 FROM migrations WHERE name = $1', [name])
    if (done.length > 0) continue
    await db
      .script(
        `SELECT pg_advisory_xact_lock(${MIGRATION_LOCK});
       INSERT INTO migrations (name) VALUES ('${name}');
       ${sql}`,
      )
      .catch(async (error) => {
        const meanwhile = await db.query('SELECT 1 FROM migrations WHERE name = $1', [name])
        if (meanwhile.length === 0) throw error
      })
    applied.push(name)
  }
  return applied
}
