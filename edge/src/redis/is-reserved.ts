// is-reserved: whether reservations are known, to decide if a repeat whose pass or proof is no longer good is one of a purchase that was made.
//
// Guarantee: `unknown` is said only by a shard that is loaded under the epoch that the ledger expects. Nothing is written.
//
// KEYS  1 meta  2 reservations
// ARGV  1 batch, echoed  2… items, each a name of 22 characters, the expected epoch and a body
// Returns text, see contract/lane-scripts.ts.

export function isReserved(keys: string[], args: string[]): string {
  const meta = redis.call('HMGET', keys[0] as string, 'epoch', 'state') as (string | false)[]
  const epoch = tonumber(meta[0] || -1) as number
  const is_there = meta[1] && meta[1] !== 'closed'
  const lines = [args[0] as string]
  for (let i = 1; i < args.length; i++) {
    const [name, expected, body] = struct.unpack('>c22I4c22', args[i] as string)
    let line = 'rebuilding'
    if (is_there && expected === epoch) {
      line = redis.call('HEXISTS', keys[1] as string, body as string) === 1 ? 'known' : 'unknown'
    }
    lines[i] = (name as string) + ' ' + line
  }
  return table.concat(lines, '\n')
}
