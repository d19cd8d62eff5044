import { describe, expect, it } from 'vitest'
import { freeKey, metaKey } from './keys'
import { shardOfUser } from './shard'
import { CRC32_ADA } from './test-vectors'

function crc32(text: string): number {
  return text === 'ada' ? CRC32_ADA : 0xffffffff
}

describe('shard', () => {
  it('is the remainder of an unsigned checksum', () => {
    expect(shardOfUser(crc32, 'ada', 4)).toBe(0)
    expect(shardOfUser(crc32, 'ada', 7)).toBe(1)
    expect(shardOfUser(crc32, 'other', 10)).toBe(5)
  })

  it('is 0 without a look at the user when there is one', () => {
    expect(shardOfUser(crc32, 'other', 1)).toBe(0)
  })
})

describe('keys', () => {
  it('of one shard share a hash tag, which the SKU is not part of', () => {
    expect(metaKey('spring', 0)).toBe('rg1:{spring.0}:meta')
    expect(freeKey('spring', 3, 'shoe-42')).toBe('rg1:{spring.3}:free:shoe-42')
  })
})
