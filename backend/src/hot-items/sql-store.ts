// Events of items in PostgreSQL, where there is no Elasticsearch: one partition a day, so that a day is dropped and not deleted.
//
// Never in the ledger's own PGlite: that has one session, and a question about a million events would stop settlement for as long
// as it takes. The database is opened when the first event or question comes.

import { plainArray, textArray } from '../db/array'
import type { Db, Queries } from '../db/db'
import { codeOf } from '../db/db'
import { isAway } from '../redis/client'
import insertEvents from './sql/insert-events.sql'
import schema from './sql/schema.sql'
import { askSql } from './sql-queries'
import {
  type Bucket,
  type Dimension,
  type Filter,
  type Groups,
  type HotItemStore,
  type KeptEvent,
  type MinuteOfItems,
  type Sequence,
  StoreAway,
  type WriteOutcome,
} from './store'

const DAY_MS = 86_400_000
const ASK_MS_MAX = 5_000
/** Held while partitions come and go ("item" in ASCII). */
const SCHEMA_LOCK = 0x6974656d
const PARTITION = /^hot_items_(\d{4})(\d{2})(\d{2})$/
/** SQLSTATE of a statement that took too long */
const CANCELLED = '57014'
/** SQLSTATE classes of a row that will never fit: data exceptions, integrity, what the program cannot hold */
const ROW_AT_FAULT = /^(22|23|54)/

export class SqlStore implements HotItemStore {
  private opened: Promise<Db> | undefined
  private readonly days = new Set<string>()

  constructor(
    readonly kind: 'postgres' | 'pglite',
    private readonly open: () => Promise<Db>,
  ) {}

  /** PGlite takes seconds and 100 MB to open: not before there is something to keep. */
  async prepare(): Promise<void> {
    if (this.kind === 'postgres') await this.db()
  }

  async write(events: KeptEvent[]): Promise<WriteOutcome> {
    const outcome: WriteOutcome = { indexed: 0, duplicates: 0, rejected: [], again: [] }
    if (events.length === 0) return outcome
    const db = await this.db()
    await this.run(async () => {
      for (const day of new Set(events.map((kept) => kept.day))) await this.ensureDay(db, day)
      await this.insert(db, events, outcome)
    })
    return outcome
  }

  /** One statement; where it fails because of a row, the halves find which. */
  private async insert(db: Db, events: KeptEvent[], outcome: WriteOutcome): Promise<void> {
    try {
      const [row] = await db.query<{ indexed: number }>(insertEvents, columnsOf(events))
      const indexed = row?.indexed ?? 0
      outcome.indexed += indexed
      outcome.duplicates += events.length - indexed
    } catch (error) {
      if (!ROW_AT_FAULT.test(codeOf(error))) {
        // the day's partition may have been dropped meanwhile
        this.days.clear()
        throw error
      }
      const [first] = events
      if (events.length === 1 && first !== undefined) {
        outcome.rejected.push({ kept: first, reason: error instanceof Error ? error.message : String(error) })
        return
      }
      const middle = Math.ceil(events.length / 2)
      await this.insert(db, events.slice(0, middle), outcome)
      await this.insert(db, events.slice(middle), outcome)
    }
  }

  private async ensureDay(db: Db, day: string): Promise<void> {
    if (this.days.has(day)) return
    const from_ms = Date.parse(`${day.replaceAll('.', '-')}T00:00:00Z`)
    await db.script(
      `SELECT pg_advisory_xact_lock(${SCHEMA_LOCK});
       CREATE TABLE IF NOT EXISTS hot_items_${day.replaceAll('.', '')} PARTITION OF hot_items
         FOR VALUES FROM (${from_ms}) TO (${from_ms + DAY_MS})`,
    )
    this.days.add(day)
  }

  async deleteBefore(day: string): Promise<string[]> {
    if (this.kind === 'pglite' && this.opened === undefined) return []
    const db = await this.db()
    return this.run(async () => {
      const rows = await db.query<{ name: string }>(
        `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'hot_items'::regclass`,
      )
      const days: string[] = []
      for (const { name } of rows) {
        const [, year, month, date] = PARTITION.exec(name) ?? []
        const of_table = `${year}.${month}.${date}`
        if (year === undefined || of_table >= day) continue
        await db.script(`SELECT pg_advisory_xact_lock(${SCHEMA_LOCK}); DROP TABLE IF EXISTS ${name}`)
        this.days.delete(of_table)
        days.push(of_table)
      }
      await db.durable()
      return days.sort()
    })
  }

  groups(filter: Filter, by: Dimension, limit: number): Promise<Groups> {
    return this.ask((db) => askSql.groups(db, filter, by, limit))
  }

  minutes(filter: Filter, limit: number): Promise<MinuteOfItems[]> {
    return this.ask((db) => askSql.minutes(db, filter, limit))
  }

  timeline(filter: Filter, step_ms: number): Promise<Bucket[]> {
    return this.ask((db) => askSql.timeline(db, filter, step_ms))
  }

  count(filter: Filter): Promise<number> {
    return this.ask((db) => askSql.count(db, filter))
  }

  sequences(filter: Filter, limit: number): Promise<Sequence[]> {
    return this.ask((db) => askSql.sequences(db, filter, limit))
  }

  latest(filter: Filter, limit: number): Promise<KeptEvent[]> {
    return this.ask((db) => askSql.latest(db, filter, limit))
  }

  async close(): Promise<void> {
    const opened = this.opened
    this.opened = undefined
    await (await opened?.catch(() => undefined))?.close()
  }

  private db(): Promise<Db> {
    this.opened ??= this.openWithTables().catch((error: unknown) => {
      this.opened = undefined
      throw asAway(error)
    })
    return this.opened
  }

  private async openWithTables(): Promise<Db> {
    const db = await this.open()
    try {
      await db.script(`SELECT pg_advisory_xact_lock(${SCHEMA_LOCK}); ${schema}`)
    } catch (error) {
      await db.close().catch(() => undefined)
      throw error
    }
    return db
  }

  /** From one snapshot, and within ASK_MS_MAX; PGlite cannot be interrupted, but nobody waits for it longer. */
  private async ask<T>(work: (db: Queries) => Promise<T>): Promise<T> {
    const db = await this.db()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(tooLong()), ASK_MS_MAX + 1000)
    })
    const asked = db.transaction(
      async (queries) => {
        await queries.query(`SELECT set_config('statement_timeout', '${ASK_MS_MAX}', true)`)
        return work(queries)
      },
      { snapshot: true },
    )
    return this.run(() => Promise.race([asked, late])).finally(() => clearTimeout(timer))
  }

  private async run<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw asAway(error)
    }
  }
}

function tooLong(): StoreAway {
  return new StoreAway(`the database of hot items had no answer within ${ASK_MS_MAX} ms: ask for less time`)
}

function asAway(error: unknown): unknown {
  if (error instanceof StoreAway) return error
  if (codeOf(error) === CANCELLED) return tooLong()
  return isAway(error) ? new StoreAway('the database of hot items is away', { cause: error }) : error
}

function columnsOf(events: KeptEvent[]): string[] {
  const texts = (field: 'worker' | 'sku' | 'uri' | 'ip' | 'token' | 'agent' | 'node') =>
    textArray(events.map(({ event }) => event[field]))
  return [
    plainArray(events.map(({ at_ms }) => at_ms)),
    texts('worker'),
    plainArray(events.map(({ event }) => event.seq)),
    texts('sku'),
    texts('uri'),
    texts('ip'),
    texts('token'),
    texts('agent'),
    plainArray(events.map(({ event }) => event.status)),
    texts('node'),
  ]
}
