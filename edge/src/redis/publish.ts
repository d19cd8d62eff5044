// publish: writes statuses of the ledger's outbox, each if it is newer than what Redis has.
//
// KEYS  1 meta  2 reservations
// ARGV  1 packed changes, each c22 body · Hc0 record (contract/record.ts) · H quantity · Bc0 SKU (big-endian)
// Returns how many were applied. On the change to `paid` the units stop being unpaid. A body may come several times.

interface Known {
  version: number
  status: string
}

function versionAndStatus(record: string): LuaMultiReturn<[number, string]> {
  const [version, status] = string.match(record, '^(%d+)|(%a+)|')
  return $multi(tonumber(version) ?? -1, status ?? '')
}

export function publish(keys: string[], args: string[]): number {
  const packed = args[0] as string
  const bodies: string[] = []
  const records: string[] = []
  const quantities: number[] = []
  const skus: string[] = []
  let count = 0
  let at = 1
  while (at <= packed.length) {
    const [body, record, quantity, sku, next_at] = struct.unpack('>c22Hc0HBc0', packed, at)
    bodies[count] = body as string
    records[count] = record as string
    quantities[count] = quantity as number
    skus[count] = sku as string
    count += 1
    at = next_at as number
  }
  const stored = redis.call('HMGET', keys[1] as string, ...bodies) as (string | false)[]
  const latest = new LuaTable<string, Known>()
  const fields: string[] = []
  const paid = new LuaTable<string, number>()
  let applied = 0
  for (let i = 0; i < count; i++) {
    const body = bodies[i] as string
    const record = records[i] as string
    const [version, status] = versionAndStatus(record)
    let known = latest.get(body)
    if (!known) {
      const [stored_version, stored_status] = versionAndStatus((stored[i] || '') as string)
      known = { version: stored_version, status: stored_status }
    }
    if (known.version < version) {
      if (status === 'paid' && known.version >= 0 && known.status !== 'paid') {
        const sku = skus[i] as string
        paid.set(sku, (paid.get(sku) ?? 0) + (quantities[i] as number))
      }
      known = { version, status }
      table.insert(fields, body)
      table.insert(fields, record)
      applied += 1
    }
    latest.set(body, known)
  }
  if (applied > 0) redis.call('HSET', keys[1] as string, ...fields)
  for (const [sku, quantity] of paid) {
    const unpaid = 'unpaid:' + sku
    if ((redis.call('HINCRBY', keys[0] as string, unpaid, -quantity) as number) < 0) {
      redis.call('HSET', keys[0] as string, unpaid, 0)
    }
  }
  return applied
}
