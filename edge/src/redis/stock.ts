// stock: what is free and what is unpaid, for every SKU of a sale.
//
// KEYS  1 meta  2… free list of each SKU
// ARGV  1 batch, echoed  2 SKUs joined by commas
// Returns "<batch> <now_ms> <state> <stock version> <epoch>", then "<free> <unpaid>" for each SKU; free is −1 for an
// unlimited one.
// state is 'missing' when nothing is loaded.

export function stock(keys: string[], args: string[]): string {
  const meta_key = keys[0] as string
  const time = redis.call('TIME') as [string, string]
  const now_ms = math.floor((tonumber(time[0]) as number) * 1000 + (tonumber(time[1]) as number) / 1000)
  const fields = ['epoch', 'state', 'stock_version']
  for (const [sku] of string.gmatch(args[1] as string, '[^,]+')) {
    table.insert(fields, 'unpaid:' + sku)
    table.insert(fields, 'sku:' + sku)
  }
  const meta = redis.call('HMGET', meta_key, ...fields) as (string | false)[]
  const head = args[0] + ' ' + now_ms + ' ' + (meta[1] || 'missing') + ' ' + (meta[2] || '0') + ' ' + (meta[0] || '0')
  const lines = [head]
  for (let i = 1; i < keys.length; i++) {
    const [unlimited] = string.find(meta[2 * i + 2] || '', ' -1', 1, true)
    const free = unlimited === undefined ? (redis.call('LLEN', keys[i] as string) as number) : -1
    table.insert(lines, free + ' ' + (meta[2 * i + 1] || '0'))
  }
  return table.concat(lines, '\n')
}
