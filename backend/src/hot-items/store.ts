// What is kept of the events of items, and what an operator asks of it. Two stores answer alike: Elasticsearch, and PostgreSQL
// (or PGlite) where there is none.
//
// An event is kept under the id that its gate gave it and under the day of its own time: delivered again, it is there already.
import type { HotItemEvent } from '../../../contract/hot-item-event'

export interface KeptEvent {
  /** eventId(): the same however often it is delivered */
  id: string
  /** of its own time, YYYY.MM.DD in UTC */
  day: string
  /** its own time in ms since 1970 */
  at_ms: number
  event: HotItemEvent
}

interface Rejected {
  kept: KeptEvent
  reason: string
}

export interface WriteOutcome {
  indexed: number
  /** were there already */
  duplicates: number
  /** never to be taken: for the dead letters */
  rejected: Rejected[]
  /** not taken now, and to be given again */
  again: KeptEvent[]
}

/** Only events with all of these are counted; `from_ms` itself is inside, `to_ms` is not. */
export interface Filter {
  from_ms: number
  to_ms: number
  item?: string | undefined
  /** an address, or a network as 10.0.0.0/8 */
  ip?: string | undefined
  agent?: string | undefined
  status?: number | undefined
  node?: string | undefined
  token?: string | undefined
}

/** What counts may be broken down by. */
export type Dimension = 'item' | 'ip' | 'agent' | 'status' | 'node' | 'token'

export interface Group {
  value: string
  requests: number
}

export interface Groups {
  /** all that pass the filter */
  total: number
  /** most first; equal ones by value */
  groups: Group[]
  /** how much a count may be too low: 0 where it is exact */
  error_max: number
}

export interface Bucket {
  at_ms: number
  requests: number
}

export interface MinuteOfItems extends Bucket {
  items: Group[]
}

/** The events of one life of one gate's worker: their numbers run without a gap when none is missing. */
export interface Sequence {
  node: string
  worker: string
  first: number
  last: number
  found: number
}

export interface HotItemStore {
  readonly kind: 'elasticsearch' | 'postgres' | 'pglite'
  /** Template or tables; may be repeated at any time. */
  prepare(): Promise<void>
  write(events: KeptEvent[]): Promise<WriteOutcome>
  /** Deletes days before this one (YYYY.MM.DD); answers which. */
  deleteBefore(day: string): Promise<string[]>
  groups(filter: Filter, by: Dimension, limit: number): Promise<Groups>
  /** The top items of each minute that has events. */
  minutes(filter: Filter, limit: number): Promise<MinuteOfItems[]>
  /** Buckets without events are left out. */
  timeline(filter: Filter, step_ms: number): Promise<Bucket[]>
  count(filter: Filter): Promise<number>
  sequences(filter: Filter, limit: number): Promise<Sequence[]>
  /** The newest first. */
  latest(filter: Filter, limit: number): Promise<KeptEvent[]>
  close(): Promise<void>
}

/** Passes by itself: the same may be asked again. */
export class StoreAway extends Error {
  readonly code = 'BREAKER_OPEN'
}

export function dayOf(at_ms: number): string {
  return new Date(at_ms).toISOString().substring(0, 10).replaceAll('-', '.')
}
