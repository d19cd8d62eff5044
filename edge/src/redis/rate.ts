// rate: takes tokens of a batch of rate limits that several gates share, by GCRA.
//
// Guarantee: of each key, what is given out within any T ms is never more than capacity + T / interval, whoever asks. A key is
// kept only while it says anything; one that is not there has what flowed in since this Redis was first asked for any, on
// top of `start` tokens: so a Redis that lost everything gives `start` once more, and not the whole capacity.
//
// KEYS  1 born  2… one for each item
// ARGV  1 batch, echoed  2… items, each a name of 22 characters and what is asked
// Returns text, see contract/lane-scripts.ts.

const enum Clock {
  /** subtracted, so that fractions of a millisecond are kept */
  from_s = 1600000000,
}

export function rate(keys: string[], args: string[]): string {
  const time = redis.call('TIME') as [string, string]
  const now_ms = ((tonumber(time[0]) as number) - Clock.from_s) * 1000 + (tonumber(time[1]) as number) / 1000
  const born = redis.call('GET', keys[0] as string) as string | false
  const born_ms = tonumber(born || now_ms) as number
  if (!born) redis.call('SET', keys[0] as string, string.format('%.17g', now_ms))
  const lines = [args[0] as string]
  for (let i = 1; i < args.length; i++) {
    const text = args[i] as string
    const key = keys[i] as string
    const [interval_text, capacity_text, start_text, wanted_text] = string.match(text, '^(%S+) (%S+) (%S+) (%S+)', 23)
    const interval_ms = tonumber(interval_text) as number
    const capacity = tonumber(capacity_text) as number
    const wanted = tonumber(wanted_text) as number
    const stored = redis.call('GET', key) as string | false
    const unknown_ms = born_ms + (capacity - (tonumber(start_text) as number)) * interval_ms
    // when all that was given out has flowed in again
    let full_ms = math.max(now_ms, tonumber(stored || unknown_ms) as number)
    const room = math.floor((now_ms - full_ms) / interval_ms + capacity)
    let given = 0
    let said_ms = full_ms + (1 - capacity) * interval_ms - now_ms
    if (room >= 1) {
      // the others' half is left
      given = math.min(wanted, math.max(1, math.floor(room / 2)))
      full_ms += given * interval_ms
      said_ms = full_ms - now_ms
      redis.call('SET', key, string.format('%.17g', full_ms), 'PX', math.ceil(said_ms) + 1)
    }
    lines[i] = string.sub(text, 1, 22) + ' ' + tostring(given) + ' ' + string.format('%.3f', said_ms)
  }
  return table.concat(lines, '\n')
}
