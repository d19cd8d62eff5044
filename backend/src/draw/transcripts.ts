// How many transcripts are sent at once: each is up to 50 MB, and anybody may ask.
//
// Guarantees: never more than AT_ONCE_MAX; one address has not more than half of them; whoever reads slowly on purpose keeps
// others out for PATIENCE_MS at most.
import { addressPrefixes } from '../../../edge/src/domain/address-prefix'
import { Refusal, spreadRetryMs } from '../http/refusal'

export const AT_ONCE_MAX = 4
export const OF_ADDRESS_MAX = 2
export const PATIENCE_MS = 60_000
const RETRY_MS = 5000

interface Cut {
  destroy(): unknown
}

interface Sending {
  address: string
  began_ms: number
}

export class Transcripts {
  /** by when they began, the oldest first */
  private readonly in_progress = new Map<Cut, Sending>()
  private readonly addressKey = addressPrefixes(32, 64)

  constructor(private readonly nowMs: () => number = () => performance.now()) {}

  /** Refuses as busy, before anything of `response` is sent; cuts off the oldest in the way if that has had its time. */
  async send(response: Cut, client: string, work: () => Promise<void>): Promise<void> {
    const address = this.addressKey(client)
    const own = [...this.in_progress].filter(([, sending]) => sending.address === address)
    if (own.length >= OF_ADDRESS_MAX)
      this.makeRoom(own[0], `${OF_ADDRESS_MAX} transcripts are being sent to your address`)
    const [oldest] = this.in_progress
    if (this.in_progress.size >= AT_ONCE_MAX) this.makeRoom(oldest, `${AT_ONCE_MAX} transcripts are being sent here`)
    this.in_progress.set(response, { address, began_ms: this.nowMs() })
    try {
      await work()
    } finally {
      this.in_progress.delete(response)
    }
  }

  private makeRoom(oldest: [Cut, Sending] | undefined, full: string): void {
    if (oldest === undefined) return
    const [slow, { began_ms }] = oldest
    if (this.nowMs() - began_ms < PATIENCE_MS) {
      const detail = `${full} already, which is the most; a transcript never changes`
      throw new Refusal('busy', detail, { retry_after_ms: spreadRetryMs(RETRY_MS) })
    }
    this.in_progress.delete(slow)
    slow.destroy()
  }
}
