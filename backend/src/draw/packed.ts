// What a draw looks like in Redis, made whole from the ledger: the table of entrants before it, the sorted ranks after it.
// The script edge/src/redis/draw-ticket.ts makes and reads the same; backend/test/draw.spec.ts holds the two against each other.
import { ENTRANT_BYTES } from '../../../contract/draw-entrant'

const GROUP_BYTES = 1024
const FIRST_GROUPS = 8
const RANK_BYTES = ENTRANT_BYTES + 4
const NOTHING = Buffer.alloc(ENTRANT_BYTES)

function bytesOf(entrant: string): Buffer {
  return Buffer.from(entrant, 'base64url')
}

/** Levels of groups, each in one piece; `entrants` each once. */
export function packEntrants(entrants: Iterable<string>): Buffer[] {
  const levels: Buffer[] = []
  for (const text of entrants) {
    const entrant = bytesOf(text)
    const hash = entrant.readUInt32BE(0)
    for (let level = 0; ; level++) {
      const groups = FIRST_GROUPS * 2 ** level
      levels[level] ??= Buffer.alloc(groups * GROUP_BYTES)
      const table = levels[level] as Buffer
      const at = (hash % groups) * GROUP_BYTES
      let slot = at
      while (slot < at + GROUP_BYTES && !table.subarray(slot, slot + ENTRANT_BYTES).equals(NOTHING)) {
        slot += ENTRANT_BYTES
      }
      if (slot === at + GROUP_BYTES) continue
      entrant.copy(table, slot)
      break
    }
  }
  return levels
}

/** `order` as drawn, the first first. */
export function packRanks(order: readonly string[]): Buffer {
  const entries = order.map((text, i) => {
    const entry = Buffer.alloc(RANK_BYTES)
    bytesOf(text).copy(entry)
    entry.writeUInt32BE(i + 1, ENTRANT_BYTES)
    return entry
  })
  return Buffer.concat(entries.sort(Buffer.compare))
}

/** The 16-byte pieces of a stream entry, as text. */
export function unpackEntries(packed: Buffer): string[] {
  const entrants: string[] = []
  for (let at = 0; at + ENTRANT_BYTES <= packed.length; at += ENTRANT_BYTES) {
    entrants.push(packed.toString('base64url', at, at + ENTRANT_BYTES))
  }
  return entrants
}
