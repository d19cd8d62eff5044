// Who asked, as the gate says.
import type { Request } from 'express'

/** '' when the connection has gone already. */
export function clientAddress(request: Request): string {
  // the gate sets it; whoever reaches the backend otherwise is on the operator's side
  const forwarded = request.headers['x-forwarded-for']
  const addresses = (Array.isArray(forwarded) ? forwarded.join() : (forwarded ?? '')).split(',')
  return addresses.at(-1)?.trim() || (request.socket.remoteAddress ?? '')
}
