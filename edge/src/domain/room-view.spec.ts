import { describe, expect, it } from 'vitest'
import { learnRoom, newRoomView, type RoomView, surelyBehind, VIEW_FRESH_MS, waitingPeople } from './room-view'
import { FAR_POLL_MS, frontSpeed, lookahead, pollAfterWaiting, SOON_POLL_MS } from './waiting'

const SETTINGS = { admit_per_s: 10, checkout_max: 50, draw: false }

function viewAt(front: number, now_ms: number): RoomView {
  const view = newRoomView(SETTINGS)
  learnRoom(view, { now_ms, front, credit: 0, called: 12 }, 2, now_ms)
  return view
}

describe('a worker’s view of the room', () => {
  it('knows nothing before the first answer', () => {
    expect(surelyBehind(newRoomView(SETTINGS), 2, 100000, 0)).toBe(0)
    expect(waitingPeople(newRoomView(SETTINGS), 0, 0)).toBe(-1)
  })

  it('speaks only for those whom the front cannot have reached, and only for a moment', () => {
    const view = viewAt(1000, 5000)
    const ahead = lookahead(view.terms)
    expect(surelyBehind(view, 2, 1000 + ahead, 5000)).toBe(0)
    expect(surelyBehind(view, 2, 1001 + ahead, 5000)).toBe(ahead + 1)
    const reach = frontSpeed(view.terms)
    expect(surelyBehind(view, 2, 1000 + ahead + reach, 6000)).toBe(0)
    expect(surelyBehind(view, 2, 1001 + ahead + reach, 6000)).toBe(ahead + 1)
    expect(surelyBehind(view, 2, 100000, 5000 + VIEW_FRESH_MS + 1)).toBe(0)
    expect(surelyBehind(view, 2, 100000, 4999)).toBe(0)
    expect(surelyBehind(view, 3, 100000, 5000)).toBe(0)
  })

  it('never lets anybody sleep through the call', () => {
    const view = viewAt(1000, 5000)
    for (let number = 1000; number < 40000; number += 97) {
      for (let age_ms = 0; age_ms <= VIEW_FRESH_MS; age_ms += 250) {
        const behind = surelyBehind(view, 2, number, 5000 + age_ms)
        if (behind > 0) {
          const told_ms = pollAfterWaiting(view.terms, number, behind, 0, FAR_POLL_MS)
          // the earliest moment at which the front can be there, counted from when it was seen
          const earliest_ms = ((number - 1000) * 1000) / frontSpeed(view.terms) - age_ms
          expect(told_ms <= earliest_ms + SOON_POLL_MS).toBe(true)
        }
      }
    }
  })

  it('learns nothing from an older answer or an older epoch', () => {
    const view = viewAt(1000, 5000)
    expect(learnRoom(view, { now_ms: 4999, front: 1, credit: 0, called: 0 }, 2, 5001)).toBe(false)
    expect(learnRoom(view, { now_ms: 9999, front: 1, credit: 0, called: 0 }, 1, 5001)).toBe(false)
    expect(view.front).toBe(1000)
    expect(learnRoom(view, { now_ms: 100, front: 7, credit: 0, called: 0 }, 3, 5001)).toBe(true)
    expect(view.front).toBe(7)
  })

  it('counts who waits, while it has heard of it lately', () => {
    const view = viewAt(1000, 5000)
    view.issued = 1500
    expect(waitingPeople(view, 2, 60000)).toBe(512)
    expect(waitingPeople(view, 2, 66000)).toBe(-1)
    expect(waitingPeople(view, 3, 5000)).toBe(-1)
  })

  it('measures how fast it goes', () => {
    const view = viewAt(1000, 5000)
    for (let s = 1; s <= 60; s++) {
      learnRoom(view, { now_ms: 5000 + 1000 * s, front: 1000 + 4 * s, credit: 0, called: 0 }, 2, 5000 + 1000 * s)
    }
    expect(Math.round(view.speed_per_s)).toBe(4)
  })
})
