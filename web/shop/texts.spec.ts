import { describe, expect, it } from 'vitest'
import { ART_COLOURS, ART_SIDE, artOf } from './art'
import { priceText, timesPrice } from './money'
import { windowText } from './time-text'

describe('prices', () => {
  it.each([
    [4950, 'EUR', '€49.50'],
    [4950, 'JPY', 'JP¥4,950'],
    [4950, 'BHD', 'BHD 4.950'],
  ])('writes %i minor units of %s as %s', (amount_minor, currency, text) => {
    expect(priceText({ amount_minor, currency }).replace(/\u00a0/g, ' ')).toBe(text)
  })

  it('multiplies in minor units', () => {
    expect(timesPrice({ amount_minor: 1999, currency: 'EUR' }, 3).amount_minor).toBe(5997)
  })
})

describe('the window of a sale', () => {
  const opens_ms = new Date(2026, 2, 6, 12, 0).getTime()

  it('names the day once when it is the same', () => {
    expect(windowText(opens_ms, new Date(2026, 2, 6, 13, 30).getTime())).toBe('Fri 6 Mar, 12:00\u00a0–\u00a013:30')
    expect(windowText(opens_ms, new Date(2026, 2, 7, 1, 0).getTime())).toBe('Fri 6 Mar, 12:00 – Sat 7 Mar, 01:00')
  })
})

describe('the picture of a SKU', () => {
  it('is always the same for an id, another for another, and fills the square', () => {
    expect(artOf('lamp')).toEqual(artOf('lamp'))
    expect(artOf('lamp')).not.toEqual(artOf('mug'))
    expect(artOf('lamp')).toHaveLength(ART_SIDE * ART_SIDE)
    for (const tile of artOf('lamp')) expect(tile.colour).toBeLessThan(ART_COLOURS)
  })
})
