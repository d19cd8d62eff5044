// load: one write of a rebuild, to a shard that is closed for it.
//
// Guarantee: a rebuilder that was overtaken (frozen for longer than its lease, say) changes nothing: neither the shard that
// another one has closed under a newer epoch, nor the one that is open and sells. Compared and written in one step.
//
// KEYS  1 meta  2… the keys that the command names
// ARGV  1 the epoch of the rebuild  2 command  3… what follows its keys
// Returns applied, or stale.

export function load(keys: string[], args: string[]): string {
  const meta = redis.call('HMGET', keys[0] as string, 'epoch', 'state') as (string | false)[]
  if (meta[0] !== args[0] || meta[1] !== 'closed') return 'stale'
  const words: string[] = []
  for (let i = 1; i < keys.length; i++) table.insert(words, keys[i] as string)
  for (let i = 2; i < args.length; i++) table.insert(words, args[i] as string)
  redis.call(args[1] as string, ...words)
  return 'applied'
}
