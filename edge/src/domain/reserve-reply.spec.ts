import { describe, expect, it } from 'vitest'
import { parseReserveReply } from './reserve-reply'

describe('parseReserveReply', () => {
  it('reads what the script says', () => {
    expect(parseReserveReply('held 17,18 1767225600123')).toEqual({ kind: 'held', units: '17,18' })
    expect(parseReserveReply('held  1767225600123')).toEqual({ kind: 'held', units: '' })
    expect(parseReserveReply('replay 0|held|a|1|17|5||')).toEqual({ kind: 'replay', record: '0|held|a|1|17|5||' })
    expect(parseReserveReply('sold_out')).toEqual({ kind: 'refused', code: 'sold_out', bodies: '' })
    expect(parseReserveReply('limit_reached x,y')).toEqual({ kind: 'refused', code: 'limit_reached', bodies: 'x,y' })
    expect(parseReserveReply('bad_item')).toEqual({ kind: 'refused', code: 'bad_request', bodies: '' })
  })

  it('takes nothing else for an answer', () => {
    for (const text of ['', 'twin', 'held', 'held 17', 'HELD 17 5']) {
      expect(parseReserveReply(text)).toBeUndefined()
    }
  })
})
