// lookup: the records of many reservations in one answer, each with its body, so that none reaches another shopper.
//
// KEYS  1 reservations
// ARGV  1 batch, echoed  2 bodies, 22 bytes each, nothing between
// Returns "<batch>", then a line for each: "<body> <record>", or "<body> -" when it is unknown.

const enum Length {
  body = 22,
}

export function lookup(keys: string[], args: string[]): string {
  const packed = args[1] as string
  const bodies: string[] = []
  for (let at = 1; at <= packed.length; at += Length.body) {
    table.insert(bodies, string.sub(packed, at, at + Length.body - 1))
  }
  const records = redis.call('HMGET', keys[0] as string, ...bodies) as (string | false)[]
  const lines = [args[0] as string]
  for (let i = 0; i < bodies.length; i++) table.insert(lines, bodies[i] + ' ' + (records[i] || '-'))
  return table.concat(lines, '\n')
}
