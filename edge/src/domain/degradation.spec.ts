import { describe, expect, it } from 'vitest'
import { DEGRADE_LEVELS } from '../../../contract/degradation'
import {
  effectiveLevel,
  farPollMs,
  levelOfPressure,
  noLoad,
  observeLoad,
  pressureOf,
  RAISE_MS,
  statePollMs,
} from './degradation'

const QUIET_MS = 10000

describe('the level by load', () => {
  it('rises after a second of pressure, not for a hiccup, to the least that was asked for', () => {
    const load = noLoad()
    expect(observeLoad(load, 9, 0, QUIET_MS)).toBe(0)
    expect(observeLoad(load, 0.9, 100, QUIET_MS)).toBe(0)
    expect(observeLoad(load, 9, 200, QUIET_MS)).toBe(0)
    expect(observeLoad(load, 2, 700, QUIET_MS)).toBe(0)
    expect(observeLoad(load, 9, 200 + RAISE_MS - 1, QUIET_MS)).toBe(0)
    expect(observeLoad(load, 9, 200 + RAISE_MS, QUIET_MS)).toBe(2)
    expect(observeLoad(load, 9, 1300, QUIET_MS)).toBe(2)
    expect(observeLoad(load, 9, 1300 + RAISE_MS, QUIET_MS)).toBe(3)
  })

  it('falls by one for every quiet time, and holds in between', () => {
    const load = { level: 2, wanted: 0, raising_ms: -1, quiet_ms: -1 }
    expect(observeLoad(load, 1.1, 0, QUIET_MS)).toBe(2)
    expect(observeLoad(load, 1, 1000, QUIET_MS)).toBe(2)
    expect(observeLoad(load, 1.1, 10999, QUIET_MS)).toBe(2)
    expect(observeLoad(load, 0.4, 11000, QUIET_MS)).toBe(2)
    expect(observeLoad(load, 0.4, 20999, QUIET_MS)).toBe(2)
    expect(observeLoad(load, 0.4, 21000, QUIET_MS)).toBe(1)
    expect(observeLoad(load, 0.4, 30999, QUIET_MS)).toBe(1)
    expect(observeLoad(load, 0.4, 31000, QUIET_MS)).toBe(0)
    expect(observeLoad(load, 0, 99000, QUIET_MS)).toBe(0)
  })

  it('takes the worse of queue and loop, and looks at neither where the ceiling is 0', () => {
    expect(pressureOf(100, 200, 10, 200)).toBe(0.5)
    expect(pressureOf(100, 200, 300, 200)).toBe(1.5)
    expect(pressureOf(100, 0, 300, 0)).toBe(0)
    expect(levelOfPressure(0.99)).toBe(0)
    expect(levelOfPressure(1)).toBe(1)
    expect(levelOfPressure(3.9)).toBe(2)
    expect(levelOfPressure(400)).toBe(3)
  })
})

describe('the level', () => {
  it('is the higher of hand and load; a pinned hand is the last word', () => {
    expect(effectiveLevel({ level: 0, pinned: false }, 0)).toBe(0)
    expect(effectiveLevel({ level: 1, pinned: false }, 2)).toBe(2)
    expect(effectiveLevel({ level: 3, pinned: false }, 2)).toBe(3)
    expect(effectiveLevel({ level: 0, pinned: true }, 3)).toBe(0)
    expect(effectiveLevel({ level: 1, pinned: true }, 3)).toBe(1)
  })

  it('stretches polls, and changes nothing at 0', () => {
    expect(statePollMs(0)).toBe(0)
    expect(statePollMs(1)).toBe(6000)
    expect(farPollMs(0, 60000)).toBe(60000)
    expect(farPollMs(3, 60000)).toBe(240000)
  })

  it('never gives back what a lower one has switched off', () => {
    for (let level = 1; level < DEGRADE_LEVELS.length; level++) {
      const [below, terms] = [DEGRADE_LEVELS[level - 1], DEGRADE_LEVELS[level]]
      if (below === undefined || terms === undefined) continue
      expect(terms.exact_stock).toBe(false)
      expect(terms.search && !below.search).toBe(false)
      expect(terms.item_pages === 'live' && below.item_pages === 'cache_only').toBe(false)
      expect(terms.state_poll_factor >= below.state_poll_factor).toBe(true)
      expect(terms.reservation_poll_factor >= below.reservation_poll_factor).toBe(true)
      expect(terms.ticket_poll_factor >= below.ticket_poll_factor).toBe(true)
    }
  })
})
