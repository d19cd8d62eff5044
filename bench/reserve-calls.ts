// The real reserve script called as a lane does, without a gate: prepared batches for the load generator.
import { buyersKey, freeKey, intentsKey, metaKey, reservationsKey, sessionsKey } from '../contract/keys'
import type { Sale } from './sale'
import { idempotencyKey } from './stream'

/** EVALSHA calls as they go over the wire, `size` purchases in each. */
export function reserveCalls(sha: string, sale: Sale, purchases: number, size: number): Buffer[] {
  const keys = [metaKey, intentsKey, buyersKey, reservationsKey, sessionsKey].map((key) => key(sale.id, 0))
  keys.push(freeKey(sale.id, 0, sale.sku))
  const calls: Buffer[] = []
  for (let from = 0; from < purchases; from += size) {
    const items: Buffer[] = []
    for (let i = from; i < Math.min(from + size, purchases); i++) items.push(item(idempotencyKey(), `shopper-${i}`))
    calls.push(command('EVALSHA', sha, keys.length, ...keys, calls.length, sale.epoch, sale.sku, Buffer.concat(items)))
  }
  return calls
}

/** contract/lane-scripts.ts: body c22, index of the SKU B, quantity H, session generation I4, user Hc0 */
function item(body: string, user: string): Buffer {
  const fixed = Buffer.alloc(9)
  fixed.writeUInt8(1, 0)
  fixed.writeUInt16BE(1, 1)
  fixed.writeUInt32BE(1, 3)
  fixed.writeUInt16BE(Buffer.byteLength(user), 7)
  return Buffer.concat([Buffer.from(body), fixed, Buffer.from(user)])
}

function command(...words: (string | number | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) {
    const bytes = Buffer.isBuffer(word) ? word : Buffer.from(String(word))
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}
