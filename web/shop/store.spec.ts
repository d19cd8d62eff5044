import { describe, expect, it } from 'vitest'
import { ATTEMPT_AGE_MAX_MS, type Box, Store } from './store'

function boxOf(): Box & { values: Map<string, string> } {
  const values = new Map<string, string>()
  return {
    values,
    getItem: (name) => values.get(name) ?? null,
    setItem: (name, value) => void values.set(name, value),
    removeItem: (name) => void values.delete(name),
  }
}

const attempt = { key: 'k', quantity: 2, made_ms: 1000, tries: 1, unknown: false }

describe('what the device remembers', () => {
  it('finds an attempt again after a reload, for its own user, sale and SKU only', () => {
    const box = boxOf()
    new Store(box).keepAttempt('ada', 'spring', 'lamp', attempt)
    const reloaded = new Store(box)
    expect(reloaded.attempt('ada', 'spring', 'lamp', 2000)).toEqual(attempt)
    expect(reloaded.attempt('bob', 'spring', 'lamp', 2000)).toBeUndefined()
    expect(reloaded.attempt('ada', 'winter', 'lamp', 2000)).toBeUndefined()
    expect(reloaded.attempt('ada', 'spring', 'mug', 2000)).toBeUndefined()
  })

  it('lets an attempt of another hour go', () => {
    const store = new Store(boxOf())
    store.keepAttempt('ada', 'spring', 'lamp', attempt)
    expect(store.attempt('ada', 'spring', 'lamp', attempt.made_ms + ATTEMPT_AGE_MAX_MS + 1)).toBeUndefined()
    expect(store.attempt('ada', 'spring', 'lamp', attempt.made_ms)).toBeUndefined()
  })

  it('works where storage is denied', () => {
    const denied: Box = {
      getItem() {
        throw new Error('denied')
      },
      setItem() {
        throw new Error('denied')
      },
      removeItem() {
        throw new Error('denied')
      },
    }
    for (const store of [new Store(denied), new Store(undefined)]) {
      store.keepUser('ada')
      expect(store.user()).toBe('ada')
      store.keepAttempt('ada', 'spring', 'lamp', attempt)
      store.keepAttempt('ada', 'spring', 'lamp', undefined)
      expect(store.attempt('ada', 'spring', 'lamp', 2000)).toBeUndefined()
    }
  })

  it('survives what somebody else has written', () => {
    const box = boxOf()
    box.setItem('rush1:own:spring:ada', '{"not":"a list"}')
    box.setItem('rush1:attempt:spring:lamp:ada', 'no json')
    const store = new Store(box)
    expect(store.own('ada', 'spring')).toEqual([])
    expect(store.attempt('ada', 'spring', 'lamp', 2000)).toBeUndefined()
  })
})
