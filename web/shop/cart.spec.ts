import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ReservationStatus } from '../../contract/codes'
import { inOrder, mergeNews, type Own, unitsOf } from './cart'
import type { ReservationNews } from './wire'

function gather(...news: ReservationNews[]): Own[] {
  let own: Own[] = []
  for (const one of news) own = mergeNews(own, one)
  return own
}

describe('the shopper’s own reservations', () => {
  it('learns of one from several sources', () => {
    const [one] = gather(
      { reservation: 'r', status: 'held', sku: 'lamp', quantity: 2 },
      { reservation: 'r', status: 'confirmed', order: 'o-1', pay_by_ms: 5000 },
    )
    expect(one).toMatchObject({ status: 'confirmed', sku: 'lamp', quantity: 2, order: 'o-1', pay_by_ms: 5000 })
  })

  it('never goes back, in whatever order the news arrive', () => {
    const history: ReservationStatus[] = ['held', 'confirmed', 'expired', 'paid', 'refunded']
    fc.assert(
      fc.property(fc.shuffledSubarray(history, { minLength: 1 }), (arrived) => {
        const [one] = gather(...arrived.map((status) => ({ reservation: 'r', status })))
        const last = history.findLast((status) => arrived.includes(status))
        expect(one?.status).toBe(last)
      }),
    )
  })

  it('does not let late news turn back the time to pay', () => {
    const [one] = gather(
      { reservation: 'r', status: 'confirmed', pay_by_ms: 9000 },
      { reservation: 'r', status: 'held', pay_by_ms: 1000 },
    )
    expect(one?.pay_by_ms).toBe(9000)
  })

  it('counts what stands against the limit, and not what was given back', () => {
    const own = gather(
      { reservation: 'a', status: 'paid', sku: 'lamp', quantity: 1 },
      { reservation: 'b', status: 'held', sku: 'lamp', quantity: 2 },
      { reservation: 'c', status: 'cancelled', sku: 'lamp', quantity: 4 },
      { reservation: 'd', status: 'held', sku: 'mug', quantity: 8 },
    )
    expect(unitsOf(own, 'lamp')).toBe(3)
  })

  it('shows first what must be paid', () => {
    const own = gather({ reservation: 'a', status: 'confirmed' }, { reservation: 'b', status: 'cancelled' })
    expect(inOrder(own).map(({ reservation }) => reservation)).toEqual(['a', 'b'])
  })
})
