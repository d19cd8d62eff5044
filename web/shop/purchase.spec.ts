import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { REFUSALS, type RefusalCode } from '../../contract/codes'
import {
  type Answer,
  type Attempt,
  answered,
  attemptToKeep,
  CLICK_INTERVAL_MS,
  canPress,
  IDLE,
  type Purchase,
  press,
  resume,
  TRIES_MAX,
  wake,
} from './purchase'

const OK: Answer<unknown> = { kind: 'ok', value: undefined }
const LOST: Answer<unknown> = { kind: 'lost' }

function refused(code: RefusalCode, retry_after_ms?: number): Answer<unknown> {
  return { kind: 'refused', refusal: { code, detail: '', receipt: '', retry_after_ms } }
}

function attempt(key: string): Attempt {
  return { key, quantity: 1, made_ms: 0, tries: 0, unknown: false }
}

function pressed(key = 'a', now_ms = 0): Purchase {
  return press(IDLE, attempt(key), now_ms)
}

describe('a purchase', () => {
  it('counts one click, not two', () => {
    const first = pressed('a')
    expect(press(first, attempt('b'), 1)).toBe(first)
    const done = answered(first, OK, 50, 0)
    expect(press(done, attempt('b'), 60)).toBe(done)
    expect(canPress(done, CLICK_INTERVAL_MS - 1)).toBe(false)
    expect(press(done, attempt('b'), CLICK_INTERVAL_MS).step).toBe('sending')
  })

  it('keeps its key from before the request until the outcome is certain', () => {
    const sending = pressed('a')
    expect(attemptToKeep(sending)?.key).toBe('a')
    expect(attemptToKeep(answered(sending, OK, 50, 0))).toBeUndefined()
    expect(attemptToKeep(answered(sending, refused('sold_out'), 50, 0))).toBeUndefined()
    const waiting = answered(sending, LOST, 50, 0)
    expect(attemptToKeep(waiting)).toMatchObject({ key: 'a', unknown: true })
  })

  it('asks again after a lost answer with the same key, and says that it is a retry', () => {
    const waiting = answered(pressed('a'), LOST, 100, 0)
    expect(waiting).toMatchObject({ step: 'waiting' })
    const again = wake(waiting, 10_000)
    expect(again).toMatchObject({ step: 'sending', attempt: { key: 'a', unknown: true, tries: 2 } })
  })

  it('waits as long as the server asks', () => {
    const waiting = answered(pressed(), refused('busy', 7000), 100, 0)
    expect(waiting).toMatchObject({ step: 'waiting', until_ms: 7100, attempt: { unknown: false } })
    expect(wake(waiting, 7099)).toBe(waiting)
    expect(wake(waiting, 7100).step).toBe('sending')
  })

  it('gives up by itself after some tries: with the same key where the outcome is unknown', () => {
    const exhaust = (answer: Answer<unknown>) => {
      let purchase = pressed('a')
      for (let i = 0; i < TRIES_MAX; i++) purchase = wake(answered(purchase, answer, i * 100_000, 0), (i + 1) * 100_000)
      return purchase
    }
    expect(exhaust(refused('busy'))).toMatchObject({ step: 'refused' })
    const unknown = exhaust(LOST)
    expect(unknown).toMatchObject({ step: 'unknown' })
    expect(press(unknown, attempt('b'), 10_000_000)).toMatchObject({ step: 'sending', attempt: { key: 'a' } })
  })

  it('does not take “sign in again” for an answer about an earlier, unknown request', () => {
    const retry = wake(answered(pressed('a'), LOST, 100, 0), 10_000)
    expect(answered(retry, refused('no_session'), 10_100, 0)).toMatchObject({ step: 'unknown', attempt: { key: 'a' } })
    expect(answered(retry, refused('sold_out'), 10_100, 0)).toMatchObject({ step: 'refused' })
    expect(answered(pressed('a'), refused('no_session'), 100, 0)).toMatchObject({ step: 'refused' })
  })

  it('takes up what a closed page has left, as a retry', () => {
    const sending = wake(resume({ ...attempt('a'), tries: 3 }, 5), 5)
    expect(sending).toMatchObject({ step: 'sending', attempt: { key: 'a', unknown: true, tries: 1 } })
  })
})

// A shop that may lose requests and answers, and a shopper who reloads: random histories.
describe('any history', () => {
  type Event =
    | { do: 'press' }
    | { do: 'reload' }
    | { do: 'pass'; ms: number }
    | { do: 'answer'; how: 'arrives' | 'request lost' | 'answer lost' }
    | { do: 'refuse'; code: RefusalCode }

  const codes = Object.keys(REFUSALS) as RefusalCode[]
  const event: fc.Arbitrary<Event> = fc.oneof(
    fc.record({ do: fc.constant('press' as const) }),
    fc.record({ do: fc.constant('reload' as const) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
    fc.record({
      do: fc.constant('answer' as const),
      how: fc.constantFrom('arrives' as const, 'request lost' as const, 'answer lost' as const),
    }),
    fc.record({ do: fc.constant('refuse' as const), code: fc.constantFrom(...codes) }),
  )

  it('reserves at most once until the shopper has seen the outcome', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const reserved = new Set<string>()
        let seen = 0
        let stored: Attempt | undefined
        let purchase: Purchase = IDLE
        let now_ms = 0
        let keys = 0
        const go = (next: Purchase) => {
          purchase = next
          stored = attemptToKeep(next)
        }
        for (const one of events) {
          if (one.do === 'press') {
            keys += 1
            go(press(purchase, attempt(`k${keys}`), now_ms))
          } else if (one.do === 'reload') go(stored === undefined ? IDLE : resume(stored, now_ms))
          else if (one.do === 'pass') {
            now_ms += one.ms
            go(wake(purchase, now_ms))
          } else if (purchase.step === 'sending') {
            if (one.do === 'refuse') {
              // the gate looks for the key before it says any of these; where it cannot, it may have reserved already
              const found = reserved.has(purchase.attempt.key)
              const blind = ['unavailable', 'internal'].includes(one.code)
              if (blind) reserved.add(purchase.attempt.key)
              const replay =
                found &&
                [
                  'sold_out',
                  'all_held',
                  'not_enough_left',
                  'limit_reached',
                  'not_open',
                  'paused',
                  'ended',
                  'key_reused',
                  'not_found',
                ].includes(one.code)
              if (replay) seen += 1
              go(answered(purchase, replay ? OK : refused(one.code), now_ms, 0.5))
            } else {
              if (one.how !== 'request lost') reserved.add(purchase.attempt.key)
              if (one.how === 'arrives') seen += 1
              go(answered(purchase, one.how === 'arrives' ? OK : LOST, now_ms, 0.5))
            }
          }
          // what is reserved and not yet seen is at most the one attempt whose key is kept
          expect(reserved.size - seen).toBeLessThanOrEqual(1)
          if (reserved.size > seen) expect(stored === undefined ? '' : reserved.has(stored.key)).toBe(true)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
