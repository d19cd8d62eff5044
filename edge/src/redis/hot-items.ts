// hot-items: keeps what each gate counts of its items, and tells what all the others count together.
//
// Guarantee: a gate that has not told anything for max_age_ms is left out, and forgotten; of each gate there is its last word alone. So
// the hash is bounded by the gates, and by what each tells.
//
// KEYS  1 hash: gate → "<ms> <items>"
// ARGV  1 batch, echoed  2 item: a name of 22 characters, then "<gate> <max_age_ms> <items>", items being
//       "<item>,<requests a second>,<hot since ms, or 0>;" for each
// Returns "<batch>", then a line: the name, a space, "<other gates> <items>", items being "<item>,<requests a second>;" for each.

const enum Keep {
  /** when no gate tells anything any more */
  ms = 60000,
}

export function hotItems(keys: string[], args: string[]): string {
  const key = keys[0] as string
  const time = redis.call('TIME') as [string, string]
  const now_ms = math.floor((tonumber(time[0]) as number) * 1000 + (tonumber(time[1]) as number) / 1000)
  const text = args[1] as string
  const [own, max_age, items] = string.match(text, '^(%S+) (%d+) (.*)$', 23)
  redis.call('HSET', key, own as string, string.format('%d ', now_ms) + items)
  redis.call('PEXPIRE', key, Keep.ms)
  const all = redis.call('HGETALL', key) as string[]
  const names: string[] = []
  const sums: Record<string, number> = {}
  let others = 0
  for (let i = 0; i < all.length; i += 2) {
    const gate = all[i] as string
    const [said, list] = string.match(all[i + 1] as string, '^(%d+) (.*)$')
    if (said === undefined || now_ms - (tonumber(said) as number) > (tonumber(max_age) as number)) {
      redis.call('HDEL', key, gate)
    } else if (gate !== own) {
      others += 1
      for (const [item, per_s] of string.gmatch(list as string, '([^,;]+),([%d.]+),%d+;')) {
        const sum = sums[item as string]
        if (sum === undefined) table.insert(names, item as string)
        sums[item as string] = (sum ?? 0) + (tonumber(per_s) as number)
      }
    }
  }
  const said: string[] = []
  for (const name of names) table.insert(said, name + ',' + string.format('%.1f', sums[name] as number) + ';')
  return args[0] + '\n' + string.sub(text, 1, 22) + ' ' + string.format('%d ', others) + table.concat(said)
}
