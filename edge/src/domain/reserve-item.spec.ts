import { describe, expect, it } from 'vitest'
import { packReserveItem } from './reserve-item'

function codes(text: string): number[] {
  const list: number[] = []
  for (let i = 0; i < text.length; i++) list.push(text.charCodeAt(i))
  return list
}

describe('packReserveItem', () => {
  it('packs big-endian fields as struct.unpack reads them', () => {
    const packed = packReserveItem('abcdefghijklmnopqrstuv', 3, 258, 16909060, 2, 'me')
    expect(packed.substring(0, 22)).toBe('abcdefghijklmnopqrstuv')
    expect(codes(packed.substring(22, 31))).toEqual([3, 1, 2, 1, 2, 3, 4, 0, 2])
    expect(packed.substring(31)).toBe('me')
  })

  it('takes the largest values of each field', () => {
    const packed = packReserveItem('abcdefghijklmnopqrstuv', 255, 65535, 4294967295, 256, 'u')
    expect(codes(packed.substring(22, 31))).toEqual([255, 255, 255, 255, 255, 255, 255, 1, 0])
  })
})
