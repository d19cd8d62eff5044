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
