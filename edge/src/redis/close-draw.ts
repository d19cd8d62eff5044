// close-draw: nobody enters the draw from here on. What has entered is in the ledger or in the stream of entries.
//
// KEYS  1 meta  2 admission
// ARGV  1 the epoch that the ledger expects
// Returns closed; done when the ranks are loaded already; stale under another epoch, or while the shard is being loaded.

export function closeDraw(keys: string[], args: string[]): string {
  const meta = redis.call('HMGET', keys[0] as string, 'epoch', 'state') as (string | false)[]
  const draw = redis.call('HGET', keys[1] as string, 'draw') as string | false
  if (meta[0] !== args[0] || meta[1] === 'closed' || !draw) return 'stale'
  if (draw === 'done') return 'done'
  redis.call('HSET', keys[1] as string, 'draw', 'closed')
  return 'closed'
}
