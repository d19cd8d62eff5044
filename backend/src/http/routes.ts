// A table of routes: each path with the methods it has. Every other method is a 405 that names them.
import type { Request, RequestHandler, Response, Router } from 'express'
import { Refusal } from './refusal'

export type Handler = (request: Request, response: Response) => Promise<void> | void
export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
type Handlers = Partial<Record<Method, Handler>>

/** Guards run before the handlers of known methods; the first one that throws refuses the request. */
export function addRoute(router: Router, path: string, handlers: Handlers, ...guards: Handler[]): void {
  const methods = Object.keys(handlers) as Method[]
  const allow = methods.flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()])).join(', ')
  for (const method of methods) {
    const handler = handlers[method] as Handler
    router[method](path, async (request, response) => {
      for (const guard of guards) await guard(request, response)
      await handler(request, response)
    })
  }
  const refuse: RequestHandler = (request) => {
    throw new Refusal('method_not_allowed', `${request.method} is not for this path; it has ${allow}`, { allow })
  }
  router.all(path, refuse)
}

/** A parameter of the path; the route's pattern has made sure that it is there. */
export function param(request: Request, name: string): string {
  const value = request.params[name]
  return typeof value === 'string' ? value : ''
}

/** A query parameter given once, or undefined. */
export function query(request: Request, name: string): string | undefined {
  const value = request.query[name]
  if (value === undefined || typeof value === 'string') return value
  throw new Refusal('bad_request', `${name}: must be given once, as text`)
}

export function integerQuery(request: Request, name: string, min: number, max: number, absent: number): number {
  const text = query(request, name)
  if (text === undefined) return absent
  if (!/^-?\d{1,15}$/.test(text) || Number(text) < min || Number(text) > max) {
    throw new Refusal(
      'bad_request',
      `${name}: must be a whole number from ${min} to ${max}, got "${text.substring(0, 40)}"`,
    )
  }
  return Number(text)
}
