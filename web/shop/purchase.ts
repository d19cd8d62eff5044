// One attempt to reserve, from the click to an answer that is certain: a state machine without clock, network or page.
//
// The promise: a click buys at most once. The Idempotency-Key is chosen before the first request and kept
// (see `attemptToKeep`) until the outcome is certain; whatever is unknown is asked again with the same key.
import type { RefusalCode } from '../../contract/codes'
import { backoff } from './schedule'

/** One click in this time counts. */
export const CLICK_INTERVAL_MS = 3000
/** Requests sent for one click before the shopper is asked to decide. */
export const TRIES_MAX = 6
/** A wait asked for by the server is never shorter than this, so that it can be read. */
const WAIT_MIN_MS = 1000

export interface Refusal {
  code: RefusalCode
  detail: string
  /** sealed reference for the shop's support; '' when there is none */
  receipt: string
  retry_after_ms: number | undefined
}

export type Answer<Value> =
  | { kind: 'ok'; value: Value }
  | { kind: 'refused'; refusal: Refusal }
  /** no answer, or one that is none of ours: what became of the request is unknown */
  | { kind: 'lost' }

export interface Attempt {
  key: string
  quantity: number
  /** device's wall clock, to judge its age after a reload */
  made_ms: number
  tries: number
  /** an earlier request may have reserved: the next one says X-Rush-Retry */
  unknown: boolean
}

export type Purchase =
  | { step: 'idle'; again_ms: number }
  | { step: 'sending'; attempt: Attempt; sent_ms: number }
  /** will ask again by itself */
  | { step: 'waiting'; attempt: Attempt; until_ms: number; refusal: Refusal | undefined }
  /** certain: nothing was reserved */
  | { step: 'refused'; refusal: Refusal; again_ms: number }
  /** not certain: the next click asks again with the same key */
  | { step: 'unknown'; attempt: Attempt; refusal: Refusal | undefined; again_ms: number }

export const IDLE: Purchase = { step: 'idle', again_ms: 0 }

/** Passing troubles: asked again without another click. */
const PASSING: readonly RefusalCode[] = ['not_open', 'rate_limited', 'busy', 'unavailable', 'rebuilding', 'internal']
/** Said by somebody who cannot know whether this very request has reserved. */
const UNCERTAIN: readonly RefusalCode[] = ['unavailable', 'internal']
/** Said after the gate looked for an earlier reservation under the same key: certain for every earlier request too. */
const CERTAIN: readonly RefusalCode[] = [
  'not_open',
  'sold_out',
  'all_held',
  'not_enough_left',
  'limit_reached',
  'key_reused',
  'paused',
  'ended',
  'not_found',
]

function send(attempt: Attempt, now_ms: number): Purchase {
  return { step: 'sending', attempt: { ...attempt, tries: attempt.tries + 1 }, sent_ms: now_ms }
}

/** Whether a click would do anything now. */
export function canPress(purchase: Purchase, now_ms: number): boolean {
  return purchase.step !== 'sending' && purchase.step !== 'waiting' && now_ms >= purchase.again_ms
}

/** A click. `fresh` is the attempt to make unless an earlier one is still unknown. Returns the same object when it does not count. */
export function press(purchase: Purchase, fresh: Attempt, now_ms: number): Purchase {
  if (!canPress(purchase, now_ms)) return purchase
  if (purchase.step === 'unknown') return send({ ...purchase.attempt, tries: 0 }, now_ms)
  return send(fresh, now_ms)
}

/** An attempt found after a reload: the page that sent it may have died before the answer. */
export function resume(attempt: Attempt, now_ms: number): Purchase {
  return {
    step: 'waiting',
    attempt: { ...attempt, tries: 0, unknown: true },
    until_ms: now_ms,
    refusal: undefined,
  }
}

/** Time has passed. */
export function wake(purchase: Purchase, now_ms: number): Purchase {
  return purchase.step === 'waiting' && now_ms >= purchase.until_ms ? send(purchase.attempt, now_ms) : purchase
}

function waitOrStop(attempt: Attempt, refusal: Refusal | undefined, again_ms: number, until_ms: number): Purchase {
  if (attempt.tries < TRIES_MAX) return { step: 'waiting', attempt, until_ms, refusal }
  if (attempt.unknown || refusal === undefined) return { step: 'unknown', attempt, refusal, again_ms }
  return { step: 'refused', refusal, again_ms }
}

/** The answer to the request that `sending` stands for. */
export function answered(purchase: Purchase, answer: Answer<unknown>, now_ms: number, random: number): Purchase {
  if (purchase.step !== 'sending') return purchase
  const again_ms = Math.max(now_ms, purchase.sent_ms + CLICK_INTERVAL_MS)
  if (answer.kind === 'ok') return { step: 'idle', again_ms }

  const retry_ms = backoff(purchase.attempt.tries, random)
  if (answer.kind === 'lost') {
    return waitOrStop({ ...purchase.attempt, unknown: true }, undefined, again_ms, now_ms + retry_ms)
  }
  const { refusal } = answer
  if (PASSING.includes(refusal.code)) {
    const unknown = purchase.attempt.unknown || UNCERTAIN.includes(refusal.code)
    const until_ms = now_ms + Math.max(WAIT_MIN_MS, refusal.retry_after_ms ?? retry_ms)
    return waitOrStop({ ...purchase.attempt, unknown }, refusal, Math.max(again_ms, until_ms), until_ms)
  }
  if (purchase.attempt.unknown && !CERTAIN.includes(refusal.code)) {
    return { step: 'unknown', attempt: purchase.attempt, refusal, again_ms }
  }
  return { step: 'refused', refusal, again_ms: Math.max(again_ms, now_ms + (refusal.retry_after_ms ?? 0)) }
}

/** What must be in storage while in this state, so that a reload can ask again: undefined when there is nothing to ask. */
export function attemptToKeep(purchase: Purchase): Attempt | undefined {
  if (purchase.step === 'sending' || purchase.step === 'unknown') return purchase.attempt
  return purchase.step === 'waiting' && purchase.attempt.unknown ? purchase.attempt : undefined
}
