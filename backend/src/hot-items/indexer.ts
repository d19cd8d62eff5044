// From a queue to the store: reads events, writes them in bulk, sets aside what cannot be kept. Knows neither Kafka nor Redis.
//
// take() ends when every event of the batch is stored or set aside, and only then may the queue be told so. While the store is
// slow or away take() goes on trying, so its caller fetches no more: that is all the back-pressure there is, and all the memory
// is one batch a consumer. A dead letter never stops the others: one that cannot be set aside is counted and logged.
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import { type DeadLetter, isKept, readEventText } from './event'
import type { HotItemMetrics } from './metrics'
import { dayOf, type HotItemStore, type KeptEvent, StoreAway, type WriteOutcome } from './store'

/** Events in one write. */
export const BULK_EVENTS_MAX = 2000
const BACKOFF_MS_MIN = 100
const BACKOFF_MS_MAX = 3_000
/** While a write takes longer, the queue hears that its consumer lives. */
const BEAT_MS = 1_000
const TEND_MS = 10_000
const DELETE_EVERY_MS = 3_600_000
const DAY_MS = 86_400_000
const LOG_REPEAT_MS = 30_000

export interface Delivered {
  bytes: Buffer
  /** topic and place, for dead letters */
  from: string
}

/** What the queue says of a batch while it is worked on. */
interface Pulse {
  isStopping(): boolean
  /** Throws when the batch is another's now. */
  beat(): Promise<void>
}

export interface DeadLetters {
  write(letters: DeadLetter[]): Promise<void>
}

interface IndexerParts {
  store: HotItemStore
  dead: DeadLetters
  retention_days: number
  log: Logger
  metrics: Metrics
  counts: HotItemMetrics
  now?: () => number
}

export class Indexer {
  private readonly tending: Loop
  private readonly now: () => number
  private prepared = false
  private is_away = false
  private logged_ms = 0
  private deleted_ms = Number.NEGATIVE_INFINITY

  constructor(private readonly parts: IndexerParts) {
    this.now = parts.now ?? Date.now
    const { log, metrics } = parts
    this.tending = new Loop({ name: 'hot items', log, metrics, step: () => this.tend() })
  }

  start(): void {
    this.tending.start()
  }

  async stop(): Promise<void> {
    await this.tending.stop()
  }

  /** The store may have been emptied: template or tables first, before anything is written. */
  async prepare(): Promise<void> {
    await this.parts.store.prepare()
  }

  /** True when all of it is stored or set aside; false when the pulse has said stop first. */
  async take(batch: Delivered[], pulse: Pulse): Promise<boolean> {
    const dead: DeadLetter[] = []
    let left = this.read(batch, dead)
    for (let failures = 0; left.length > 0; ) {
      if (pulse.isStopping()) return false
      const outcome = await this.tryWrite(left, pulse)
      if (outcome !== undefined) {
        this.count(outcome, dead)
        if (outcome.again.length === 0) break
        left = outcome.again
      }
      failures += 1
      await this.pause(failures, pulse)
    }
    await this.bury(dead, pulse)
    return true
  }

  private read(batch: Delivered[], dead: DeadLetter[]): KeptEvent[] {
    const now_ms = this.now()
    const range = { now_ms, oldest_day: this.oldestDay(now_ms) }
    const events: KeptEvent[] = []
    for (const { bytes, from } of batch) {
      const read = readEventText(bytes, range)
      if (isKept(read)) events.push(read)
      else dead.push({ bytes, from, ...read })
    }
    return events
  }

  /** Undefined when the store took nothing. */
  private async tryWrite(events: KeptEvent[], pulse: Pulse): Promise<WriteOutcome | undefined> {
    const { store, counts } = this.parts
    const end = counts.bulk_seconds.startTimer()
    try {
      const outcome = await beating(pulse, this.write(store, events))
      end()
      if (outcome.again.length === 0) this.back()
      else this.away('the store has not taken all of a batch', undefined)
      return outcome
    } catch (error) {
      if (error instanceof LostBatch) throw error.cause
      this.prepared = false
      this.away(error instanceof Error ? error.message : String(error), error)
      return undefined
    }
  }

