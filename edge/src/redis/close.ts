// close: the first step of a rebuild. No reservation is taken under an older epoch from here on.
//
// KEYS  1 meta  2 intents
// ARGV  1 the new epoch
// Returns the id of the stream's last entry, the barrier: entries up to it are settled by the rebuild.
//         'stale' when Redis already knows a newer epoch.

export function close(keys: string[], args: string[]): string {
  const meta_key = keys[0] as string
  const known = redis.call('HGET', meta_key, 'epoch') as string | false
  if (known && (tonumber(known) as number) > (tonumber(args[0]) as number)) return 'stale'
  redis.call('HSET', meta_key, 'epoch', args[0] as string, 'state', 'closed')
  const last = redis.call('XREVRANGE', keys[1] as string, '+', '-', 'COUNT', 1) as [string, string[]][]
  const entry = last[0]
  return entry ? entry[0] : '0-0'
}
