// configure: changes what the script obeys (state, window, limits) without touching stock.
//
// KEYS  1 meta
// ARGV  1 epoch  2… field, value, field, value …
// Returns applied, or stale when Redis is on another epoch (a rebuild will write these fields itself).

export function configure(keys: string[], args: string[]): string {
  const meta_key = keys[0] as string
  if (redis.call('HGET', meta_key, 'epoch') !== args[0]) return 'stale'
  for (let i = 1; i + 1 < args.length; i += 2) {
    redis.call('HSET', meta_key, args[i] as string, args[i + 1] as string)
  }
  redis.call('HINCRBY', meta_key, 'stock_version', 1)
  return 'applied'
}
