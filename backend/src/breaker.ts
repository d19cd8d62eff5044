// A circuit breaker before something that this process depends on: what has failed time after time is not asked for a while,
// and whoever wants it is told so at once instead of waiting for one more time-out.
//
// cockatiel, because it is small, typed, without dependencies, and lets a failure be told from an answer. Redis needs none of
// it: its one connection is closed when it hangs (redis/client.ts), and nothing is sent until there is another.
import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  isBrokenCircuitError,
} from 'cockatiel'

const FAILURES_MAX = 3
const OPEN_MS_MIN = 250
const OPEN_MS_MAX = 2000

/** Refused without having been asked. */
export class BreakerOpen extends Error {
  readonly code = 'BREAKER_OPEN'
}

interface BreakerOptions {
  /** as it stands in logs, metrics and refusals */
  name: string
  /** Is this the fault of what is called? An answer that says no is none. */
  isFailure: (error: unknown) => boolean
  onChange?: (is_open: boolean, name: string) => void
}

export class Breaker {
  private readonly policy: CircuitBreakerPolicy
  private was_open = false

  constructor(private readonly options: BreakerOptions) {
    this.policy = circuitBreaker(handleWhen(options.isFailure), {
      breaker: new ConsecutiveBreaker(FAILURES_MAX),
      halfOpenAfter: new ExponentialBackoff({ initialDelay: OPEN_MS_MIN, maxDelay: OPEN_MS_MAX }),
    })
    this.policy.onStateChange(() => {
      // a trial changes nothing for those who are not it
      if (this.policy.state === CircuitState.HalfOpen || this.is_open === this.was_open) return
      this.was_open = this.is_open
      options.onChange?.(this.is_open, options.name)
    })
  }

  get is_open(): boolean {
    return this.policy.state !== CircuitState.Closed
  }

  async run<T>(call: () => Promise<T>): Promise<T> {
    // the library would have others wait for the trial's end
    if (this.policy.state === CircuitState.HalfOpen) throw this.refusal()
    try {
      return await this.policy.execute(call)
    } catch (error) {
      throw isBrokenCircuitError(error) ? this.refusal() : error
    }
  }

  private refusal(): BreakerOpen {
    return new BreakerOpen(`${this.options.name} has failed again and again and is not asked for a moment`)
  }
}