  private async write(store: HotItemStore, events: KeptEvent[]): Promise<WriteOutcome> {
    if (!this.prepared) {
      await store.prepare()
      this.prepared = true
    }
    return store.write(events)
  }

  private count({ indexed, duplicates, rejected }: WriteOutcome, dead: DeadLetter[]): void {
    const { counts } = this.parts
    if (indexed > 0) counts.indexed.inc(indexed)
    if (duplicates > 0) counts.duplicates.inc(duplicates)
    for (const { kept, reason } of rejected) {
      dead.push({ bytes: Buffer.from(JSON.stringify(kept.event)), reason, cause: 'rejected', from: kept.id })
    }
  }

  private async bury(dead: DeadLetter[], pulse: Pulse): Promise<void> {
    if (dead.length === 0) return
    const { counts, log } = this.parts
    for (const { cause } of dead) counts.dead.inc({ cause })
    const { cause, reason, from } = dead[0] as DeadLetter
    log.warn(
      { events: dead.length, first: { cause, reason, from } },
      'events of items cannot be kept and are set aside',
    )
    try {
      await beating(pulse, this.parts.dead.write(dead))
    } catch (error) {
      if (error instanceof LostBatch) throw error.cause
      counts.dead_lost.inc(dead.length)
      log.error({ err: error, events: dead.length }, 'dead events of items could not be set aside')
    }
  }

  private async pause(failures: number, pulse: Pulse): Promise<void> {
    const backoff_ms = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failures - 1, 10))
    let left_ms = backoff_ms * (0.5 + Math.random() / 2)
    while (left_ms > 0 && !pulse.isStopping()) {
      const step_ms = Math.min(left_ms, 200)
      await sleep(step_ms)
      left_ms -= step_ms
    }
    await pulse.beat()
  }

  private away(reason: string, error: unknown): void {
    const { counts, log } = this.parts
    counts.store_failures.inc()
    counts.store_away.set(1)
    const now_ms = Date.now()
    if (this.is_away && now_ms - this.logged_ms < LOG_REPEAT_MS) return
    this.is_away = true
    this.logged_ms = now_ms
    const message = 'events of items wait: the store does not take them'
    if (error === undefined || error instanceof StoreAway) log.warn({ store: this.parts.store.kind, reason }, message)
    else log.error({ store: this.parts.store.kind, err: error }, message)
  }

  private back(): void {
    if (!this.is_away) return
    this.is_away = false
    this.parts.counts.store_away.set(0)
    this.parts.log.info({ store: this.parts.store.kind }, 'the store takes events of items again')
  }

  private oldestDay(now_ms: number): string {
    return dayOf(now_ms - this.parts.retention_days * DAY_MS)
  }

  /** The template is put again and again: a store that was emptied must not make up its own. */
  private async tend(): Promise<number> {
    const { store, log } = this.parts
    try {
      await store.prepare()
      this.prepared = true
      const now_ms = this.now()
      if (now_ms - this.deleted_ms < DELETE_EVERY_MS) return TEND_MS
      const days = await store.deleteBefore(this.oldestDay(now_ms))
      this.deleted_ms = now_ms
      if (days.length > 0) log.info({ days }, 'days of hot items deleted')
    } catch (error) {
      // said by the writes, where there are any
      if (!(error instanceof StoreAway)) throw error
      this.prepared = false
      log.debug({ reason: error.message }, 'the store of hot items cannot be tended')
    }
    return TEND_MS
  }
}

class LostBatch extends Error {}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Resolves as `work` does, and beats meanwhile; when the batch is lost, after `work` has ended. */
async function beating<T>(pulse: Pulse, work: Promise<T>): Promise<T> {
  let done = false
  const ended = work.then(
    () => undefined,
    () => undefined,
  )
  const end = ended.then(() => {
    done = true
  })
  while (!done) {
    let timer: NodeJS.Timeout | undefined
    const tick = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, BEAT_MS)
    })
    await Promise.race([end, tick])
    clearTimeout(timer)
    if (done) break
    try {
      await pulse.beat()
    } catch (error) {
      await ended
      throw new LostBatch('the batch is another consumer’s', { cause: error })
    }
  }
  return work
}
