// publish: writes a status of the ledger's outbox, if it is newer than what Redis has.
//
// KEYS  1 meta  2 reservations
// ARGV  1 body  2 record (contract/record.ts)  3 quantity  4 SKU
// Returns applied or old. On the change to `paid` the units stop being unpaid.

function versionAndStatus(record: string): LuaMultiReturn<[number, string]> {
  const [version, status] = string.match(record, '^(%d+)|(%a+)|')
  return $multi(tonumber(version) ?? -1, status ?? '')
}

export function publish(keys: string[], args: string[]): string {
  const body = args[0] as string
  const record = args[1] as string
  const stored = redis.call('HGET', keys[1] as string, body) as string | false
  const [version, status] = versionAndStatus(record)
  const [stored_version, stored_status] = versionAndStatus(stored || '')
  if (stored_version >= version) return 'old'
  redis.call('HSET', keys[1] as string, body, record)
  if (status === 'paid' && stored && stored_status !== 'paid') {
    const unpaid = 'unpaid:' + args[3]
    if ((redis.call('HINCRBY', keys[0] as string, unpaid, -(tonumber(args[2]) as number)) as number) < 0) {
      redis.call('HSET', keys[0] as string, unpaid, 0)
    }
  }
  return 'applied'
}
