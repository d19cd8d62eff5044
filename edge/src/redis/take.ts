// take: finds units for a payment that arrived after its order had expired, and queues them as an intent.
//
// The buyer's count rises again with it, above a limit if need be: the money has been taken.
// Guarantee: like reserve, the stream entry is the first write. Sent again before it is settled it answers
// `seen`: the mark is the field late:<body> of meta, which the next rebuild drops with everything else.
//
// KEYS  1 meta  2 intents  3 free list of the SKU  4 buyers
// ARGV  1 epoch  2 body  3 SKU  4 quantity  5 price version  6 user
// Returns taken, none, seen or stale.

function credit(buyers_key: string, field: string, quantity: number, body: string): void {
  const stored = redis.call('HGET', buyers_key, field) as string | false
  const [units, expired, bodies] = string.match(stored || '', '^(%d+) (%d+) ?(.*)$')
  const all = bodies && bodies !== '' ? bodies + ',' + body : body
  redis.call('HSET', buyers_key, field, (tonumber(units) ?? 0) + quantity + ' ' + (expired ?? '0') + ' ' + all)
}

export function take(keys: string[], args: string[]): string {
  const meta_key = keys[0] as string
  const free_list = keys[2] as string
  const epoch = args[0] as string
  const body = args[1] as string
  const sku = args[2] as string
  const quantity = tonumber(args[3]) as number
  const user = args[5] as string
  const meta = redis.call('HMGET', meta_key, 'epoch', 'late:' + body, 'state', 'sku:' + sku, 'sale_user_max') as (
    | string
    | false
  )[]
  if (meta[0] !== epoch || !meta[2] || meta[2] === 'closed') return 'stale'
  if (meta[1]) return 'seen'
  let granted = ''
  const [limited] = string.find(meta[3] || '', ' -1', 1, true)
  const unlimited = limited !== undefined
  if (!unlimited) {
    const units = redis.call('LRANGE', free_list, 0, quantity - 1) as string[]
    if (units.length < quantity) return 'none'
    granted = table.concat(units, ',')
  }
  const time = redis.call('TIME') as [string, string]
  const now_ms = math.floor((tonumber(time[0]) as number) * 1000 + (tonumber(time[1]) as number) / 1000)
  const intent = struct.pack(
    '>c22Bc0HI4BHc0Hc0Bc0',
    body,
    sku.length,
    sku,
    quantity,
    tonumber(args[4]) as number,
    1,
    granted.length,
    granted,
    user.length,
    user,
    0,
    '',
  )
  redis.call('XADD', keys[1] as string, '*', 'e', epoch, 't', now_ms, 'n', 1, 'i', intent)
  if (!unlimited) redis.call('LTRIM', free_list, quantity, -1)
  redis.call('HSET', meta_key, 'late:' + body, '1')
  credit(keys[3] as string, sku + ':' + user, quantity, body)
  if ((tonumber(meta[4] || 0) as number) > 0) credit(keys[3] as string, '*:' + user, quantity, body)
  redis.call('HINCRBY', meta_key, 'unpaid:' + sku, quantity)
  redis.call('HINCRBY', meta_key, 'stock_version', 1)
  return 'taken'
}
