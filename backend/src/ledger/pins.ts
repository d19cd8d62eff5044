// The rows of what operators have said of items, beside the orders: a pin must still hold after a restart. Every change raises the version;
// changes come one after another, so the ceiling holds with any number of backends.
import { PINS_MAX, type Pin } from '../../../contract/followed-pins'
import type { Db, Queries } from '../db/db'
import { LedgerError } from './port'
import { compareText } from './rows'
import { checkText } from './sale-rows'
import countPins from './sql/count-pins.sql'
import deletePin from './sql/delete-pin.sql'
import lockPins from './sql/lock-pins.sql'
import putPin from './sql/put-pin.sql'
import raisePinsVersion from './sql/raise-pins-version.sql'
import readPins from './sql/read-pins.sql'
import readPinsVersion from './sql/read-pins-version.sql'

export interface PinRow {
  item: string
  pin: Pin
  /** for operators */
  reason: string
  made_ms: number
}

export interface PinsSnapshot {
  version: number
  /** by item */
  pins: PinRow[]
}

export interface PinRows {
  version(): Promise<number>
  read(): Promise<PinsSnapshot>
  /** In place of that of the same item. Refuses a new one when there are PINS_MAX. */
  put(row: PinRow): Promise<'made' | 'changed'>
  /** False when there is none. */
  remove(item: string): Promise<boolean>
}

function fullPins(): LedgerError {
  return new LedgerError('conflict', `${PINS_MAX} items are pinned, which is the most: remove some pins first`)
}

export class MemoryPins implements PinRows {
  private readonly rows = new Map<string, PinRow>()
  private now_version = 0

  async version(): Promise<number> {
    return this.now_version
  }

  async read(): Promise<PinsSnapshot> {
    const items = [...this.rows.keys()].sort(compareText)
    return { version: this.now_version, pins: items.map((item) => ({ ...(this.rows.get(item) as PinRow) })) }
  }

  async put(row: PinRow): Promise<'made' | 'changed'> {
    checkText('reason', row.reason)
    const is_new = !this.rows.has(row.item)
    if (is_new && this.rows.size >= PINS_MAX) throw fullPins()
    this.rows.set(row.item, { ...row })
    this.now_version += 1
    return is_new ? 'made' : 'changed'
  }

  async remove(item: string): Promise<boolean> {
    const was_there = this.rows.delete(item)
    if (was_there) this.now_version += 1
    return was_there
  }
}

export class SqlPins implements PinRows {
  constructor(private readonly db: Db) {}

  async version(): Promise<number> {
    return versionOf(await this.db.query<{ version: number }>(readPinsVersion))
  }

  read(): Promise<PinsSnapshot> {
    const work = async (queries: Queries) => {
      const version = versionOf(await queries.query<{ version: number }>(readPinsVersion))
      return { version, pins: await queries.query<PinRow>(readPins) }
    }
    return this.db.transaction(work, { snapshot: true })
  }

  put({ item, pin, reason, made_ms }: PinRow): Promise<'made' | 'changed'> {
    checkText('reason', reason)
    return this.db.transaction(async (queries) => {
      await queries.query(lockPins)
      const [row] = await queries.query<{ is_new: boolean }>(putPin, [item, pin, reason, made_ms])
      const is_new = row?.is_new ?? false
      if (is_new) {
        const [count] = await queries.query<{ pins: number }>(countPins)
        if ((count?.pins ?? 0) > PINS_MAX) throw fullPins()
      }
      await queries.query(raisePinsVersion)
      return is_new ? 'made' : 'changed'
    })
  }

  remove(item: string): Promise<boolean> {
    return this.db.transaction(async (queries) => {
      await queries.query(lockPins)
      const removed = await queries.query(deletePin, [item])
      if (removed.length > 0) await queries.query(raisePinsVersion)
      return removed.length > 0
    })
  }
}

function versionOf(rows: { version: number }[]): number {
  return rows[0]?.version ?? 0
}
