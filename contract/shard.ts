// Which shard of a sale a user belongs to: CRC-32 of the user id's bytes, modulo the number of shards.

/** `crc32` is handed in: ngx.crc32_long at the gate, zlib.crc32 in Node; both unsigned. */
export function shardOfUser(crc32: (this: void, text: string) => number, user: string, shards: number): number {
  if (shards === 1) return 0
  return crc32(user) % shards
}
