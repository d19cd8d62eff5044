// draw-ticket: a batch of shoppers of a sale with a draw. Before the opening each enters the draw, once; after the draw each gets the
// rank that it gave them as their number, and whoever has none the next number behind all ranks.
//
// Guarantees: one entry a shopper, however often they ask; nobody enters after the list is closed, or after the opening by
// Redis' clock; asking again after the draw gives the same rank, so that a lost ticket costs no place. Entries are journaled to
// the ledger through a stream; asking again before the opening enters again what Redis may have lost.
//
// KEYS  1 meta  2 admission  3 called  4 entrants  5 entries  6 ranks
// ARGV  1 batch, echoed  2… items, each a name of 22 characters, the epoch that the ledger expects and the entrant
// Returns text, see contract/lane-scripts.ts.
//
// Entrants are a table in one string, because a set takes 80 bytes a member and this 20 to 60 (backend/test/draw.spec.ts measures).
// Levels of 8, 16, 32 … groups of 64 slots of 16 bytes follow one another; an entrant is in its group of the first level
// that had room. Nothing is ever taken out, so a group with room ends the search. backend/src/draw/packed.ts makes the same table.

const enum Key {
  meta,
  admission,
  called,
  entrants,
  entries,
  ranks,
}

const enum Limit {
  slot_bytes = 16,
  group_bytes = 1024,
  first_groups = 8,
  rank_bytes = 20,
  /** below it Redis doubles the room of a string that grows, so there a table is written anew at its length */
  doubled_bytes = 1048576,
  /** people in one draw: a table of at most 256 MiB */
  entrants = 4000000,
}

/** A level is made whole, so that its other groups are there and empty. */
function addLevel(key: string, base: number, bytes: number): void {
  if (base + bytes <= Limit.doubled_bytes) {
    const table_so_far = redis.call('GETRANGE', key, 0, -1) as string
    redis.call('SET', key, table_so_far + string.rep('\0', bytes))
  } else redis.call('SETRANGE', key, base + bytes - 1, '\0')
}

/** True when it is new; it is in the table afterwards. */
function enter(key: string, entrant: string): boolean {
  const [hash] = struct.unpack('>I4', entrant)
  let groups: number = Limit.first_groups
  let base = 0
  while (true) {
    const at = base + ((hash as number) % groups) * Limit.group_bytes
    const group = redis.call('GETRANGE', key, at, at + Limit.group_bytes - 1) as string
    let slot = 0
    if (group === '') addLevel(key, base, groups * Limit.group_bytes)
    else {
      let [found] = string.find(group, entrant, 1, true)
      while (found !== undefined && (found - 1) % Limit.slot_bytes !== 0) {
        found = string.find(group, entrant, found + 1, true)[0]
      }
      if (found !== undefined) return false
      const [empty] = string.find(group, string.rep('\0', Limit.slot_bytes), 1, true)
      // bytes of zero at the end of the last entrant may have been found with it
      slot = empty === undefined ? -1 : math.ceil((empty - 1) / Limit.slot_bytes)
    }
    if (slot >= 0) {
      redis.call('SETRANGE', key, at + slot * Limit.slot_bytes, entrant)
      return true
    }
    base += groups * Limit.group_bytes
    groups *= 2
  }
}

/** −1, 0 or 1: by bytes, which Lua's own comparison of texts does not promise. */
function compare(a: string, b: string): number {
  for (let at = 1; at <= Limit.slot_bytes; at += 4) {
    const [left] = struct.unpack('>I4', a, at)
    const [right] = struct.unpack('>I4', b, at)
    if (left !== right) return (left as number) < (right as number) ? -1 : 1
  }
  return 0
}

/** 0 when it was not drawn. */
function rankOf(key: string, count: number, entrant: string): number {
  let low = 0
  let high = count - 1
  while (low <= high) {
    const middle = math.floor((low + high) / 2)
    const at = middle * Limit.rank_bytes
    const entry = redis.call('GETRANGE', key, at, at + Limit.rank_bytes - 1) as string
    const order = compare(entrant, entry)
    if (order === 0) return struct.unpack('>I4', entry, Limit.slot_bytes + 1)[0] as number
    if (order < 0) high = middle - 1
    else low = middle + 1
  }
  return 0
}

export function drawTicket(keys: string[], args: string[]): string {
  const time = redis.call('TIME') as [string, string]
  const now_ms = math.floor((tonumber(time[0]) as number) * 1000 + (tonumber(time[1]) as number) / 1000)
  const meta = redis.call('HMGET', keys[Key.meta] as string, 'epoch', 'state', 'opens_ms') as (string | false)[]
  const room_key = keys[Key.admission] as string
  const room = redis.call('HMGET', room_key, 'issued', 'issued_max', 'front', 'credit', 'draw', 'entrants') as (
    | string
    | false
  )[]
  const epoch = tonumber(meta[0] || -1) as number
  const opens_ms = tonumber(meta[2] || 0) as number
  const is_there = meta[1] && meta[1] !== 'closed' && room[4]
  const is_open = room[4] === 'open' && now_ms < opens_ms
  const before = tonumber(room[0] || 0) as number
  const issued_max = tonumber(room[1] || 0) as number
  const credit = math.floor((tonumber(room[3] || 0) as number) / 1000)
  const called = redis.call('ZCARD', keys[Key.called] as string)
  const rest = ' ' + table.concat([now_ms, room[2] || '0', credit, called], ' ')
  const drawn = room[4] === 'done' ? (redis.call('STRLEN', keys[Key.ranks] as string) as number) / Limit.rank_bytes : 0
  let entrants = tonumber(room[5] || 0) as number
  let issued = before
  const entered: string[] = []
  const lines = [args[0] as string]
  for (let i = 1; i < args.length; i++) {
    const [name, expected, entrant] = struct.unpack('>c22I4c16', args[i] as string)
    let line = 'rebuilding'
    if (is_there && expected === epoch) {
      if (is_open) {
        if (entrants >= Limit.entrants) line = 'no_numbers'
        else {
          if (enter(keys[Key.entrants] as string, entrant as string)) {
            table.insert(entered, entrant as string)
            entrants += 1
          }
          line = table.concat(['entered', now_ms, opens_ms, entrants], ' ')
        }
      } else if (room[4] !== 'done') line = 'drawing ' + tostring(now_ms)
      else {
        const rank = rankOf(keys[Key.ranks] as string, drawn, entrant as string)
        if (rank > 0) line = 'number ' + tostring(rank) + rest
        else if (issued >= issued_max) line = 'no_numbers'
        else {
          issued += 1
          line = 'number ' + tostring(issued) + rest
        }
      }
    }
    lines[i] = (name as string) + ' ' + line
  }
  if (entered.length > 0) {
    redis.call('XADD', keys[Key.entries] as string, '*', 'e', table.concat(entered))
    redis.call('HSET', room_key, 'entrants', entrants)
  }
  if (issued > before) redis.call('HSET', room_key, 'issued', issued)
  return table.concat(lines, '\n')
}
