import { describe, expect, it } from 'vitest'
import { isUtf8 } from './utf8'

function bytes(list: number[]): string {
  let text = ''
  for (const byte of list) text = text + String.fromCharCode(byte)
  return text
}

describe('isUtf8', () => {
  it('takes well-formed text of every length', () => {
    expect(isUtf8('')).toBe(true)
    expect(isUtf8('{"sku":"shoe"}')).toBe(true)
    expect(isUtf8(bytes([0xc3, 0xa4]))).toBe(true)
    expect(isUtf8(bytes([0xe2, 0x82, 0xac]))).toBe(true)
    expect(isUtf8(bytes([0xf0, 0x9f, 0x91, 0x9f]))).toBe(true)
  })

  it('refuses what is cut off, overlong, a surrogate, too large, or a lone continuation', () => {
    const bad = [
      [0xc3],
      [0xe2, 0x82],
      [0xf0, 0x9f, 0x91],
      [0x80],
      [0xc0, 0xaf],
      [0xe0, 0x80, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xff],
      [0xc3, 0x28],
    ]
    for (const list of bad) expect(isUtf8(bytes(list))).toBe(false)
  })
})
