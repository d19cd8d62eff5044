// Holds the events that were found against what the gates counted: what was recorded must be found, or counted as dropped.
import type { HotItemEvent } from '../contract/hot-item-event'

/** What is certainly not there, by reason, and what nobody knows: sent without an answer, or queued in a worker that was killed. */
export const UNCERTAIN = ['unanswered', 'worker_killed']

export interface GateCounts {
  recorded: number
  delivered: number
  queued: number
  pushed_out: number
  /** by reason */
  dropped: Record<string, number>
}

/** Sums of a gate's metrics. */
export function readGateCounts(metrics: string): GateCounts {
  const counts: GateCounts = { recorded: 0, delivered: 0, queued: 0, pushed_out: 0, dropped: {} }
  for (const line of metrics.split('\n')) {
    const match = /^rushgate_events_(\w+?)(?:_total)?(?:\{reason="(\w+)"\})? (-?[\d.e+]+)$/.exec(line)
    if (match === null) continue
    const [, name = '', reason, value] = match
    if (name === 'dropped' && reason !== undefined) counts.dropped[reason] = Number(value)
    else if (name in counts) (counts as unknown as Record<string, number>)[name] = Number(value)
  }
  return counts
}

export class FoundEvents {
  /** by worker, the numbers found */
  private readonly numbers = new Map<string, Set<number>>()
  /** the same event found again */
  doubled = 0
  /** events that are none */
  unreadable = 0

  add(event: HotItemEvent): void {
    const known = this.numbers.get(event.worker) ?? new Set()
    this.numbers.set(event.worker, known)
    if (known.has(event.seq)) this.doubled += 1
    known.add(event.seq)
  }

  get count(): number {
    let count = 0
    for (const known of this.numbers.values()) count += known.size
    return count
  }

  get workers(): number {
    return this.numbers.size
  }

  /** Numbers that are missing below the highest that was found, over all workers: what is visible in the events alone. */
  get gaps(): number {
    let gaps = 0
    for (const known of this.numbers.values()) {
      let highest = 0
      for (const number of known) highest = Math.max(highest, number)
      gaps += highest - known.size
    }
    return gaps
  }
}

export interface Reconciliation {
  recorded: number
  found: number
  doubled: number
  missing: number
  /** counted as dropped for sure, and by what nobody can know */
  dropped: number
  uncertain: number
  /** what does not hold; empty: found + dropped = recorded */
  wrong: string[]
}

/** `pushed_out` events were delivered and are not to be found any more. */
export function reconcile(counts: GateCounts, found: FoundEvents): Reconciliation {
  let dropped = counts.pushed_out
  let uncertain = 0
  for (const [reason, count] of Object.entries(counts.dropped)) {
    if (UNCERTAIN.includes(reason)) uncertain += count
    else dropped += count
  }
  const missing = counts.recorded - found.count
  const wrong: string[] = []
  const sum = counts.delivered + counts.queued + dropped - counts.pushed_out + uncertain
  if (sum !== counts.recorded) wrong.push(`delivered, dropped and queued are ${sum}, recorded ${counts.recorded}`)
  if (counts.queued !== 0) wrong.push(`${counts.queued} events are still queued`)
  if (missing < dropped) wrong.push(`${missing} events are missing, but ${dropped} were counted as dropped`)
  if (missing > dropped + uncertain)
    wrong.push(`${missing} events are missing, but only ${dropped + uncertain} were counted as dropped`)
  if (found.gaps > missing) wrong.push(`${found.gaps} numbers are missing, of ${missing} events`)
  if (found.unreadable > 0) wrong.push(`${found.unreadable} messages are no events`)
  return { recorded: counts.recorded, found: found.count, doubled: found.doubled, missing, dropped, uncertain, wrong }
}
