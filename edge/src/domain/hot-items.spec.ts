import { describe, expect, it } from 'vitest'
import { countItem, type HotCounter, heaviest, newHotCounter, turnHotCounter, watchForOthers } from './hot-items'

const LIMITS = { capacity: 64, notice: 4, watched_max: 8, window_slots: 25 }

/** Park and Miller's: the same numbers in Node and in LuaJIT. */
function numbers(seed: number): (this: void) => number {
  let state = seed
  return () => {
    state = (state * 16807) % 2147483647
    return state / 2147483647
  }
}

function times(counter: HotCounter, item: string, count: number): void {
  for (let i = 0; i < count; i++) countItem(counter, item)
}

describe('counts of a window', () => {
  it('are exact as long as nothing had to be forgotten', () => {
    const counter = newHotCounter(LIMITS)
    for (let i = 1; i <= 64; i++) times(counter, 'i' + i, i)
    for (let i = 1; i <= 64; i++) expect(counter.counts['i' + i]).toBe(i)
    expect(counter.purges).toBe(0)
    expect(heaviest(counter, 2)).toEqual(['i64', 'i63'])
  })

  it('miss no item above 2 N / capacity, are never too low, and too high by no more than the floor', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = numbers(seed * 7919)
      const capacity = [16, 64, 256][seed % 3] as number
      const counter = newHotCounter({ capacity, notice: 1000, watched_max: 1, window_slots: 25 })
      const exact: Record<string, number> = {}
      const requests = 3000
      // from nearly even to very uneven, with a long tail of items that come once
      const uneven = 1 + (seed % 7)
      for (let n = 0; n < requests; n++) {
        const item = 'i' + Math.floor(2000 * random() ** uneven)
        exact[item] = (exact[item] ?? 0) + 1
        countItem(counter, item)
      }
      const bound = (2 * requests) / capacity
      let wrong = ''
      if (counter.floor > bound) wrong = 'floor ' + counter.floor
      for (const item in exact) {
        const count = counter.counts[item]
        const wanted = exact[item] as number
        if (count === undefined) {
          if (wanted > bound) wrong = item + ' is missing'
        } else if (count < wanted || count > wanted + counter.floor) {
          wrong = item + ' has ' + count + ' and not ' + wanted
        }
      }
      let size = 0
      for (const item in counter.counts) size += item === '' ? 0 : 1
      if (size !== counter.size || size > capacity) wrong = 'size ' + size
      expect('seed ' + seed + ': ' + wrong).toBe('seed ' + seed + ': ')
    }
  })

  it('survive a flood of items that come once', () => {
    const counter = newHotCounter(LIMITS)
    times(counter, 'shoe', 500)
    for (let i = 0; i < 10000; i++) {
      countItem(counter, 'x' + i)
      if (i % 20 === 0) countItem(counter, 'shoe')
    }
    expect(counter.counts['shoe']).toBe(1000)
    expect(counter.size <= 64).toBe(true)
    expect(heaviest(counter, 1)).toEqual(['shoe'])
  })
})

describe('watched items', () => {
  it('have the requests of the last window, whenever windows begin', () => {
    const random = numbers(4711)
    const counter = newHotCounter(LIMITS)
    turnHotCounter(counter, 1000)
    const came: number[] = []
    let problem = ''
    for (let slot = 1001; slot < 1400; slot++) {
      const count = Math.floor(random() * 9)
      times(counter, 'shoe', count)
      came.push(count)
      turnHotCounter(counter, slot)
      let wanted = 0
      for (let i = Math.max(0, came.length - 25); i < came.length; i++) wanted += came[i] as number
      const sum = counter.watched_by_name['shoe']?.sum ?? 0
      if (slot > 1030 && sum !== wanted) problem = problem + ' ' + slot + ': ' + sum + ' and not ' + wanted
    }
    expect(problem).toBe('')
  })

  it('are watched from the notice on, and no longer when nothing came for a window', () => {
    const counter = newHotCounter(LIMITS)
    turnHotCounter(counter, 1000)
    times(counter, 'shoe', 3)
    turnHotCounter(counter, 1001)
    expect(counter.watched.length).toBe(0)
    times(counter, 'shoe', 1)
    turnHotCounter(counter, 1002)
    expect(counter.watched_by_name['shoe']?.sum).toBe(4)
    turnHotCounter(counter, 1025)
    expect(counter.watched_by_name['shoe']?.sum).toBe(4)
    turnHotCounter(counter, 1030)
    expect(counter.watched.length).toBe(0)
  })

  it('give way to items with more requests, and say when there was no room', () => {
    const counter = newHotCounter(LIMITS)
    turnHotCounter(counter, 1000)
    for (let i = 0; i < 8; i++) times(counter, 'i' + i, 4)
    times(counter, 'late', 4)
    expect(counter.unwatched).toBe(1)
    turnHotCounter(counter, 1001)
    for (let i = 1; i < 8; i++) times(counter, 'i' + i, 10)
    turnHotCounter(counter, 1026)
    times(counter, 'late', 4)
    expect(counter.watched_by_name['late'] === undefined).toBe(false)
    expect(counter.watched_by_name['i0'] === undefined).toBe(true)
    expect(counter.watched.length).toBe(8)
  })

  it('are watched for others below the notice too, as long as those ask', () => {
    const counter = newHotCounter(LIMITS)
    turnHotCounter(counter, 1000)
    times(counter, 'shoe', 2)
    watchForOthers(counter, 'shoe')
    times(counter, 'shoe', 1)
    turnHotCounter(counter, 1001)
    expect(counter.watched_by_name['shoe']?.sum).toBe(3)
    for (let slot = 1002; slot < 1100; slot++) {
      watchForOthers(counter, 'shoe')
      turnHotCounter(counter, slot)
    }
    expect(counter.watched_by_name['shoe']?.sum).toBe(0)
    turnHotCounter(counter, 1101)
    expect(counter.watched.length).toBe(0)
  })

  it('find what heats up under a flood', () => {
    const counter = newHotCounter(LIMITS)
    turnHotCounter(counter, 1000)
    let next = 0
    for (let slot = 1001; slot < 1100; slot++) {
      for (let i = 0; i < 400; i++) {
        countItem(counter, 'x' + next)
        next += 1
      }
      if (slot >= 1050) times(counter, 'shoe', 20)
      turnHotCounter(counter, slot)
    }
    const sum = counter.watched_by_name['shoe']?.sum ?? 0
    // the floor at most, each time that it was forgotten between two looks
    expect(sum >= 25 * 20 * 0.8).toBe(true)
    expect(sum <= 25 * 20 * 1.5).toBe(true)
  })
})
