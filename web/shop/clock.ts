// The server's clock, as seen from a page whose own clock may be wrong.
//
// A sample is one answer that carried the server's time; half the round trip is the best guess of how
// old it was, and the other half bounds the error. The tightest sample wins, but an old one loses its
// standing as quartz drifts, and one that contradicts the newest (a device that slept) is dropped.

export interface ServerClock {
  /** server's time − device's monotonic time */
  offset_ms: number
  /** the offset is right to within this */
  error_ms: number
  /** monotonic time of the sample */
  taken_ms: number
}

/** Drift of an ordinary quartz, generously: 100 parts in a million. */
const DRIFT = 1e-4

/** `sent_ms` and `received_ms` are monotonic; `server_ms` is since 1970. */
export function sampleClock(sent_ms: number, received_ms: number, server_ms: number): ServerClock {
  return {
    offset_ms: server_ms - (sent_ms + received_ms) / 2,
    error_ms: (received_ms - sent_ms) / 2,
    taken_ms: received_ms,
  }
}

export function betterClock(current: ServerClock | undefined, next: ServerClock): ServerClock {
  if (current === undefined) return next
  const aged_error_ms = current.error_ms + (next.taken_ms - current.taken_ms) * DRIFT
  const contradicts = Math.abs(next.offset_ms - current.offset_ms) > aged_error_ms + next.error_ms
  return contradicts || next.error_ms <= aged_error_ms ? next : current
}

export function serverNow(clock: ServerClock, monotonic_ms: number): number {
  return monotonic_ms + clock.offset_ms
}
