// A lane: this worker's one connection to Redis, on which everything travels that waits at the same moment.
//
// The connection lives in a timer's light thread, because a cosocket belongs to the request that made it. No artificial
// delay: a batch is what arrived while the last one was in flight. A supervisor starts the thread again however it ended.
// When the worker exits the lane runs on until nobody waits, and a late request starts it again.
import * as semaphores from 'ngx.semaphore'
import type { LaneResult } from '../kernel/lane'
import type { RedisAddress } from './environment'
import { type Batch, deliver, enqueue, evaluate, failBatch, type Waiter } from './lane-batch'
import { nowS } from './nginx-calls'
import { connectRedis, type RedisConnection } from './redis-connection'

interface LaneLimits {
  /** reservations in one script call */
  batch_max: number
  /** requests waiting in this worker */
  queue_max: number
  /** how long a request waits for its line */
  wait_ms_max: number
  connect_ms_max: number
  /** how long Redis may take to answer a pipeline */
  reply_ms_max: number
}

/** The lane of what may be lost: as large as the other, with times of its own. */
export function volatileLimits(lane: LaneLimits, times: Omit<LaneLimits, 'batch_max' | 'queue_max'>): LaneLimits {
  const { wait_ms_max, connect_ms_max, reply_ms_max } = times
  return { batch_max: lane.batch_max, queue_max: lane.queue_max, wait_ms_max, connect_ms_max, reply_ms_max }
}

export interface LaneCounts {
  batches: number
  items: number
  failures: number
  reconnects: number
  restarts: number
}

export interface Lane {
  address: RedisAddress
  limits: LaneLimits
  /** waiting to be sent, oldest first */
  pending: Batch[]
  /** batches of `pending` that still take items, by channel */
  open: LuaTable<string, Batch>
  /** items in `pending` */
  queued: number
  /** requests waiting, sent or not */
  waiting: number
  in_flight: Batch[]
  connection: RedisConnection | undefined
  wake_up: semaphores.Semaphore
  idle: boolean
  running: boolean
  /** Redis is away: submissions fail at once, while the lane's thread alone tries to connect */
  down: boolean
  back_off_s: number
  counts: LaneCounts
}

const IDLE_S = 30
/** while a new Redis is not loaded yet, connections are made again this often at most */
const LOOK_AGAIN_S = 1
/** what sockets say when the reply did not come in time */
const TIMEOUT = 'timeout'
const BACK_OFF_MIN_S = 0.05
const BACK_OFF_MAX_S = 1
/** A batch lost with its connection is sent once more: its scripts answer a repeat with the first outcome. */
const SENDS_MAX = 2
/** The thread is renewed now and then: what nginx allocates for a request, here a timer, it frees at its end. */
const ROUNDS_PER_THREAD = 200000
const SPARE_SEMAPHORES_MAX = 4096

// a stack with its height beside it: table.remove is not compiled
const spare_semaphores: semaphores.Semaphore[] = []
let spare_count = 0

function takeSemaphore(): semaphores.Semaphore {
  if (spare_count === 0) return newSemaphore()
  spare_count -= 1
  return spare_semaphores[spare_count] as semaphores.Semaphore
}

function newSemaphore(): semaphores.Semaphore {
  const [created, failure] = semaphores.new(0)
  if (created === undefined) error('no semaphore: ' + tostring(failure), 0)
  return created as semaphores.Semaphore
}

export function newLane(address: RedisAddress, limits: LaneLimits): Lane {
  return {
    address,
    limits,
    pending: [],
    open: new LuaTable(),
    queued: 0,
    waiting: 0,
    in_flight: [],
    connection: undefined,
    wake_up: newSemaphore(),
    idle: false,
    running: false,
    down: false,
    back_off_s: BACK_OFF_MIN_S,
    counts: { batches: 0, items: 0, failures: 0, reconnects: 0, restarts: 0 },
  }
}

function dropConnection(lane: Lane): void {
  if (lane.connection !== undefined) {
    // an error here means that it is closed already
    pcall(closeClient, lane.connection)
    lane.connection = undefined
  }
}

function closeClient(connection: RedisConnection): void {
  connection.client.close()
}

function failAll(lane: Lane, batches: Batch[]): void {
  for (const batch of batches) {
    lane.counts.failures += batch.waiters.length
    failBatch(batch, batch.sent > 0 ? 'unknown' : 'unavailable')
  }
}

