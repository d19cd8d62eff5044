import { describe, expect, it } from 'vitest'
import { type FakeGate, fakeGate, knownSale, requestTo, said } from '../../../spec/fake-ports'
import { hotItems, itemEvents } from './index'

const TWO = [
  { sku: 'shoe', title: 'Shoe', price: { amount_minor: 1, currency: 'EUR' }, price_version: 1, total: 5, user_max: 2 },
  { sku: 'hat', title: 'Hat', price: { amount_minor: 1, currency: 'EUR' }, price_version: 1, total: 5, user_max: 2 },
]

function counted(gate: FakeGate): string {
  const phases = hotItems.create({} as never, gate.ports)
  let outcomes = ''
  for (const request of [
    requestTo('item', 'boot', 'GET'),
    requestTo('state', 'spring', 'GET'),
    requestTo('reserve', 'spring', 'POST'),
    requestTo('reserve', 'autumn', 'POST'),
  ]) {
    outcomes = outcomes + said(phases.access(request)) + ' '
  }
  expect(outcomes).toBe('nothing nothing nothing nothing ')
  let text = ''
  for (const item of gate.asked_items) text = text + item + ' '
  return text
}

describe('hot-items', () => {
  it('counts pages by item, and what asks for a sale of one SKU by that SKU', () => {
    const gate = fakeGate()
    gate.known = knownSale({})
    expect(counted(gate)).toBe('boot shoe shoe ')
  })

  it('leaves sales of several to whoever knows the SKU', () => {
    const gate = fakeGate()
    gate.known = knownSale({ skus: TWO })
    expect(counted(gate)).toBe('boot ')
  })

  it('counts pages while no sale is known', () => {
    const gate = fakeGate()
    gate.known = undefined
    expect(counted(gate)).toBe('boot ')
  })
})

describe('item-events', () => {
  it('records each request for an item with how it ended, and says nothing itself', () => {
    const gate = fakeGate()
    gate.known = knownSale({ skus: TWO })
    const phases = itemEvents.create({} as never, gate.ports)
    const page = requestTo('item', 'boot', 'GET')
    expect(said(phases.access(page))).toBe('nothing')
    phases.done?.(page, 404)
    // of several: nobody knows which
    phases.done?.(requestTo('state', 'spring', 'GET'), 200)
    gate.known = knownSale({})
    phases.done?.(requestTo('reserve', 'spring', 'POST'), 202)
    expect(gate.recorded).toEqual(['boot 404 ada', 'shoe 202 ada'])
  })
})
