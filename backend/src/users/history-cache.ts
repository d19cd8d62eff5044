// Users' histories in the volatile Redis, for up to a month.
//
// A change deletes what is kept and never writes it; whoever asks next reads the database. One reader at a time does so for a key: it
// holds a lock that a change deletes as well, and only with its lock may it store what it read, so what was read before a change is
// never stored after it. An empty history is kept for a minute. While Redis is away the database is asked, by few at a time.
//
// A deletion that failed is tried again until it is done; when there are too many, the generation is raised, which voids everything.
// What this cannot mend: a process that is killed between the two while Redis is away. Such a history is old until it runs out.
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { Refusal, spreadRetryMs } from '../http/refusal'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import type { History } from './history'

export const EMPTY_KEPT_MS = 60_000
/** a reader that takes longer stores nothing */
const LOCK_MS = 5000
/** for another reader */
const WAIT_MS_MAX = 300
const WAIT_STEP_MS = 25
const UNDELETED_MAX = 10_000
const RETRY_MS = 500
const AT_ONCE = 500
const LOADS_RETRY_MS = 1000

const GENERATION = 'rg1:history:generation'

// KEYS 1 lock  2 value  3 generation  ARGV 1 token  2 generation that was read  3 value  4 ms to live  Returns 1 when it was stored
const STORE = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if (redis.call('GET', KEYS[3]) or '0') ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
return 1`

interface Kept {
  generation: string
  history: History
}

interface HistoryCacheParts {
  redis: Redis
  read: (user: string) => Promise<History>
  kept_ms: number
  /** readings of the database in progress */
  loads_max: number
  log: Logger
  metrics: Metrics
}

export class HistoryCache {
  private readonly reading = new Map<string, Promise<History>>()
  private loads = 0
  private undeleted = new Set<string>()
  private void_all = false
  private readonly loop: Loop

  constructor(private readonly parts: HistoryCacheParts) {
    const { log, metrics } = parts
    this.loop = new Loop({ name: 'histories', log, metrics, step: () => this.deleteAgain() })
  }

  start(): void {
    this.loop.start()
  }

  stop(): Promise<void> {
    return this.loop.stop()
  }

  /** One reading for all who ask this process at the same time. */
  get(user: string): Promise<History> {
    let reading = this.reading.get(user)
    if (reading === undefined) {
      const found = this.find(user).finally(() => {
        if (this.reading.get(user) === found) this.reading.delete(user)
      })
      reading = found
      this.reading.set(user, found)
    }
    return reading
  }

  /** These users' histories have changed in the database; never waits for Redis, never fails. */
  changed(users: Iterable<string>): void {
    for (const user of users) {
      // who asks from now on does not get what is being read
      this.reading.delete(user)
      if (this.undeleted.size < UNDELETED_MAX) this.undeleted.add(user)
      else this.void_all = true
    }
    this.loop.kick()
  }

  private async find(user: string): Promise<History> {
    const { redis, metrics } = this.parts
    const [lock, value] = keysOf(user)
    // what Redis has is known to be old
    if (this.void_all || this.undeleted.has(user)) return this.load(user)
    const token = randomBytes(9).toString('base64url')
    let generation = ''
    try {
      const kept = await this.look(value)
      generation = kept.generation
      if (kept.history !== undefined) return this.counted('hit', kept.history)
      if ((await redis.set(lock, token, 'PX', LOCK_MS, 'NX')) !== 'OK') {
        const other = await this.waitForOther(value)
        return other === undefined ? this.load(user) : this.counted('hit', other)
      }
    } catch {
      metrics.histories.inc({ outcome: 'redis_away' })
      return this.load(user)
    }
    const history = await this.load(user)
    const is_empty = history.visits.length === 0 && history.purchases.length === 0
    const kept_ms = is_empty ? EMPTY_KEPT_MS : Math.round(this.parts.kept_ms * (0.9 + Math.random() / 10))
    const text = JSON.stringify({ generation, history } satisfies Kept)
    await redis.eval(STORE, 3, lock, value, GENERATION, token, generation, text, kept_ms).catch(() => undefined)
    return history
  }

  private async look(value: string): Promise<{ generation: string; history: History | undefined }> {
    const [at, text] = await this.parts.redis.mget(GENERATION, value)
    const generation = at ?? '0'
    const kept = text === null || text === undefined ? undefined : (JSON.parse(text) as Kept)
    return { generation, history: kept?.generation === generation ? kept.history : undefined }
  }

  private async waitForOther(value: string): Promise<History | undefined> {
    for (let waited_ms = 0; waited_ms < WAIT_MS_MAX; waited_ms += WAIT_STEP_MS) {
      await sleep(WAIT_STEP_MS)
      const { history } = await this.look(value)
      if (history !== undefined) return history
    }
    return undefined
  }

  private async load(user: string): Promise<History> {
    const { loads_max, metrics, read } = this.parts
    if (this.loads >= loads_max) {
      metrics.histories.inc({ outcome: 'busy' })
      const detail = `${loads_max} histories are being read already, which is the most; buying goes on`
      throw new Refusal('busy', detail, { retry_after_ms: spreadRetryMs(LOADS_RETRY_MS) })
    }
    this.loads += 1
    try {
      return this.counted('read', await read(user))
    } finally {
      this.loads -= 1
    }
  }

  private counted(outcome: string, history: History): History {
    this.parts.metrics.histories.inc({ outcome })
    return history
  }

  private async deleteAgain(): Promise<number> {
    if (!this.void_all && this.undeleted.size === 0) return RETRY_MS
    const users = [...this.undeleted]
    const { void_all } = this
    this.undeleted = new Set()
    this.void_all = false
    try {
      if (void_all) await this.parts.redis.incr(GENERATION)
      for (let from = 0; from < users.length; from += AT_ONCE) {
        await this.parts.redis.unlink(...users.slice(from, from + AT_ONCE).flatMap(keysOf))
      }
    } catch (error) {
      for (const user of users) this.undeleted.add(user)
      this.void_all ||= void_all || this.undeleted.size > UNDELETED_MAX
      throw error
    }
    return 0
  }
}

/** Lock and value. The user's name is not written into Redis. */
export function keysOf(user: string): [lock: string, value: string] {
  const name = createHash('sha256').update(user).digest('base64url').substring(0, 27)
  return [`rg1:history:lock:${name}`, `rg1:history:of:${name}`]
}