function takePending(lane: Lane): Batch[] {
  const batches = lane.pending
  lane.pending = []
  lane.open = new LuaTable()
  lane.queued = 0
  return batches
}

/** Connects if need be. Returns false when Redis is away: everybody who waits is told, and the next try is put off. */
function isConnected(lane: Lane): boolean {
  if (lane.connection !== undefined) return true
  const [connection, failure] = connectRedis(lane.address, {
    connect_ms: lane.limits.connect_ms_max,
    reply_ms: lane.limits.reply_ms_max,
  })
  if (connection !== undefined) {
    lane.connection = connection
    lane.counts.reconnects += 1
    lane.back_off_s = BACK_OFF_MIN_S
    if (lane.down) ngx.log(ngx.WARN, 'lane: Redis is back')
    lane.down = false
    return true
  }
  if (lane.back_off_s === BACK_OFF_MIN_S) ngx.log(ngx.WARN, 'lane: Redis: ', failure)
  lane.down = true
  return false
}

/** Sends them as one pipeline and hands out the replies. Returns what went wrong with the connection, if anything did. */
function roundTrip(connection: RedisConnection, batches: Batch[]): string | undefined {
  const client = connection.client
  const numbers: string[] = []
  client.init_pipeline(batches.length)
  for (const batch of batches) table.insert(numbers, enqueue(client, batch))
  const [replies, failure] = client.commit_pipeline()
  if (replies === undefined) return failure ?? 'no replies'
  for (let i = 0; i < batches.length; i++) {
    const batch = batches[i] as Batch
    const number = numbers[i] as string
    let reply: unknown = replies[i]
    let refusal = ''
    if (typeof reply !== 'string') {
      refusal = tostring((reply as string[])[1])
      const [unknown_script] = string.find(refusal, 'NOSCRIPT', 1, true)
      if (unknown_script !== undefined) {
        const [text, reason] = evaluate(client, batch, number)
        // it may have run: the batch keeps its waiters, to be sent again or told so
        if (text === undefined) return reason ?? 'no reply'
        reply = text
        refusal = reason ?? ''
      }
    }
    let problem: string | undefined
    if (typeof reply === 'string') problem = deliver(batch, number, reply)
    else {
      // Redis refused the script before its first write (out of memory, loading, read-only): this sending did nothing
      failBatch(batch, batch.sent > 1 ? 'unknown' : 'unavailable')
      problem = refusal
    }
    batch.waiters = []
    if (problem !== undefined) return problem
  }
  return undefined
}

/**
 * An idle connection may be to a Redis that has gone since, which only sending would tell; and what is for its successor is not sent on
 * it. So where somebody names another Redis, a connection that is not new is made again.
 */
function isOutlived(connection: RedisConnection, batches: Batch[]): boolean {
  if (nowS() - connection.since_s < LOOK_AGAIN_S) return false
  for (const batch of batches) if (batch.replid !== '' && batch.replid !== connection.replid) return true
  return false
}

/** Batches whose replication id is another Redis' are not for this one: the ledger will have it loaded first. */
function withoutStrangers(connection: RedisConnection, batches: Batch[]): Batch[] {
  const kept: Batch[] = []
  for (const batch of batches) {
    if (batch.replid !== '' && batch.replid !== connection.replid) {
      failBatch(batch, batch.sent > 0 ? 'unknown' : 'rebuilding')
    } else {
      table.insert(kept, batch)
    }
  }
  return kept
}

function serve(lane: Lane, batches: Batch[]): void {
  lane.in_flight = batches
  while (lane.in_flight.length > 0) {
    if (!isConnected(lane)) {
      failAll(lane, lane.in_flight)
      break
    }
    const connection = lane.connection as RedisConnection
    if (isOutlived(connection, lane.in_flight)) {
      dropConnection(lane)
      continue
    }
    lane.in_flight = withoutStrangers(connection, lane.in_flight)
    if (lane.in_flight.length === 0) break
    for (const batch of lane.in_flight) lane.counts.items += batch.waiters.length
    lane.counts.batches += lane.in_flight.length
    const problem = roundTrip(connection, lane.in_flight)
    if (problem === undefined) break
    ngx.log(ngx.WARN, 'lane: ', problem)
    dropConnection(lane)
    if (problem === TIMEOUT) {
      // it hangs, and so may the next connection: nobody else is to wait for that
      lane.down = true
      failAll(lane, takePending(lane))
    }
    const again: Batch[] = []
    for (const batch of lane.in_flight) {
      if (batch.waiters.length > 0) {
        if (batch.sent < SENDS_MAX && batch.script.is_repeatable) table.insert(again, batch)
        else failAll(lane, [batch])
      }
    }
    lane.in_flight = again
  }
  lane.in_flight = []
}

