import { describe, expect, it } from 'vitest'
import { soldWrongly } from './sale'

const right = { reservations: 10, buyers: 10, queued: 10, batches: 3, free: 5, spent: 0 }

describe('soldWrongly', () => {
  it('is silent when every purchase left one reservation, one buyer, one intent and took one unit', () => {
    expect(soldWrongly(right, 10, 15)).toBeUndefined()
  })

  it.each(['reservations', 'buyers', 'queued', 'free', 'spent'] as const)('sees that %s is off by one', (name) => {
    expect(soldWrongly({ ...right, [name]: right[name] - 1 }, 10, 15)).toContain(`${name}: ${right[name] - 1} in Redis`)
  })

  it('wants a pass spent for each purchase of a guarded sale', () => {
    expect(soldWrongly({ ...right, spent: 10 }, 10, 15, true)).toBeUndefined()
    expect(soldWrongly(right, 10, 15, true)).toContain('spent: 0 in Redis')
  })
})
