// leave-checkout: somebody has bought, or given the pass back: the place in checkout comes up at once. Sent twice it counts once.
//
// KEYS  1 admitted  2 checkout
// ARGV  1 user  2 pass id
// Returns left or not_there.

export function leaveCheckout(keys: string[], args: string[]): string {
  const user = args[0] as string
  const known = redis.call('HGET', keys[0] as string, user) as string | false
  if (!known || string.sub(known, 1, 22) !== args[1]) return 'not_there'
  return redis.call('ZREM', keys[1] as string, user) === 1 ? 'left' : 'not_there'
}