/** Waits out the back-off; whoever submits meanwhile is refused at once. */
function pause(lane: Lane): void {
  const jitter = 0.5 + math.random()
  ngx.sleep(lane.back_off_s * jitter)
  lane.back_off_s = math.min(BACK_OFF_MAX_S, lane.back_off_s * 2)
  isConnected(lane)
}

function run(lane: Lane): void {
  for (let round = 0; round < ROUNDS_PER_THREAD; round++) {
    if (lane.pending.length > 0) {
      serve(lane, takePending(lane))
    } else if (ngx.worker.exiting() && lane.waiting === 0) {
      return
    } else if (lane.connection === undefined && !ngx.worker.exiting()) {
      if (!isConnected(lane)) pause(lane)
    } else {
      lane.idle = true
      lane.wake_up.wait(IDLE_S)
      lane.idle = false
    }
  }
}

function supervise(_premature: boolean, lane: Lane): void {
  const [ok, failure] = xpcall(run, debug.traceback, lane)
  lane.running = false
  lane.idle = false
  // the cosocket ends with this thread
  dropConnection(lane)
  if (!ok) {
    lane.counts.restarts += 1
    ngx.log(ngx.ERR, 'lane: started again after: ', failure)
  }
  const broken = lane.in_flight
  lane.in_flight = []
  failAll(lane, broken)
  if (lane.pending.length > 0 || !ngx.worker.exiting()) startLane(lane)
}

export function startLane(lane: Lane): void {
  if (lane.running) return
  lane.running = true
  const [ok, failure] = ngx.timer.at(0, supervise, lane)
  if (!ok) {
    lane.running = false
    ngx.log(ngx.ERR, 'lane: cannot start: ', failure)
    failAll(lane, takePending(lane))
  }
}

/** For the worker's exit: ends the idle wait, so that the lane sees it. */
export function wakeLane(lane: Lane): void {
  if (lane.idle) {
    lane.idle = false
    lane.wake_up.post(1)
  }
}

/** Why nothing can be submitted right now, with the name of the ceiling that was hit; undefined when it can. */
export function laneRefusal(lane: Lane): LaneResult | undefined {
  if (lane.queued >= lane.limits.queue_max) return { failure: 'busy', limit: 'lane.queue_max' }
  if (lane.down) return { failure: 'unavailable' }
  return undefined
}

/** How long the oldest that waits in this lane has waited, in ms: what a reservation waits at least. */
export function queueAgeMs(lane: Lane, now_s: number): number {
  const oldest = lane.in_flight[0] ?? lane.pending[0]
  return oldest === undefined ? 0 : Math.max(0, (now_s - oldest.made_s) * 1000)
}

/** The channel's batch that still takes items, if there is one. */
export function openBatch(lane: Lane, channel: string): Batch | undefined {
  return lane.open.get(channel)
}

export function addBatch(lane: Lane, channel: string, batch: Batch): void {
  table.insert(lane.pending, batch)
  lane.open.set(channel, batch)
}

/** Adds an item to an open batch and waits (yields) until its line is there or the time is over. */
export function submit(lane: Lane, channel: string, batch: Batch, body: string, item: string): LaneResult {
  const semaphore = takeSemaphore()
  const waiter: Waiter = { body, semaphore, gone: false }
  table.insert(batch.waiters, waiter)
  table.insert(batch.items, item)
  if (batch.waiters.length >= lane.limits.batch_max) lane.open.delete(channel)
  lane.queued += 1
  lane.waiting += 1
  if (lane.idle) wakeLane(lane)
  else if (!lane.running) startLane(lane)
  const [woken] = semaphore.wait(lane.limits.wait_ms_max / 1000)
  lane.waiting -= 1
  if (lane.waiting === 0 && ngx.worker.exiting()) wakeLane(lane)
  if (woken) {
    if (spare_count < SPARE_SEMAPHORES_MAX) {
      spare_semaphores[spare_count] = semaphore
      spare_count += 1
    }
  } else {
    // a semaphore that timed out may still be posted to: it is left to the collector
    waiter.gone = true
    // even when its batch was not sent yet: it will be, with this item in it
    waiter.failure = 'unknown'
    waiter.limit = 'lane.wait_ms_max'
  }
  return waiter
}
