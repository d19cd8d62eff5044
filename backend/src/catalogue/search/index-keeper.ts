// Keeps one index of the products: follows every change, and makes it anew when it is missing, when asked to, and at the hours of low
// traffic. One process at a time does so; two would do no harm, only work for nothing.
import type { Redis } from 'ioredis'
import { RedisLock } from '../../locks/redis-lock'
import type { Logger } from '../../log'
import { Loop } from '../../loop'
import type { Metrics } from '../../metrics'
import type { Catalogue } from '../catalogue'
import type { IndexState, ProductIndex } from './product-index'

const POLL_MS = 250
const NOT_MINE_MS = 1000
/** the index is looked at at least so often: it may have been removed by somebody */
const LOOK_EVERY_MS = 5000
const LOCK_MS = 15_000
/** after a build that failed */
const RETRY_MS = 10_000
const DAY_MS = 24 * 3_600_000
const HOUR_MS = 3_600_000
/** within the hours of one night it is made once */
const SCHEDULED_AGAIN_MS = DAY_MS - 4 * HOUR_MS

/** From the beginning of hour `from` to that of `to`, UTC; past midnight when `to` is not later. */
interface Hours {
  from: number
  to: number
}

interface IndexKeeperParts {
  index: ProductIndex
  catalogue: Catalogue
  redis: Redis
  instance: string
  now: () => number
  /** undefined: only when asked to */
  hours: Hours | undefined
  log: Logger
  metrics: Metrics
}

type Reason = 'missing' | 'asked' | 'scheduled'

export class IndexKeeper {
  private readonly loop: Loop
  private readonly lock: RedisLock
  private state: IndexState | undefined
  private looked_ms = Number.NEGATIVE_INFINITY
  private building: Promise<void> | undefined
  private built = 0
  private failed = ''
  private retry_ms = 0

  constructor(private readonly parts: IndexKeeperParts) {
    const { index, redis, instance, log, metrics } = parts
    this.lock = new RedisLock(redis, `index-${index.name}`, instance, LOCK_MS)
    this.loop = new Loop({ name: `index ${index.name}`, log, metrics, step: () => this.step() })
  }

  start(): void {
    this.loop.start()
  }

  async stop(): Promise<void> {
    await this.loop.stop()
    await this.building
    await this.lock.release().catch(() => undefined)
  }

  kick(): void {
    this.loop.kick()
  }

  /** As this process knows it; while it makes the index anew, `building` products are in it. */
  async view(): Promise<Record<string, unknown>> {
    const state = await this.parts.index.current()
    return {
      engine: this.parts.index.name,
      ...(state === undefined
        ? {}
        : { index: state.index, version: state.synced, built_at: new Date(state.built_ms).toISOString() }),
      ...(this.building === undefined ? {} : { building: this.built }),
      ...(this.failed === '' ? {} : { failed: this.failed }),
    }
  }

  private async step(): Promise<number> {
    const { index, catalogue, metrics } = this.parts
    const version = catalogue.version()
    if (version === undefined) return POLL_MS
    if (!(await this.lock.acquire())) return NOT_MINE_MS
    const now_ms = performance.now()
    if (this.state === undefined || this.state.synced !== version || now_ms - this.looked_ms > LOOK_EVERY_MS) {
      this.state = await index.current()
      this.looked_ms = now_ms
    }
    const reason = await this.reasonToBuild()
    if (reason !== undefined && this.building === undefined) this.startBuilding(reason)
    const { state } = this
    if (state === undefined || state.synced >= version) return POLL_MS
    this.state = { ...state, synced: await index.follow(state, version) }
    metrics.index_behind.set({ engine: index.name }, Math.max(0, version - this.state.synced))
    return this.state.synced < version ? 0 : POLL_MS
  }

  private async reasonToBuild(): Promise<Reason | undefined> {
    const { catalogue, hours, now } = this.parts
    const { state } = this
    if (performance.now() < this.retry_ms) return undefined
    if (state === undefined) return 'missing'
    const { version, reindex_asked_ms } = await catalogue.products.version()
    // one that knows more than the catalogue is of another, or the catalogue was put back
    if (state.synced > version) return 'missing'
    if (reindex_asked_ms > state.built_ms) return 'asked'
    return isDue(hours, now(), state.built_ms) ? 'scheduled' : undefined
  }

  private startBuilding(reason: Reason): void {
    const { index, log, metrics } = this.parts
    const started = performance.now()
    this.built = 0
    log.info({ engine: index.name, reason }, 'index is made anew')
    const proceed = async (written: number) => {
      this.built = written
      if (this.loop.isStopping) throw new Error('this process stops')
      if (!(await this.lock.acquire())) throw new Error('another process has taken it over')
    }
    this.building = index
      .rebuild(proceed)
      .then((state) => {
        this.state = state
        this.failed = ''
        const seconds = Math.round(performance.now() - started) / 1000
        log.info({ engine: index.name, reason, index: state.index, products: this.built, seconds }, 'index made anew')
        metrics.index_builds.inc({ engine: index.name, reason, outcome: 'done' })
      })
      .catch((error: Error) => {
        this.failed = error.message
        this.retry_ms = performance.now() + RETRY_MS
        this.looked_ms = Number.NEGATIVE_INFINITY
        if (this.loop.isStopping) return
        log.error({ err: error, engine: index.name, reason }, 'index not made anew; the old one goes on')
        metrics.index_builds.inc({ engine: index.name, reason, outcome: 'failed' })
      })
      .finally(() => {
        this.building = undefined
      })
  }
}

/** Is it within the hours of low traffic, and has the index not been made in them yet? */
export function isDue(hours: Hours | undefined, now_ms: number, built_ms: number): boolean {
  if (hours === undefined || now_ms - built_ms < SCHEDULED_AGAIN_MS) return false
  const hour = Math.floor((now_ms % DAY_MS) / HOUR_MS)
  return hours.from < hours.to ? hour >= hours.from && hour < hours.to : hour >= hours.from || hour < hours.to
}
