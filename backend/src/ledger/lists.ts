// The rows of the allow and deny lists, beside the orders: what was decided at night must still hold after a restart.
// Every change raises the version; changes come one after another, so the ceiling holds with any number of backends.
import { LIST_ENTRIES_MAX, type ListKind, type ListName } from '../../../contract/followed-lists'
import type { Db, Queries } from '../db/db'
import { LedgerError } from './port'
import { compareText } from './rows'
import { checkText } from './sale-rows'
import countListEntries from './sql/count-list-entries.sql'
import deleteEndedListEntries from './sql/delete-ended-list-entries.sql'
import deleteListEntry from './sql/delete-list-entry.sql'
import lockLists from './sql/lock-lists.sql'
import putListEntry from './sql/put-list-entry.sql'
import raiseListsVersion from './sql/raise-lists-version.sql'
import readListEntries from './sql/read-list-entries.sql'
import readListsVersion from './sql/read-lists-version.sql'

export interface ListEntry {
  list: ListName
  kind: ListKind
  /** canonical, see lists/values.ts */
  value: string
  /** for operators */
  reason: string
  made_ms: number
  /** 0: for ever */
  until_ms: number
}

export interface ListsSnapshot {
  version: number
  /** by list, kind and value */
  entries: ListEntry[]
}

export interface ListRows {
  version(): Promise<number>
  read(): Promise<ListsSnapshot>
  /** In place of an entry of the same list, kind and value. Refuses a new one when there are LIST_ENTRIES_MAX. */
  put(entry: ListEntry): Promise<'made' | 'changed'>
  /** False when there is none. */
  remove(list: ListName, kind: ListKind, value: string): Promise<boolean>
  /** Those whose time is up; how many there were. */
  removeEnded(now_ms: number): Promise<number>
}

function checkEntry(entry: ListEntry): void {
  checkText('value', entry.value)
  checkText('reason', entry.reason)
}

function fullLists(): LedgerError {
  return new LedgerError('conflict', `the lists have ${LIST_ENTRIES_MAX} entries, which is the most: remove some first`)
}

export class MemoryLists implements ListRows {
  private readonly rows = new Map<string, ListEntry>()
  private now_version = 0

  async version(): Promise<number> {
    return this.now_version
  }

  async read(): Promise<ListsSnapshot> {
    const keys = [...this.rows.keys()].sort(compareText)
    return { version: this.now_version, entries: keys.map((key) => ({ ...(this.rows.get(key) as ListEntry) })) }
  }

  async put(entry: ListEntry): Promise<'made' | 'changed'> {
    checkEntry(entry)
    const key = keyOf(entry.list, entry.kind, entry.value)
    const is_new = !this.rows.has(key)
    if (is_new && this.rows.size >= LIST_ENTRIES_MAX) throw fullLists()
    this.rows.set(key, { ...entry })
    this.now_version += 1
    return is_new ? 'made' : 'changed'
  }

  async remove(list: ListName, kind: ListKind, value: string): Promise<boolean> {
    const was_there = this.rows.delete(keyOf(list, kind, value))
    if (was_there) this.now_version += 1
    return was_there
  }

  async removeEnded(now_ms: number): Promise<number> {
    let removed = 0
    for (const [key, { until_ms }] of this.rows) {
      if (until_ms === 0 || until_ms > now_ms) continue
      this.rows.delete(key)
      removed += 1
    }
    if (removed > 0) this.now_version += 1
    return removed
  }
}

function keyOf(list: ListName, kind: ListKind, value: string): string {
  return `${list} ${kind} ${value}`
}

export class SqlLists implements ListRows {
  constructor(private readonly db: Db) {}

  async version(): Promise<number> {
    return versionOf(await this.db.query<{ version: number }>(readListsVersion))
  }

  read(): Promise<ListsSnapshot> {
    const work = async (queries: Queries) => {
      const version = versionOf(await queries.query<{ version: number }>(readListsVersion))
      return { version, entries: await queries.query<ListEntry>(readListEntries) }
    }
    return this.db.transaction(work, { snapshot: true })
  }

  put(entry: ListEntry): Promise<'made' | 'changed'> {
    checkEntry(entry)
    const { list, kind, value, reason, made_ms, until_ms } = entry
    return this.db.transaction(async (queries) => {
      await queries.query(lockLists)
      const parameters = [list, kind, value, reason, made_ms, until_ms]
      const [row] = await queries.query<{ is_new: boolean }>(putListEntry, parameters)
      const is_new = row?.is_new ?? false
      if (is_new) {
        const [count] = await queries.query<{ entries: number }>(countListEntries)
        if ((count?.entries ?? 0) > LIST_ENTRIES_MAX) throw fullLists()
      }
      await queries.query(raiseListsVersion)
      return is_new ? 'made' : 'changed'
    })
  }

  remove(list: ListName, kind: ListKind, value: string): Promise<boolean> {
    checkText('value', value)
    return this.change(async (queries) => (await queries.query(deleteListEntry, [list, kind, value])).length > 0)
  }

  async removeEnded(now_ms: number): Promise<number> {
    let removed = 0
    await this.change(async (queries) => {
      removed = (await queries.query(deleteEndedListEntries, [now_ms])).length
      return removed > 0
    })
    return removed
  }

  /** `work` says whether it has changed anything. */
  private change(work: (queries: Queries) => Promise<boolean>): Promise<boolean> {
    return this.db.transaction(async (queries) => {
      await queries.query(lockLists)
      const changed = await work(queries)
      if (changed) await queries.query(raiseListsVersion)
      return changed
    })
  }
}

function versionOf(rows: { version: number }[]): number {
  return rows[0]?.version ?? 0
}
