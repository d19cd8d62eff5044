import { describe, expect, it } from 'vitest'
import { heldAnswer, pollAfterMs, recordAnswer } from './reservation-answer'

describe('answers about a reservation', () => {
  it('say held and where to ask', () => {
    expect(heldAnswer('r1.x', '17,18', 0, 0)).toBe(
      '{"reservation":"r1.x","status":"held","units":[17,18],"poll":"/reservations/r1.x","poll_after_ms":700}',
    )
  })

  it('name the way to pay while it is confirmed, and only then', () => {
    const record = {
      version: 1,
      sku: 'a',
      quantity: 1,
      units: '17',
      reserved_ms: 5,
      pay_by_ms: 1767225600000,
      order: 'o1',
    }
    const confirmed = recordAnswer('r1.x', { ...record, status: 'confirmed' }, 0, 0)
    expect(confirmed).toContain('"order":"o1","pay":"/reservations/r1.x/payment","pay_by":"2026-01-01T00:00:00.000Z"')
    const paid = recordAnswer('r1.x', { ...record, status: 'paid' }, 0, 0)
    expect(paid).toBe(
      '{"reservation":"r1.x","status":"paid","sku":"a","quantity":1,"units":[17],"poll":"/reservations/r1.x","order":"o1","poll_after_ms":15000}',
    )
  })

  it('spread the polls by up to two fifths', () => {
    expect(pollAfterMs('confirmed', 0, 0)).toBe(3000)
    expect(pollAfterMs('confirmed', 0.999, 0)).toBe(4198)
  })

  it('stretch the polls where the node is degraded', () => {
    expect(pollAfterMs('held', 0, 1)).toBe(700)
    expect(pollAfterMs('held', 0, 2)).toBe(1400)
    expect(pollAfterMs('confirmed', 0.5, 3)).toBe(14400)
  })
})
