// Calls to a payment provider, each with an end, behind a breaker: a provider that hangs holds nobody up for long.
import type { IncomingHttpHeaders } from 'node:http'
import type { Breaker } from '../breaker'
import type { PaymentEvent, Refund } from '../ledger/port'
import type { OpenedSession, PaymentProvider, PaymentRequest } from './provider'

const PROVIDER_TIMEOUT_MS = 5000

class ProviderTimeout extends Error {
  override readonly cause = Object.assign(new Error('payment provider'), { code: 'ETIMEDOUT' })
}

export class GuardedProvider implements PaymentProvider {
  readonly name: string

  constructor(
    private readonly provider: PaymentProvider,
    private readonly breaker: Breaker,
    private readonly timeout_ms = PROVIDER_TIMEOUT_MS,
  ) {
    this.name = provider.name
  }

  open(request: PaymentRequest): Promise<OpenedSession> {
    return this.guard('open', () => this.provider.open(request))
  }

  close(session: string): ReturnType<PaymentProvider['close']> {
    return this.guard('close', () => this.provider.close(session))
  }

  refund(refund: Refund): Promise<void> {
    return this.guard('refund', () => this.provider.refund(refund))
  }

  /** asks nobody */
  verify(headers: IncomingHttpHeaders, body: Buffer, now_ms: number): PaymentEvent {
    return this.provider.verify(headers, body, now_ms)
  }

  private guard<T>(what: string, call: () => Promise<T>): Promise<T> {
    return this.breaker.run(() => {
      let timer: NodeJS.Timeout
      const late = new Promise<never>((_, reject) => {
        const error = new ProviderTimeout(`payment provider: no answer to ${what} within ${this.timeout_ms} ms`)
        timer = setTimeout(() => reject(error), this.timeout_ms)
      })
      return Promise.race([call(), late]).finally(() => clearTimeout(timer))
    })
  }
}
