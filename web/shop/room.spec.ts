import { describe, expect, it } from 'vitest'
import { type RoomMoment, type RoomStep, roomSight, waitText } from './room'
import type { Stand } from './wire'

const OPEN: RoomMoment = {
  room: { step: 'out', refusal: undefined },
  phase: 'open',
  until_open_ms: -1000,
  draws: true,
  is_open: true,
  ahead: 1200,
  signed_in: true,
  pass_left_ms: 0,
}

function standing(stand: Partial<Stand>): { room: RoomStep } {
  return { room: { step: 'in', stand: { status: 'waiting', poll_after_ms: 1000, ...stand } } }
}

describe('the waiting room says', () => {
  it('how to get in: by lot before the opening, in line after it', () => {
    const before = roomSight({ ...OPEN, phase: 'upcoming', until_open_ms: 5000 })
    expect(before).toMatchObject({ button: 'Enter the draw', enabled: true })
    expect(before.text).toContain('same chance')
    expect(roomSight({ ...OPEN, phase: 'upcoming', until_open_ms: 5000, draws: false }).button).toBe('Join the queue')
    expect(roomSight(OPEN)).toMatchObject({ button: 'Join the queue', facts: ['1,200 people waiting.'] })
    const shut = { ...OPEN, phase: 'upcoming', until_open_ms: 5000, is_open: false } as const
    expect(roomSight(shut)).toMatchObject({ button: 'Not open for entries yet', enabled: false })
    expect(roomSight({ ...OPEN, signed_in: false }).button).toBe('Sign in and join the queue')
    expect(roomSight({ ...OPEN, phase: 'sold_out' }).button).toBe('')
  })

  it('why one did not get in, and lets try again', () => {
    const refusal = { code: 'busy', detail: '', receipt: '', retry_after_ms: undefined } as const
    const sight = roomSight({ ...OPEN, room: { step: 'out', refusal } })
    expect(sight).toMatchObject({ tone: 'stop', title: 'Very busy right now', enabled: true })
  })

  it('that one is in the draw, and that it is being made', () => {
    const sight = roomSight({ ...OPEN, ...standing({ draw: 'entered', entrants: 1 }) })
    expect(sight).toMatchObject({ title: 'You are in the draw', facts: ['1 person in the draw so far.'], button: '' })
    expect(roomSight({ ...OPEN, ...standing({ draw: 'drawing' }) }).title).toBe('The lots are being drawn')
  })

  it('the place, the time and the chance, and no number that nobody knows', () => {
    const sight = roomSight({ ...OPEN, ...standing({ place: 1234, eta_s: 95, chance: 'fair' }) })
    expect(sight.place).toBe('1,234')
    expect(sight.facts).toEqual(['About 2 minutes to go.', expect.stringContaining('chance is fair')])
    expect(roomSight({ ...OPEN, ...standing({ place: 3 }) }).facts).toEqual([])
    expect(roomSight({ ...OPEN, ...standing({}) }).place).toBe('')
    expect(roomSight({ ...OPEN, phase: 'paused', ...standing({ place: 3 }) }).facts[0]).toContain('paused')
  })

  it('that it is one’s turn and how long, until the pass is over', () => {
    const turn = standing({ status: 'admitted', pass: 'p' })
    const sight = roomSight({ ...OPEN, ...turn, pass_left_ms: 65_000 })
    expect(sight).toMatchObject({ tone: 'turn', title: 'It’s your turn', facts: ['1:05 left to reserve.'] })
    expect(roomSight({ ...OPEN, ...turn }).tone).toBe('calm')
  })

  it('how it ended', () => {
    expect(roomSight({ ...OPEN, ...standing({ status: 'sold_out' }) })).toMatchObject({ title: 'Sold out', button: '' })
    const expired = standing({ status: 'expired' })
    expect(roomSight({ ...OPEN, ...expired })).toMatchObject({ title: 'Your turn has passed', enabled: true })
    expect(roomSight({ ...OPEN, ...expired, phase: 'ended' })).toMatchObject({ title: 'The sale is over', button: '' })
    expect(roomSight({ ...OPEN, room: { step: 'used' } })).toMatchObject({
      title: 'You have had your turn',
      enabled: true,
    })
  })
})

describe('a wait in words', () => {
  it('is rounded up', () => {
    expect([0, 1, 41, 60, 61, 3700].map(waitText)).toEqual([
      'It is nearly your turn.',
      'About 10 seconds to go.',
      'About 50 seconds to go.',
      'About 1 minute to go.',
      'About 2 minutes to go.',
      'About 1 hour 2 minutes to go.',
    ])
  })
})
