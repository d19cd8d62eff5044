// give-back: applies one pending return of the ledger: units become free again, the buyer's count falls.
//
// Guarantee: applied once for each return id, however often and however late it is sent: `returned` forgets
// none before the rebuild that raises the epoch loads the shard anew. A return of another epoch changes
// nothing: that rebuild has counted those units itself. A closed shard takes none yet.
//
// KEYS  1 meta  2 buyers  3 reservations  4 returned  5 free list of the SKU
// ARGV  1 return id  2 SKU  3 quantity  4 units "unit:generation,…" ('' for none)  5 user  6 body
//       7 expired (1: a hold that counts against hold_attempts_max)  8 epoch
// Returns applied, seen or stale.

const enum Key {
  meta,
  buyers,
  reservations,
  returned,
  free_list,
}

const enum Arg {
  return_id,
  sku,
  quantity,
  units,
  user,
  body,
  expired,
  epoch,
}

function withoutBody(bodies: string, body: string): string {
  const kept: string[] = []
  for (const [each] of string.gmatch(bodies, '[^,]+')) {
    if (each !== body) table.insert(kept, each)
  }
  return table.concat(kept, ',')
}

function lowerBuyer(buyers_key: string, field: string, quantity: number, expired: number, body: string): void {
  const stored = redis.call('HGET', buyers_key, field) as string | false
  if (!stored) return
  const [units, holds, bodies] = string.match(stored, '^(%d+) (%d+) ?(.*)$')
  // a buyer who never had this reservation (it was a tombstone) is not lowered
  const [named] = string.find(bodies ?? '', body, 1, true)
  const fall = named ? quantity : 0
  const left = math.max(0, (tonumber(units) ?? 0) - fall)
  const value = left + ' ' + ((tonumber(holds) ?? 0) + expired) + ' ' + withoutBody(bodies ?? '', body)
  redis.call('HSET', buyers_key, field, value)
}

export function giveBack(keys: string[], args: string[]): string {
  const meta_key = keys[Key.meta] as string
  const sku = args[Arg.sku] as string
  const quantity = tonumber(args[Arg.quantity]) as number
  const body = args[Arg.body] as string
  const user = args[Arg.user] as string
  const meta = redis.call('HMGET', meta_key, 'epoch', 'state') as (string | false)[]
  // a closed shard is being loaded: what is given back now would be overwritten, so the caller sends it again
  if (meta[0] !== args[Arg.epoch] || !meta[1] || meta[1] === 'closed') return 'stale'
  if (redis.call('SADD', keys[Key.returned] as string, args[Arg.return_id] as string) === 0) return 'seen'

  for (const [unit] of string.gmatch(args[Arg.units] as string, '[^,]+')) {
    redis.call('RPUSH', keys[Key.free_list] as string, unit)
  }
  const expired = args[Arg.expired] === '1' ? 1 : 0
  lowerBuyer(keys[Key.buyers] as string, sku + ':' + user, quantity, expired, body)
  lowerBuyer(keys[Key.buyers] as string, '*:' + user, quantity, 0, body)
  if ((redis.call('HINCRBY', meta_key, 'unpaid:' + sku, -quantity) as number) < 0) {
    redis.call('HSET', meta_key, 'unpaid:' + sku, 0)
  }
  redis.call('HINCRBY', meta_key, 'stock_version', 1)
  return 'applied'
}
