// finish-draw: the ranks are loaded; numbers are given behind them from here on. Applied twice it changes nothing.
//
// KEYS  1 meta  2 admission  3 entrants  4 entries
// ARGV  1 the epoch that the ledger expects  2 how many ranks there are
// Returns done; stale under another epoch, or while the shard is being loaded.

export function finishDraw(keys: string[], args: string[]): string {
  const meta = redis.call('HMGET', keys[0] as string, 'epoch', 'state') as (string | false)[]
  const room = redis.call('HMGET', keys[1] as string, 'draw', 'issued') as (string | false)[]
  if (meta[0] !== args[0] || meta[1] === 'closed' || !room[0]) return 'stale'
  const issued = math.max(tonumber(room[1] || 0) as number, tonumber(args[1]) as number)
  redis.call('HSET', keys[1] as string, 'draw', 'done', 'issued', issued)
  redis.call('UNLINK', keys[2] as string, keys[3] as string)
  return 'done'
}
