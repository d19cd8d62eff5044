import { describe, expect, it } from 'vitest'
import { adoptHot, type HotSet, newHotSet, topRates, updateHotSet } from './hot-set'

function setOf(): HotSet {
  return newHotSet({
    enter_per_s: 100,
    leave_per_s: 50,
    cluster_enter_per_s: 300,
    cluster_leave_per_s: 150,
    quiet_ms: 1000,
    hot_max: 3,
  })
}

function names(set: HotSet): string {
  let text = ''
  for (const one of set.hot) text = text + ' ' + one.item
  return text
}

describe('hot items', () => {
  it('enter at one threshold and leave a while below another', () => {
    const set = setOf()
    expect(updateHotSet(set, { shoe: 99 }, {}, {}, 1000)).toBe(false)
    expect(updateHotSet(set, { shoe: 100 }, {}, {}, 2000)).toBe(true)
    expect(names(set)).toBe(' shoe')
    // between the two nothing changes, however long
    for (let now_ms = 2100; now_ms < 20000; now_ms += 100) {
      expect(updateHotSet(set, { shoe: now_ms % 200 === 0 ? 51 : 99 }, {}, {}, now_ms)).toBe(false)
    }
    expect(updateHotSet(set, { shoe: 49 }, {}, {}, 20000)).toBe(false)
    expect(updateHotSet(set, {}, {}, {}, 20999)).toBe(false)
    expect(updateHotSet(set, {}, {}, {}, 21000)).toBe(true)
    expect(names(set)).toBe('')
    expect(set.entered + ' ' + set.left).toBe('1 1')
  })

  it('begin their quiet time anew with every look that is not quiet', () => {
    const set = setOf()
    updateHotSet(set, { shoe: 200 }, {}, {}, 0)
    for (let now_ms = 100; now_ms < 10000; now_ms += 900) {
      expect(updateHotSet(set, {}, {}, {}, now_ms)).toBe(false)
      expect(updateHotSet(set, { shoe: 50 }, {}, {}, now_ms + 899)).toBe(false)
    }
  })

  it('are hot at every gate when all gates together have enough', () => {
    const set = setOf()
    expect(updateHotSet(set, { shoe: 40 }, { shoe: 259, hat: 299 }, {}, 1000)).toBe(false)
    expect(updateHotSet(set, { shoe: 40 }, { shoe: 260, hat: 300 }, {}, 1000)).toBe(true)
    expect(names(set)).toBe(' shoe hat')
    expect(set.by_name['shoe']?.cluster_per_s).toBe(300)
    // the others' word alone keeps it
    expect(updateHotSet(set, {}, { shoe: 150, hat: 0 }, {}, 2000)).toBe(false)
    expect(updateHotSet(set, {}, { shoe: 150 }, {}, 3000)).toBe(true)
    expect(names(set)).toBe(' shoe')
  })

  it('are bounded, and what found no room is counted', () => {
    const set = setOf()
    updateHotSet(set, { a: 100, b: 100, c: 100, d: 100 }, {}, {}, 1000)
    expect(set.hot.length).toBe(3)
    expect(set.crowded).toBe(1)
  })

  it('keep the time that another worker has known them for', () => {
    const set = setOf()
    updateHotSet(set, { shoe: 100 }, {}, { shoe: 400 }, 1000)
    expect(set.by_name['shoe']?.since_ms).toBe(400)
    updateHotSet(set, { shoe: 100 }, {}, { shoe: 300 }, 1100)
    updateHotSet(set, { shoe: 100 }, {}, { shoe: 900 }, 1200)
    expect(set.by_name['shoe']?.since_ms).toBe(300)
  })

  it('are taken over by a worker that begins, and leave when they are quiet', () => {
    const set = setOf()
    adoptHot(set, 'shoe', 100, 5000)
    adoptHot(set, 'shoe', 200, 5000)
    expect(updateHotSet(set, {}, {}, {}, 5020)).toBe(false)
    expect(set.by_name['shoe']?.since_ms).toBe(100)
    expect(updateHotSet(set, {}, {}, {}, 6020)).toBe(true)
    expect(names(set)).toBe('')
  })

  it('are told the greatest first, equal ones by name', () => {
    let text = ''
    for (const { item, per_s } of topRates({ b: 5, a: 5, c: 9, d: 1 }, 3)) text = text + ' ' + item + per_s
    expect(text).toBe(' c9 a5 b5')
  })
})
