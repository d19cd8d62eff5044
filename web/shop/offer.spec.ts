import { describe, expect, it } from 'vitest'
import type { SalePhase } from '../../contract/codes'
import { type Circumstances, offerOf, phaseNow, quantityMax } from './offer'
import { IDLE } from './purchase'
import type { SkuState } from './wire'

const sku: SkuState = {
  sku: 'lamp',
  title: 'Lamp',
  price: { amount_minor: 4900, currency: 'EUR' },
  left: 20,
  user_max: 2,
}
const open: Circumstances = {
  phase: 'open',
  until_open_ms: -1000,
  until_close_ms: 600_000,
  signed_in: true,
  own_units: 0,
  quantity: 1,
  purchase: IDLE,
  now_ms: 1000,
}

describe('the button', () => {
  it('is on while the sale is open and there is something to have', () => {
    expect(offerOf(sku, open)).toMatchObject({ enabled: true, button: 'Reserve' })
    expect(offerOf(sku, { ...open, quantity: 2 }).button).toBe('Reserve 2')
    expect(offerOf(sku, { ...open, signed_in: false }).button).toBe('Sign in and reserve')
  })

  it('is off until the start and switches itself on by the server’s clock', () => {
    const before: Circumstances = { ...open, phase: 'upcoming', until_open_ms: 1 }
    expect(offerOf(sku, before)).toMatchObject({ enabled: false, button: 'Opens in 0:01' })
    expect(offerOf(sku, { ...before, until_open_ms: 0 }).enabled).toBe(true)
  })

  it.each<SalePhase>(['all_held', 'sold_out', 'paused', 'rebuilding', 'ended'])('is off while %s', (phase) => {
    expect(offerOf(sku, { ...open, phase }).enabled).toBe(false)
  })

  it('goes off at the end without waiting for the server to say so', () => {
    expect(offerOf(sku, { ...open, until_close_ms: 0 })).toMatchObject({ enabled: false, button: 'The sale is over' })
    expect(phaseNow('paused', -1, 0)).toBe('ended')
  })

  it('is off when nothing is left, or the buyer has the most one may have', () => {
    expect(offerOf({ ...sku, left: 0 }, open).enabled).toBe(false)
    expect(offerOf({ ...sku, left: 'none' }, open).enabled).toBe(false)
    expect(offerOf({ ...sku, left: null }, open).enabled).toBe(true)
    expect(offerOf(sku, { ...open, own_units: 2 })).toMatchObject({ enabled: false, button: 'You have your 2' })
    expect(offerOf({ ...sku, left: 0 }, { ...open, own_units: 2 }).button).toBe('You have your 2')
  })

  it('shows the wait that the server asked for, then opens again', () => {
    const refusal = { code: 'rate_limited', detail: '', receipt: 'r-1', retry_after_ms: 4000 } as const
    const purchase = { step: 'refused', refusal, again_ms: 5000 } as const
    expect(offerOf(sku, { ...open, purchase })).toMatchObject({
      enabled: false,
      button: 'Try again in 0:04',
      note: { title: 'A short breather', receipt: 'r-1' },
    })
    expect(offerOf(sku, { ...open, purchase, now_ms: 5000 })).toMatchObject({ enabled: true, button: 'Reserve' })
  })

  it('lets an unknown outcome be cleared up even when the sale is over', () => {
    const attempt = { key: 'a', quantity: 1, made_ms: 0, tries: 6, unknown: true }
    const purchase = { step: 'unknown', attempt, refusal: undefined, again_ms: 0 } as const
    expect(offerOf(sku, { ...open, phase: 'ended', purchase })).toMatchObject({ enabled: true, button: 'Ask again' })
  })
})

describe('a sale with a waiting room', () => {
  it('sells to those whose turn it is', () => {
    expect(offerOf(sku, { ...open, turn: 'to_join' })).toMatchObject({ enabled: false, button: 'Join the queue first' })
    expect(offerOf(sku, { ...open, turn: 'to_wait' })).toMatchObject({ enabled: false, button: 'Wait for your turn' })
  })
})

describe('the most one may choose', () => {
  it('is what the buyer may still have and what is there', () => {
    expect(quantityMax(sku, 0)).toBe(2)
    expect(quantityMax(sku, 1)).toBe(1)
    expect(quantityMax({ ...sku, user_max: 50 }, 0)).toBe(20)
    expect(quantityMax({ ...sku, user_max: 50, left: 'few' }, 0)).toBe(50)
    expect(quantityMax({ ...sku, user_max: 5000, left: null }, 0)).toBe(100)
  })
})
