import { describe, expect, it } from 'vitest'
import { type Claimed, packClaim, packNumber, parseClaimed, parseTaken, type Taken } from './waiting-wire'

function codes(text: string): number[] {
  const list: number[] = []
  for (let i = 0; i < text.length; i++) list.push(text.charCodeAt(i))
  return list
}

describe('items', () => {
  it('are packed big-endian as struct.unpack reads them', () => {
    expect(codes(packNumber(16909060))).toEqual([1, 2, 3, 4])
    expect(codes(packNumber(4294967295))).toEqual([255, 255, 255, 255])
    const packed = packClaim(3, true, 'abcdefghijklmnopqrstuv', 258, 2, 'me')
    expect(codes(packed.substring(0, 5))).toEqual([0, 0, 0, 3, 1])
    expect(packed.substring(5, 27)).toBe('abcdefghijklmnopqrstuv')
    expect(codes(packed.substring(27, 33))).toEqual([0, 0, 1, 2, 0, 2])
    expect(packed.substring(33)).toBe('me')
    expect(codes(packClaim(3, false, '', 1, 256, '')).length).toBe(11)
  })
})

describe('answers', () => {
  it('of take-number are a number or a word', () => {
    const taken = parseTaken('number 12 1700000000123 5 7 3') as Taken
    expect(taken.number + ' ' + taken.now_ms + ' ' + taken.front + ' ' + taken.credit + ' ' + taken.called).toBe(
      '12 1700000000123 5 7 3',
    )
    expect(parseTaken('no_numbers')).toBe('no_numbers')
    expect(parseTaken('number 12')).toBe(undefined)
    expect(parseTaken('number 12 1700000000123 5 7 3 9')).toBe(undefined)
    expect(parseTaken('number 12 1700000000123 5 7 x')).toBe(undefined)
    expect(parseTaken('numbers')).toBe(undefined)
    expect(parseTaken('')).toBe(undefined)
  })

  it('of claim are a status and what goes with it', () => {
    const waiting = parseClaimed('waiting 4 1700000000123 5 7 0 3 9 100') as Claimed
    expect(waiting.status).toBe('waiting')
    const { ahead, now_ms, front, credit, free, called, in_checkout, issued } = waiting
    expect([ahead, now_ms, front, credit, free, called, in_checkout, issued]).toEqual([
      4, 1700000000123, 5, 7, 0, 3, 9, 100,
    ])
    const admitted = parseClaimed('admitted abc 1700000000123') as Claimed
    expect(admitted.status + ' ' + admitted.pass_id + ' ' + admitted.expires_ms).toBe('admitted abc 1700000000123')
    expect(parseClaimed('expired')?.status).toBe('expired')
    expect(parseClaimed('waiting 4')).toBe(undefined)
    expect(parseClaimed('admitted abc')).toBe(undefined)
  })

  it('of claim are nothing else', () => {
    for (const word of ['expired', 'not_open', 'rebuilding']) expect(parseClaimed(word)?.status).toBe(word)
    const never = ['', 'wait', 'waiting', 'expired 3', 'Expired', 'OK', 'admitted abc x', 'admitted abc 1 2']
    for (const line of never) expect(parseClaimed(line)).toBe(undefined)
    expect(parseClaimed('waiting 4 1700000000123 5 7 0 3 9 x')).toBe(undefined)
    expect(parseClaimed('waiting 4 1700000000123 5 7 0 3 9 100 1')).toBe(undefined)
  })
})
