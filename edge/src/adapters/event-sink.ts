// Where a worker's events go: Kafka (kafka.ts) or a stream on Redis (event-stream.ts).
import type * as ffi from 'ffi'
import type { Drop } from './event-counts'

export interface EventSink {
  /** Takes a copy of so many bytes; or says why not. */
  put: (this: void, text: ffi.CData, bytes: number) => Drop | undefined
  /** Moves on what waits and counts what became of it; often, from a timer's light thread. */
  tend: (this: void) => void
  /** Gives up what is still queued and counts it, in the worker's last moment; waits `wait_ms` at most before. Blocks. */
  close: (this: void, wait_ms: number) => void
}
