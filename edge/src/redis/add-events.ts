// add-events: takes batches of events of items into a capped stream, for where there is no Kafka.
//
// Guarantee: the stream never has more entries than its cap, and nothing leaves it in silence: what a new entry pushes out is said.
//
// KEYS  1 stream
// ARGV  1 batch, echoed  2… items, each a name of 22 characters, "<most entries> <number of events> " and the events' texts
// Returns text: the batch, then for each item its name and how many events were pushed out.

export function addEvents(keys: string[], args: string[]): string {
  const stream = keys[0] as string
  const lines = [args[0] as string]
  for (let i = 1; i < args.length; i++) {
    const item = args[i] as string
    const [most, events, texts] = string.match(item, '^(%d+) (%d+) (.*)$', 23)
    let lost = 0
    let entries = redis.call('XLEN', stream) as number
    while (entries >= (tonumber(most) as number)) {
      const [oldest] = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1) as [string, string[]][]
      if (oldest === undefined) break
      lost += tonumber(oldest[1][1]) ?? 0
      redis.call('XDEL', stream, oldest[0])
      entries -= 1
    }
    redis.call('XADD', stream, '*', 'n', events as string, 'e', texts as string)
    lines[i] = string.sub(item, 1, 22) + ' ' + tostring(lost)
  }
  return table.concat(lines, '\n')
}
