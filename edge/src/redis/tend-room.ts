// tend-room: the backend's look at a waiting room, once or twice a second: it sets the terms, lends numbers, and reads how it stands.
//
// Guarantees: numbers that may be given out only become more. Nothing changes under another epoch or where there is no room.
//
// A hole are numbers that were lent to a Redis that is gone, and of which nobody knows how many were given out. Calling them up one by one
// would have everybody behind them wait for nobody: the front steps over it once it is there. Who has a number in it has kept the place.
//
// KEYS  1 meta  2 admission  3 called  4 checkout
// ARGV  1 epoch  2 numbers lent  3 rate_per_s  4 rate_now_per_s  5 checkout_max  6 pass_ms
// Returns stale, missing, or "<issued> <issued_max> <front> <called> <in checkout> <1 while there is a hole>".

function numberOf(text: string | false | undefined): number {
  return tonumber(text || 0) as number
}

export function tendRoom(keys: string[], args: string[]): string {
  const key = keys[1] as string
  const meta = redis.call('HMGET', keys[0] as string, 'epoch', 'state') as (string | false)[]
  if (meta[0] !== args[0] || !meta[1] || meta[1] === 'closed') return 'stale'
  const room = redis.call('HMGET', key, 'issued', 'issued_max', 'front', 'hole_from', 'hole_to') as (string | false)[]
  if (!room[1]) return 'missing'
  const issued_max = math.max(numberOf(room[1]), numberOf(args[1]))
  let front = numberOf(room[2])
  let has_hole = room[4] ? 1 : 0
  if (room[4] && front >= numberOf(room[3])) {
    has_hole = 0
    front = math.max(front, numberOf(room[4]))
    redis.call('HDEL', key, 'hole_from', 'hole_to')
  }
  redis.call(
    'HSET',
    key,
    'issued_max',
    issued_max,
    'front',
    front,
    'rate_per_s',
    args[2] as string,
    'rate_now_per_s',
    args[3] as string,
    'checkout_max',
    args[4] as string,
    'pass_ms',
    args[5] as string,
  )
  const time = redis.call('TIME') as [string, string]
  const now_ms = math.floor((tonumber(time[0]) as number) * 1000 + (tonumber(time[1]) as number) / 1000)
  const called = redis.call('ZCARD', keys[2] as string) as number
  const in_checkout = redis.call('ZCOUNT', keys[3] as string, '(' + tostring(now_ms), '+inf') as number
  return table.concat([room[0] || '0', issued_max, front, called, in_checkout, has_hole], ' ')
}
