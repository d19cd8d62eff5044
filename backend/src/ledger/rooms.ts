// The rows of waiting rooms: what must not be forgotten when Redis is, so that no ticket number is given twice and nobody who waits
// has to start again.
import type { Db, Queries } from '../db/db'
import { LedgerError } from './port'
import lendNumbers from './sql/lend-numbers.sql'
import noteRoom from './sql/note-room.sql'
import readRoom from './sql/read-room.sql'
import readRooms from './sql/read-rooms.sql'
import renewRoom from './sql/renew-room.sql'

export interface RoomRow {
  sale: string
  /** numbers up to it are lent to Redis */
  issued_max: number
  /** at least so many were given out, and called up, when Redis was last looked at */
  seen_issued: number
  seen_front: number
  /** when it was last made anew without knowing who had been admitted, by Redis' clock; 0: never */
  since_ms: number
}

export interface RoomRows {
  find(sale: string): Promise<RoomRow | undefined>
  all(): Promise<RoomRow[]>
  /** Lends so many more; returns up to where numbers are lent now. Redis may be told once this is durable. */
  lend(sale: string, numbers: number): Promise<number>
  /** What was seen in Redis. Neither ever falls. */
  note(sale: string, issued: number, front: number): Promise<void>
  /** Redis has forgotten the room: all that was lent counts as given out, so many more are lent, and passes from before are over. */
  renew(sale: string, since_ms: number, numbers: number): Promise<RoomRow>
}

export class MemoryRooms implements RoomRows {
  private readonly rows = new Map<string, RoomRow>()

  async find(sale: string): Promise<RoomRow | undefined> {
    return structuredClone(this.rows.get(sale))
  }

  async all(): Promise<RoomRow[]> {
    return structuredClone([...this.rows.values()])
  }

  async lend(sale: string, numbers: number): Promise<number> {
    const row = this.rows.get(sale) ?? { sale, issued_max: 0, seen_issued: 0, seen_front: 0, since_ms: 0 }
    row.issued_max += numbers
    this.rows.set(sale, row)
    return row.issued_max
  }

  async note(sale: string, issued: number, front: number): Promise<void> {
    const row = this.rows.get(sale)
    if (row === undefined) return
    row.seen_issued = Math.max(row.seen_issued, issued)
    row.seen_front = Math.max(row.seen_front, front)
  }

  async renew(sale: string, since_ms: number, numbers: number): Promise<RoomRow> {
    const row = this.rows.get(sale)
    if (row === undefined) throw noRoom(sale)
    row.issued_max += numbers
    row.since_ms = Math.max(row.since_ms, since_ms)
    return structuredClone(row)
  }
}

export class SqlRooms implements RoomRows {
  constructor(private readonly db: Db) {}

  async find(sale: string): Promise<RoomRow | undefined> {
    return (await this.db.query<RoomRow>(readRoom, [sale]))[0]
  }

  all(): Promise<RoomRow[]> {
    return this.db.query<RoomRow>(readRooms)
  }

  async lend(sale: string, numbers: number): Promise<number> {
    const rows = await this.write<{ issued_max: number }>(lendNumbers, [sale, numbers])
    return rows[0]?.issued_max as number
  }

  async note(sale: string, issued: number, front: number): Promise<void> {
    await this.write(noteRoom, [sale, issued, front])
  }

  async renew(sale: string, since_ms: number, numbers: number): Promise<RoomRow> {
    const [row] = await this.write<RoomRow>(renewRoom, [sale, since_ms, numbers])
    if (row === undefined) throw noRoom(sale)
    return row
  }

  private write<Row extends object>(sql: string, parameters: (string | number)[]): Promise<Row[]> {
    return this.db.transaction((queries: Queries) => queries.query<Row>(sql, parameters))
  }
}

function noRoom(sale: string): LedgerError {
  return new LedgerError('not_found', `sale ${sale} has no waiting room`)
}
