// One place where whatever a handler throws becomes an answer. A 500 is a bug and is logged as one.
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import { LedgerError } from '../ledger/port'
import type { Logger } from '../log'
import { isAway } from '../redis/client'
import { Refusal, type RefusalOptions, sendRefusal, spreadRetryMs } from './refusal'

const RETRY_WHEN_AWAY_MS = 1000

export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof LedgerError) {
    if (error.code === 'not_found') return new Refusal('not_found', error.message)
    if (error.code === 'bad_request') return new Refusal('bad_request', error.message)
    return new Refusal('conflict', error.message)
  }
  if (isAway(error)) {
    const options: RefusalOptions = { retry_after_ms: spreadRetryMs(RETRY_WHEN_AWAY_MS) }
    return new Refusal('unavailable', 'a part that this needs is away; try again soon', options)
  }
  // what Express and Node throw about requests they cannot read carries its status
  const { status } = (error ?? {}) as { status?: unknown }
  if (status === 413) return new Refusal('too_large', 'the request is too large')
  if (status === 415) return new Refusal('unsupported_media_type', 'the body cannot be read')
  if (error instanceof URIError || (typeof status === 'number' && status >= 400 && status < 500)) {
    return new Refusal('bad_request', 'the path is not valid percent-encoded UTF-8')
  }
  return new Refusal('internal', 'something went wrong here; it has been logged')
}

export function errorHandler(log: Logger): ErrorRequestHandler {
  return (error: unknown, request: Request, response: Response, next) => {
    const refusal = toRefusal(error)
    // the client has left while its body was read: there is nobody to answer
    if (request.destroyed && !request.complete) return
    if (refusal.code === 'internal') log.error({ err: error, method: request.method, path: request.path }, 'a bug')
    if (response.headersSent) {
      next(error)
      return
    }
    sendRefusal(response, refusal)
  }
}

export const notFound: RequestHandler = (request, response) => {
  sendRefusal(response, new Refusal('not_found', `there is nothing at ${request.path.substring(0, 100)}`))
}
