// A payment provider, as a port: the sandbox here, a real one beside it later.
import type { IncomingHttpHeaders } from 'node:http'
import type { PaymentEvent, Refund } from '../ledger/port'

export interface PaymentRequest {
  /** the same key always gets the same session */
  key: string
  amount_minor: number
  currency: string
  /** what the shopper sees on the provider's page */
  reference: string
  /** where the provider sends the shopper afterwards */
  return_url: string
}

export interface OpenedSession {
  session: string
  redirect: string
}

export interface PaymentProvider {
  readonly name: string
  open(request: PaymentRequest): Promise<OpenedSession>
  /** After `closed` nothing can be paid any more, though a success already under way may still be reported. */
  close(session: string): Promise<{ outcome: 'closed' } | { outcome: 'paid'; event: PaymentEvent }>
  /** Idempotent by the refund's id. */
  refund(refund: Refund): Promise<void>
  /** Reads a webhook: refuses a wrong signature, an old time, and whatever it cannot read. */
  verify(headers: IncomingHttpHeaders, body: Buffer, now_ms: number): PaymentEvent
}

export const PROVIDER_TIMEOUT_MS = 5000

export class ProviderTimeout extends Error {
  override readonly cause = Object.assign(new Error('payment provider'), { code: 'ETIMEDOUT' })
}

/** Every call to a provider has an end. */
export function withinTime<T>(call: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout
  const late = new Promise<never>((_, reject) => {
    const error = new ProviderTimeout(`payment provider: no answer to ${what} within ${PROVIDER_TIMEOUT_MS} ms`)
    timer = setTimeout(() => reject(error), PROVIDER_TIMEOUT_MS)
  })
  return Promise.race([call, late]).finally(() => clearTimeout(timer))
}
