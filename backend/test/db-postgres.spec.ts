// The PostgreSQL driver: migrations by several at once, ceilings on waits, deadlocks retried, connections that break.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Postgres } from '../../scripts/postgres'
import { textArray } from '../src/db/array'
import type { Queries } from '../src/db/db'
import { isUnreachable } from '../src/db/guarded-db'
import { migrate } from '../src/db/migrate'
import { PostgresDb } from '../src/db/postgres'
import { openLedger } from '../src/ledger/open'
import { postgresAvailable, startTestPostgres } from './postgres'

let server: Postgres
const open: PostgresDb[] = []

function connect(database_url: string): PostgresDb {
  const db = new PostgresDb({ database_url })
  open.push(db)
  return db
}

describe.skipIf(!postgresAvailable)('PostgreSQL', () => {
  beforeAll(async () => {
    server = await startTestPostgres()
    const db = connect(server.url)
    await db.script(
      'CREATE TABLE things (name text PRIMARY KEY, value bigint); INSERT INTO things VALUES ($$a$$, 1), ($$b$$, 1)',
    )
  })

  afterAll(async () => {
    for (const db of open) await db.close()
    await server?.stop()
  })

  it('is migrated once by several processes at once, and again by nobody', async () => {
    const url = await server.createDatabase('migrated')
    const applied = await Promise.all([1, 2, 3].map(() => migrate(connect(url))))
    expect(applied.flat().length).toBeGreaterThan(0)
    const db = connect(url)
    const rows = await db.query<{ name: string }>('SELECT name FROM migrations ORDER BY name')
    expect(rows.map(({ name }) => name)).toEqual([...new Set(applied.flat())].sort())
    expect(await migrate(db)).toEqual([])
    expect(await db.query('SELECT version FROM sales_version')).toEqual([{ version: 0 }])
  })

  it('migrated by a newer version is refused, by name', async () => {
    const url = await server.createDatabase('newer')
    const db = connect(url)
    await migrate(db)
    await db.query("INSERT INTO migrations (name) VALUES ('9999-from-the-future')")
    await expect(openLedger({ database_url: url, data_dir: '' })).rejects.toThrow('9999-from-the-future')
  })

  it('gives the ledger its clock, which a step of this machine’s does not move', async () => {
    const ledger = await openLedger({ database_url: await server.createDatabase('clock'), data_dir: '' })
    const real_ms = Date.now()
    const wall = vi.spyOn(Date, 'now').mockReturnValue(real_ms + 600_000)
    try {
      expect(Math.abs(ledger.now() - real_ms)).toBeLessThan(60_000)
    } finally {
      wall.mockRestore()
      await ledger.close()
    }
  })

  it('keeps 64-bit integers, arrays and texts as they are', async () => {
    const texts = ['', '"', '\\', '{a,b}', 'NULL', ' ', "'", 'ж\n漢']
    const sql =
      'SELECT $1::text[] AS texts, 9007199254740991::bigint AS whole, ARRAY[1, 2]::bigint[] AS many, true AS yes'
    expect(await connect(server.url).query(sql, [textArray(texts)])).toEqual([
      { texts, whole: 9007199254740991, many: [1, 2], yes: true },
    ])
  })

  it('runs a transaction again after a deadlock', async () => {
    const db = connect(server.url)
    let runs = 0
    let both = 0
    const raise = (first: string, second: string) =>
      db.transaction(async (queries) => {
        runs++
        await queries.query('UPDATE things SET value = value + 1 WHERE name = $1', [first])
        both++
        // only the first time do both hold one row each
        for (let waited = 0; both < 2 && waited < 1000; waited++) await new Promise((resolve) => setTimeout(resolve, 5))
        await queries.query('UPDATE things SET value = value + 1 WHERE name = $1', [second])
      })
    await Promise.all([raise('a', 'b'), raise('b', 'a')])
    expect(runs).toBe(3)
    expect(await db.query('SELECT name, value FROM things ORDER BY name')).toEqual([
      { name: 'a', value: 3 },
      { name: 'b', value: 3 },
    ])
  })

  it('rolls back what throws, queries sent at once included, and gives the connection back', async () => {
    const db = new PostgresDb({ database_url: server.url, connections_max: 1 })
    open.push(db)
    const failing = db.transaction(async (queries) => {
      await Promise.all([
        queries.query("INSERT INTO things VALUES ('c', 1)"),
        queries.query("INSERT INTO things VALUES ('a', 1)"),
        queries.query("INSERT INTO things VALUES ('d', 1)"),
      ])
    })
    await expect(failing).rejects.toMatchObject({ code: '23505' })
    expect(await db.query("SELECT name FROM things WHERE name IN ('c', 'd')")).toEqual([])
  })

  it('survives connections that the server ends', async () => {
    const errors: Error[] = []
    const db = new PostgresDb({ database_url: server.url, onError: (error) => errors.push(error) })
    open.push(db)
    await db.query('SELECT 1')
    const others =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rushgate' AND state = 'idle'"
    await connect(server.url).query(others)
    for (let waited = 0; errors.length === 0 && waited < 2000; waited++)
      await new Promise((resolve) => setTimeout(resolve, 5))
    expect(errors.length).toBeGreaterThan(0)
    expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('cancels a statement that takes too long, and not one of a rebuild, a snapshot or a script', async () => {
    const db = new PostgresDb({ database_url: server.url, connections_max: 1, statement_ms_max: 1000 })
    open.push(db)
    await expect(db.query('SELECT pg_sleep(30)')).rejects.toMatchObject({ code: '57014' })
    await expect(db.transaction((queries) => queries.query('SELECT pg_sleep(30)'))).rejects.toMatchObject({
      code: '57014',
    })
    const sleep = (queries: Queries) => queries.query('SELECT 1 AS one FROM pg_sleep(1.5)')
    for (const options of [{ long: true }, { snapshot: true }]) {
      expect(await db.transaction(sleep, options)).toEqual([{ one: 1 }])
    }
    await db.script('SELECT pg_sleep(1.5); SELECT pg_sleep(0.1)')
    // and only for its own time
    await expect(db.query('SELECT pg_sleep(30)')).rejects.toMatchObject({ code: '57014' })
  })

  it('waits for no answer of a frozen connection, and goes on with another', async () => {
    const db = new PostgresDb({ database_url: server.url, connections_max: 1, statement_ms_max: 700 })
    open.push(db)
    let frozen = 0
    const began = performance.now()
    const stuck = db.transaction(async (queries) => {
      const [row] = await queries.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      await queries.query("INSERT INTO things VALUES ('frozen', 1)")
      frozen = row?.pid ?? 0
      process.kill(frozen, 'SIGSTOP')
      // the others behind the first do not wait as long again
      await Promise.all([1, 2, 3].map(() => queries.query("UPDATE things SET value = 2 WHERE name = 'frozen'")))
    })
    try {
      await expect(stuck).rejects.toThrow('Query read timeout')
      expect(performance.now() - began).toBeGreaterThan(1000)
      // once the 1.4 s, and not four times
      expect(performance.now() - began).toBeLessThan(5500)
      expect(isUnreachable(await stuck.catch((error: unknown) => error))).toBe(true)
      expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
      const [other] = await db.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      expect(other?.pid).not.toBe(frozen)
      process.kill(other?.pid as number, 'SIGSTOP')
      process.kill(frozen, 'SIGCONT')
      frozen = other?.pid as number
      await expect(db.query('SELECT 2 AS two')).rejects.toThrow('Query read timeout')
      expect(await db.query('SELECT 2 AS two')).toEqual([{ two: 2 }])
    } finally {
      process.kill(frozen, 'SIGCONT')
    }
    // what it had begun came to nothing
    for (let waited = 0; waited < 200; waited++) {
      if ((await db.query("SELECT 1 FROM pg_locks WHERE relation = 'things'::regclass")).length === 0) break
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(await db.query("SELECT name FROM things WHERE name = 'frozen'")).toEqual([])
  })
})
