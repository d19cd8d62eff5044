// keep-checkout: something is reserved with a pass: the place in checkout is kept until it is to be paid, though the pass ends before.
//
// KEYS  1 admitted  2 checkout
// ARGV  1 user  2 pass id  3 until when (ms)
// Returns kept, or not_there for a pass that is not the user's newest.

export function keepCheckout(keys: string[], args: string[]): string {
  const user = args[0] as string
  const known = redis.call('HGET', keys[0] as string, user) as string | false
  if (!known || string.sub(known, 1, 22) !== args[1]) return 'not_there'
  redis.call('ZADD', keys[1] as string, 'GT', args[2] as string, user)
  return 'kept'
}
