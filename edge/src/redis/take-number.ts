// take-number: gives a batch of newcomers their ticket numbers, in the order in which Redis hears of them.
//
// Guarantee: a number is given once, also after Redis was lost: the ledger lends numbers in blocks (issued_max), and a rebuild goes
// on behind the last block lent. An ask repeated after an unknown outcome gets a later number; nothing is kept of who has which.
//
// KEYS  1 meta  2 admission  3 called
// ARGV  1 batch, echoed  2… items, each a name of 22 characters and the epoch that the ledger expects
// Returns text, see contract/lane-scripts.ts.

export function takeNumber(keys: string[], args: string[]): string {
  const time = redis.call('TIME') as [string, string]
  const now_ms = math.floor((tonumber(time[0]) as number) * 1000 + (tonumber(time[1]) as number) / 1000)
  const meta = redis.call('HMGET', keys[0] as string, 'epoch', 'state') as (string | false)[]
  const room = redis.call('HMGET', keys[1] as string, 'issued', 'issued_max', 'front', 'credit', 'draw') as (
    | string
    | false
  )[]
  const epoch = tonumber(meta[0] || -1) as number
  const is_there = meta[1] && meta[1] !== 'closed' && room[1]
  const before = tonumber(room[0] || 0) as number
  const issued_max = tonumber(room[1] || 0) as number
  const credit = math.floor((tonumber(room[3] || 0) as number) / 1000)
  const rest =
    ' ' +
    tostring(now_ms) +
    ' ' +
    (room[2] || '0') +
    ' ' +
    tostring(credit) +
    ' ' +
    tostring(redis.call('ZCARD', keys[2] as string))
  let issued = before
  const lines = [args[0] as string]
  for (let i = 1; i < args.length; i++) {
    const [name, expected] = struct.unpack('>c22I4', args[i] as string)
    let line = 'rebuilding'
    if (is_there && expected === epoch) {
      if (room[4] === 'open') line = 'draw'
      else if (issued >= issued_max) line = 'no_numbers'
      else {
        issued += 1
        line = 'number ' + tostring(issued) + rest
      }
    }
    lines[i] = (name as string) + ' ' + line
  }
  if (issued > before) redis.call('HSET', keys[1] as string, 'issued', issued)
  return table.concat(lines, '\n')
}
