import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  readRedirect,
  readRefusal,
  readReservation,
  readReservations,
  readSaleState,
  readSales,
  readStand,
  readTaken,
} from './wire'

const state = {
  now: '2026-03-01T12:00:00.123Z',
  phase: 'open',
  sale: 'spring',
  title: 'Spring',
  opens_at: '2026-03-01T11:00:00.000Z',
  closes_at: '2026-03-01T13:00:00.000Z',
  skus: [
    { sku: 'a', title: 'A', price: { amount_minor: 100, currency: 'EUR' }, user_max: 2, left: 7, hot: false },
    { sku: 'b', title: 'B', price: { amount_minor: 100, currency: 'EUR' }, user_max: 2, left: 'few', hot: false },
    { sku: 'c', title: 'C', price: { amount_minor: 100, currency: 'EUR' }, user_max: 2, left: null, hot: false },
  ],
  queue: { open: false },
}

describe('reading answers', () => {
  it('reads a sale’s state', () => {
    const read = readSaleState(state)
    expect(read?.now_ms).toBe(Date.UTC(2026, 2, 1, 12, 0, 0, 123))
    expect(read?.skus.map(({ left }) => left)).toEqual([7, 'few', null])
  })

  it('reads what the waiting room says, and passes over what it does not know', () => {
    const waiting = { status: 'waiting', place: 7, eta_s: null, chance: 'slim', poll_after_ms: 3000 }
    expect(readStand(waiting)).toMatchObject({ status: 'waiting', place: 7, eta_s: undefined, chance: 'slim' })
    expect(readStand({ ...waiting, chance: 'cosmic', draw: 'entered', entrants: 3 })).toMatchObject({
      ...{ chance: undefined, draw: 'entered', entrants: 3 },
    })
    expect(readStand({ ...waiting, status: 'promoted' })).toBeUndefined()
    expect(readStand({ status: 'waiting' })).toBeUndefined()
    expect(readTaken({ ticket: 't', poll_after_ms: 1 })).toMatchObject({ ticket: 't', status: 'waiting' })
    expect(readTaken({ poll_after_ms: 1 })).toBeUndefined()
    expect(readSaleState({ ...state, queue: { open: true, draw: true, ahead: 4 } })).toMatchObject({
      draws: true,
      ahead: 4,
    })
  })

  it('does not show a phase that it does not know', () => {
    expect(readSaleState({ ...state, phase: 'haunted' })).toBeUndefined()
  })

  it('leaves out a SKU that it cannot show, and shows the others', () => {
    expect(readSaleState({ ...state, skus: [{ sku: 'x' }, ...state.skus] })?.skus).toHaveLength(3)
  })

  it('reads a reservation and its time to pay by', () => {
    const news = readReservation({ reservation: 'r1.s.0', status: 'confirmed', pay_by: '2026-03-01T12:00:00.000Z' })
    expect(news).toMatchObject({ status: 'confirmed', pay_by_ms: Date.UTC(2026, 2, 1, 12) })
  })

  it('takes the code of a refusal, and judges by the status where there is none', () => {
    const problem = { code: 'sold_out', detail: 'd', receipt: 'r' }
    expect(readRefusal(410, problem, null)).toEqual({
      code: 'sold_out',
      detail: 'd',
      receipt: 'r',
      retry_after_ms: undefined,
    })
    expect(readRefusal(502, undefined, null).code).toBe('internal')
    expect(readRefusal(503, '<html>', '7')).toMatchObject({ code: 'unavailable', retry_after_ms: 7000 })
    // a code of the future, or one that would find something on every object
    expect(readRefusal(403, { code: 'constructor' }, null).code).toBe('refused')
  })

  it('prefers the exact wait to the header’s whole seconds', () => {
    expect(readRefusal(429, { code: 'rate_limited', retry_after_ms: 1200 }, '2').retry_after_ms).toBe(1200)
  })

  it('sends the shopper to pay on https or on this site, and nowhere else', () => {
    const site = 'http://127.0.0.1:8080'
    expect(readRedirect({ redirect: '/sandbox/pay/1' }, site)).toBe(`${site}/sandbox/pay/1`)
    expect(readRedirect({ redirect: 'https://pay.example/1' }, site)).toBe('https://pay.example/1')
    expect(readRedirect({ redirect: 'http://pay.example/1' }, site)).toBeUndefined()
    expect(readRedirect({ redirect: 'javascript:alert(1)' }, site)).toBeUndefined()
  })

  it('survives anything', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        readSaleState(value)
        readSales(value)
        readReservation(value)
        readReservations(value)
        readRedirect(value, 'http://127.0.0.1')
        expect(readRefusal(503, value, null).code).toBe('unavailable')
      }),
    )
  })
})
