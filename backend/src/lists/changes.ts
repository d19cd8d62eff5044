// What has changed between two readings of the lists, and the last changes as a log that gates catch up by.
import type { FollowedLists, ListChange, ListUse } from '../../../contract/followed-lists'
import type { ListEntry, ListsSnapshot } from '../ledger/lists'

/** A gate that is further behind than this is told everything. */
const LOG_LENGTH_MAX = 10_000

export class ChangeLog {
  private entries = new Map<string, ListEntry>()
  private log: { version: number; change: ListChange }[] = []
  /** every change after this version is in the log */
  private log_from = -1
  private version = -1
  private in_use: FollowedLists['in_use'] = { deny: noUse(), allow: noUse() }

  /** `next` must not be older than the last. */
  take(next: ListsSnapshot): void {
    const entries = new Map(next.entries.map((entry) => [keyOf(entry), entry]))
    if (this.version < 0) this.log_from = next.version
    else this.append(next.version, entries)
    this.entries = entries
    this.version = next.version
    this.in_use = { deny: usesOf(next.entries, 'deny'), allow: usesOf(next.entries, 'allow') }
  }

  private append(version: number, entries: Map<string, ListEntry>): void {
    for (const [key, entry] of this.entries) {
      if (!entries.has(key)) this.log.push({ version, change: changeOf(entry, true) })
    }
    for (const [key, entry] of entries) {
      if (this.entries.get(key)?.until_ms !== entry.until_ms) {
        this.log.push({ version, change: changeOf(entry, false) })
      }
    }
    if (this.log.length <= LOG_LENGTH_MAX) return
    this.log_from = this.log.at(-LOG_LENGTH_MAX - 1)?.version ?? version
    this.log = this.log.filter((one) => one.version > this.log_from)
  }

  /** For a gate that has `after`. */
  since(after: number): FollowedLists {
    const { version, in_use } = this
    if (after >= this.log_from) {
      const changes = this.log.filter((one) => one.version > after).map(({ change }) => change)
      return { version, complete: false, changes, in_use }
    }
    const changes = [...this.entries.values()].map((entry) => changeOf(entry, false))
    return { version, complete: true, changes, in_use }
  }
}

function keyOf({ list, kind, value }: ListEntry): string {
  return `${list} ${kind} ${value}`
}

function changeOf({ list, kind, value, until_ms }: ListEntry, removed: boolean): ListChange {
  return { list, kind, value, until_ms, removed }
}

function noUse(): ListUse {
  return { address: 0, cidr: 0, user: 0, fingerprint: 0, v4_bits: [], v6_bits: [] }
}

function usesOf(entries: ListEntry[], list: ListEntry['list']): ListUse {
  const use = noUse()
  const v4 = new Set<number>()
  const v6 = new Set<number>()
  for (const entry of entries) {
    if (entry.list !== list) continue
    use[entry.kind] += 1
    if (entry.kind !== 'cidr') continue
    const bits = Number(entry.value.substring(entry.value.indexOf('/') + 1))
    if (entry.value.includes(':')) v6.add(bits)
    else v4.add(bits)
  }
  use.v4_bits = [...v4].sort((a, b) => b - a)
  use.v6_bits = [...v6].sort((a, b) => b - a)
  return use
}
