// A refusal: a value with a code (contract/codes.ts), thrown by handlers and turned into an RFC 9457 problem document.
import type { Request, Response } from 'express'
import { REFUSALS, type RefusalCode } from '../../../contract/codes'

export interface RefusalOptions {
  retry_after_ms?: number
  /** for 405 */
  allow?: string
  /** further members of the problem document */
  extra?: Record<string, unknown>
}

export class Refusal extends Error {
  constructor(
    readonly code: RefusalCode,
    readonly detail: string,
    readonly options: RefusalOptions = {},
  ) {
    super(`${code}: ${detail}`)
  }

  get status(): number {
    return REFUSALS[this.code].status
  }
}

/** Spread, so that everybody who was told to come back does not come back at the same moment. */
export function spreadRetryMs(around_ms: number): number {
  return Math.round(around_ms * (0.5 + Math.random()))
}

export function problemDocument(refusal: Refusal): Record<string, unknown> {
  const { status, title } = REFUSALS[refusal.code]
  return {
    type: `/problems/${refusal.code}`,
    title,
    status,
    code: refusal.code,
    detail: refusal.detail,
    ...(refusal.options.retry_after_ms === undefined ? {} : { retry_after_ms: refusal.options.retry_after_ms }),
    ...refusal.options.extra,
  }
}

export type ReceiptMaker = (request: Request, code: RefusalCode) => string

/** The server's own, in `app.locals`: error handlers are handed nothing else. */
export const RECEIPT_MAKER = 'receiptMaker'

export function sendRefusal(response: Response, refusal: Refusal): void {
  const makeReceipt = response.app.locals[RECEIPT_MAKER] as ReceiptMaker
  response.status(refusal.status)
  if (refusal.options.allow !== undefined) response.set('allow', refusal.options.allow)
  if (refusal.options.retry_after_ms !== undefined) {
    response.set('retry-after', String(Math.max(1, Math.ceil(refusal.options.retry_after_ms / 1000))))
  }
  if (refusal.status === 401) response.set('www-authenticate', 'Bearer')
  // the rest of a body that is too large is not waited for
  if (refusal.code === 'too_large') response.set('connection', 'close')
  response
    .set('cache-control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify({ ...problemDocument(refusal), receipt: makeReceipt(response.req, refusal.code) }))
}
