// Long polls by version: a gate says what it knows, and is answered as soon as there is more, or after a while.
import type { Request, Response } from 'express'
import { integerQuery } from './http/routes'

const WAIT_MAX_MS = 30_000
const WAIT_DEFAULT_MS = 20_000
const WAITERS_MAX = 1000

export interface Poll {
  /** the version that the gate has; −1: none */
  after: number
  wait_ms: number
  /** the gate has hung up */
  gone: AbortSignal
}

export function readPoll(request: Request, response: Response): Poll {
  const after = integerQuery(request, 'after', -1, Number.MAX_SAFE_INTEGER, -1)
  const wait_ms = integerQuery(request, 'wait_ms', 0, WAIT_MAX_MS, WAIT_DEFAULT_MS)
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  return { after, wait_ms, gone: gone.signal }
}

interface Waiter {
  after: number
  resolve: () => void
}

export class Waiters {
  private readonly waiters = new Set<Waiter>()
  private has_stopped = false

  /** Resolves when `announce` is called with a version above `after`, and no later than `wait_ms`; at once when too many wait. */
  async wait({ after, wait_ms, gone }: Poll): Promise<void> {
    if (this.has_stopped || this.waiters.size >= WAITERS_MAX || wait_ms <= 0) return
    await new Promise<void>((done) => {
      const resolve = () => {
        clearTimeout(timer)
        gone.removeEventListener('abort', resolve)
        this.waiters.delete(waiter)
        done()
      }
      const waiter: Waiter = { after, resolve }
      const timer = setTimeout(resolve, wait_ms)
      gone.addEventListener('abort', resolve)
      this.waiters.add(waiter)
    })
  }

  announce(version: number): void {
    for (const waiter of [...this.waiters]) if (version > waiter.after) waiter.resolve()
  }

  /** Everybody is answered with what there is, also who asks once more before the connection is closed. */
  stop(): void {
    this.has_stopped = true
    for (const waiter of [...this.waiters]) waiter.resolve()
  }
}
