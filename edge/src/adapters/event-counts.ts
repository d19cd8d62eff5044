// What a worker has counted of its events, in memory that outlives it: recorded = delivered + dropped + queued, at every moment.
//
// Guarantee: a worker that is killed takes none of its counts along; the one that takes its place pours them into the metrics and
// counts what was still queued as dropped, by worker_killed. Counting is a store to memory, without a lock.
//
// The memory is mapped in init, in nginx' master, which every worker of that generation inherits: a row for each worker. A reload
// maps another; one that is killed while it drains after a reload has no successor, and its last second is in no metric.
import * as ffi from 'ffi'
import { EVENT_WORKER_LENGTH } from '../../../contract/hot-item-event'
import { hexadecimal, placeIn, randomBytes } from './crypto'

const DROPS = [
  /** events.queue_max or events.queue_kib_max is reached */
  'queue_full',
  /** events.keep_ms_max is over */
  'timed_out',
  /** the broker says no, or the Redis: a topic that is not there, no right to write */
  'refused',
  /** given up after it was sent, without an answer: it may have arrived */
  'unanswered',
  /** the worker ended, and waited no longer */
  'exit',
  'worker_killed',
] as const
export type Drop = (typeof DROPS)[number]

/** delivered to the Redis stream, and pushed out of it by newer ones before anybody took it: beside the sum above */
const PUSHED_OUT = 14
const RECORDED = 0
const DELIVERED = 1
const FIRST_DROP = 2
/** of each of these, what the metrics have already */
const POURED = 16
const QUEUED_POURED = 31
const IS_OPEN = 32
/** name of the worker, in bytes */
const NAME_AT_BYTES = 33 * 8
const ROW_BYTES = 512
const ROWS = 128
const PROTECTION_READ_WRITE = 3
const SHARED_ANONYMOUS = 0x21

ffi.cdef(`
  char *rushgate_mmap(void *at, size_t bytes, int protection, int flags, int file, long offset) __asm__("mmap");
  int rushgate_munmap(void *at, size_t bytes) __asm__("munmap");
`)

/** @noSelf */
interface LibC {
  rushgate_mmap: (
    at: undefined,
    bytes: number,
    protection: number,
    flags: number,
    file: number,
    offset: number,
  ) => ffi.CData
  rushgate_munmap: (at: ffi.CData, bytes: number) => number
}

const libc = ffi.C as unknown as LibC
let rows: ffi.CData | undefined

function unmap(mapped: ffi.CData): void {
  libc.rushgate_munmap(mapped, ROWS * ROW_BYTES)
}

/** In init: the master's memory, before there is a worker. */
export function mapEventCounts(): void {
  const mapped = libc.rushgate_mmap(undefined, ROWS * ROW_BYTES, PROTECTION_READ_WRITE, SHARED_ANONYMOUS, -1, 0)
  if (tonumber(ffi.cast('intptr_t', mapped)) === -1) error('no shared memory for the counts of events', 0)
  rows = ffi.gc(mapped, unmap)
}

export interface EventCounts {
  /** this worker's name in its events: new at each start */
  worker: string
  /** number of the event that is recorded next */
  next: (this: void) => number
  record: (this: void) => void
  deliver: (this: void, events: number) => void
  drop: (this: void, reason: Drop, events: number) => void
  /** delivered before, and pushed out of the stream */
  pushOut: (this: void, events: number) => void
  /** recorded, and neither delivered nor dropped */
  queued: (this: void) => number
  /** to the metrics, which all workers share */
  pour: (this: void) => void
  /** the worker ends in order; one line that says it all */
  close: (this: void) => string
}

const drop_fields = new LuaTable<string, number>()
const series_of = new LuaTable<number, string>()
series_of.set(RECORDED, 'rushgate_events_recorded_total')
series_of.set(DELIVERED, 'rushgate_events_delivered_total')
series_of.set(PUSHED_OUT, 'rushgate_events_pushed_out_total')
for (const i of $range(0, DROPS.length - 1)) {
  const reason = DROPS[i] as string
  drop_fields.set(reason, FIRST_DROP + i)
  series_of.set(FIRST_DROP + i, 'rushgate_events_dropped_total{reason="' + reason + '"}')
}
const LAST_FIELD = FIRST_DROP + DROPS.length - 1
const QUEUED_SERIES = 'rushgate_events_queued'

function queuedIn(row: ffi.CArray): number {
  let queued = row[RECORDED] as number
  for (const field of $range(DELIVERED, LAST_FIELD)) queued -= row[field] as number
  return queued
}

function pourField(row: ffi.CArray, field: number, shared: ngx.SharedDict<number>): void {
  const count = row[field] as number
  const delta = count - (row[POURED + field] as number)
  if (delta === 0) return
  shared.incr(series_of.get(field) as string, delta, 0)
  row[POURED + field] = count
}

function pourRow(row: ffi.CArray, shared: ngx.SharedDict<number>): void {
  for (const field of $range(RECORDED, LAST_FIELD)) pourField(row, field, shared)
  pourField(row, PUSHED_OUT, shared)
  const queued = queuedIn(row)
  shared.incr(QUEUED_SERIES, queued - (row[QUEUED_POURED] as number), 0)
  row[QUEUED_POURED] = queued
}

function summary(row: ffi.CArray): string {
  const words = [tostring(row[RECORDED]) + ' recorded, ' + tostring(row[DELIVERED]) + ' delivered']
  for (const i of $range(0, DROPS.length - 1)) {
    const count = row[FIRST_DROP + i] as number
    if (count > 0) table.insert(words, tostring(count) + ' dropped (' + (DROPS[i] as string) + ')')
  }
  return table.concat(words, ', ')
}

function nameOf(row: ffi.CArray): ffi.CData {
  return placeIn(ffi.cast<ffi.CData>('char *', row), NAME_AT_BYTES)
}

/** Of the worker that had this row and did not say that it ended. */
function bury(row: ffi.CArray, shared: ngx.SharedDict<number>): void {
  const killed = drop_fields.get('worker_killed') as number
  row[killed] = (row[killed] as number) + queuedIn(row)
  pourRow(row, shared)
  ngx.log(ngx.WARN, 'events: worker ', ffi.string(nameOf(row), EVENT_WORKER_LENGTH), ' was killed: ', summary(row))
}

/** This worker's row; of more workers than there are rows the last keep their counts to themselves. */
function ownRow(): ffi.CArray {
  const id = ngx.worker.id() ?? 0
  if (rows === undefined || id >= ROWS) return ffi.new<ffi.CArray>('double[?]', ROW_BYTES / 8)
  return ffi.cast<ffi.CArray>('double *', placeIn(rows, id * ROW_BYTES))
}

/** One for each worker, made in init_worker. */
export function eventCounts(shared: ngx.SharedDict<number>): EventCounts {
  const row = ownRow()
  if (row[IS_OPEN] === 1) bury(row, shared)
  ffi.fill(row, ROW_BYTES)
  const worker = hexadecimal(randomBytes(EVENT_WORKER_LENGTH / 2))
  ffi.copy(nameOf(row), worker, EVENT_WORKER_LENGTH)
  row[IS_OPEN] = 1

  function add(field: number, events: number): void {
    row[field] = (row[field] as number) + events
  }

  return {
    worker,
    next: () => (row[RECORDED] as number) + 1,
    record: () => add(RECORDED, 1),
    deliver: (events) => add(DELIVERED, events),
    drop: (reason, events) => add(drop_fields.get(reason) as number, events),
    pushOut: (events) => add(PUSHED_OUT, events),
    queued: () => queuedIn(row),
    pour: () => pourRow(row, shared),
    close: () => {
      pourRow(row, shared)
      row[IS_OPEN] = 0
      return summary(row)
    },
  }
}
