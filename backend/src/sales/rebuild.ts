// The rebuild: a sale's shards in Redis made anew from the ledger. Opening a sale is a rebuild with nothing sold.
//
// Guarantees: the ledger's rebuild row is the lock; each step may be repeated; killed anywhere, it is begun again with a
// higher epoch and nothing is lost. Order: raise the epoch (durable) → close every shard, which gives the barrier of its
// stream → settle every intent up to the barrier, in Kafka too → recount the units → load each shard → open → say so to the gates.
import type { Redis } from 'ioredis'
import { intentsKey } from '../../../contract/keys'
import { hasDraw, loadDraw } from '../draw/load-draw'
import type { Intent, Ledger, Sale } from '../ledger/port'
import { RedisLock } from '../locks/redis-lock'
import type { Logger } from '../log'
import type { Metrics } from '../metrics'
import { LeftEpoch } from '../redis/closed-shard'
import { replicationId, type Shards } from '../redis/shards'
import { decodeEntry, type StreamEntry } from '../settlement/intents'
import type { KafkaSurvivors } from '../settlement/kafka-survivors'
import { loadRoom } from '../waiting/room'
import type { SalesFollower } from './follower'
import { loadShard, publishWhatChanged } from './load-shard'

const LEASE_MS = 10_000
const LOCK_MS = 5000
/** How long to wait for another rebuilder of the same sale; then the ledger decides alone. */
const LOCK_WAIT_MS = 500
const ENTRIES_AT_ONCE = 100
const SURVIVORS_AT_ONCE_MAX = 500
/** Epochs by which a Redis may be ahead of a ledger that was put back, before somebody should look. */
const EPOCHS_AHEAD_MAX = 1000

export type RebuildReason =
  | 'open'
  | 'asked'
  | 'resumed'
  | 'keys_missing'
  | 'epoch_behind'
  | 'replication_id'
  | 'stock_added'

/** Somebody else is rebuilding this sale. */
export class RebuildBusy extends Error {}

interface RebuildParts {
  ledger: Ledger
  redis: Redis
  shards: Shards
  sales: SalesFollower
  metrics: Metrics
  log: Logger
  /** stable over restarts, so that a killed rebuild is taken up again at once */
  instance: string
  /** where intents travel by Kafka */
  kafka?: KafkaSurvivors
  /** for tests: called before each step, may throw as a kill would */
  beforeStep?: (step: RebuildStep) => Promise<void> | void
}

export type RebuildStep = 'close' | 'settle' | 'recount' | 'load' | 'open' | 'finish'

export class Rebuilder {
  private readonly running = new Map<string, Promise<Sale>>()
  private stopping = false

  constructor(private readonly parts: RebuildParts) {}

  isRunning(sale: string): boolean {
    return this.running.has(sale)
  }

  /** Resolves when the sale is loaded; a rebuild in progress here is joined. Throws RebuildBusy or what went wrong. */
  async rebuild(sale: Sale, reason: RebuildReason): Promise<Sale> {
    if (this.stopping) throw new Error('stopping')
    const known = this.running.get(sale.id)
    if (known !== undefined) return known
    const rebuild = this.measured(sale, reason).finally(() => this.running.delete(sale.id))
    this.running.set(sale.id, rebuild)
    return rebuild
  }

  /** Waits for rebuilds in progress; begins no others. */
  async stop(): Promise<void> {
    this.stopping = true
    await Promise.allSettled(this.running.values())
  }

  private async measured(sale: Sale, reason: RebuildReason): Promise<Sale> {
    const { metrics, log } = this.parts
    const started = performance.now()
    log.info({ sale: sale.id, reason }, 'rebuild begins')
    try {
      const rebuilt = await this.locked(sale)
      const ms = Math.round(performance.now() - started)
      metrics.rebuilds.inc({ reason, outcome: 'done' })
      metrics.rebuild_seconds.observe(ms / 1000)
      log.info({ sale: sale.id, reason, epoch: rebuilt.epoch, ms }, 'rebuild done')
      return rebuilt
    } catch (error) {
      metrics.rebuilds.inc({ reason, outcome: error instanceof RebuildBusy ? 'busy' : 'failed' })
      throw error
    }
  }

  private async locked(sale: Sale): Promise<Sale> {
    const { redis, instance } = this.parts
    const lock = new RedisLock(redis, `rebuild:${sale.id}`, instance, LOCK_MS)
    await lock.acquire(LOCK_WAIT_MS)
    try {
      return await this.steps(sale)
    } finally {
      await lock.release().catch(() => false)
    }
  }

  private async steps(sale: Sale): Promise<Sale> {
    const { ledger, shards, redis, sales, instance, beforeStep } = this.parts
    const { replid } = await replicationId(redis)
    let epoch = await this.begin(sale.id)
    await beforeStep?.('close')
    const barriers: string[] = []
    for (let shard = 0; shard < sale.shards; shard++) {
      let barrier = await shards.close(sale.id, shard, epoch)
      for (let tries = 0; barrier === 'stale'; tries++) {
        if (tries === EPOCHS_AHEAD_MAX) throw new Error(`Redis is more than ${tries} epochs ahead of the ledger`)
        epoch = await this.begin(sale.id)
        barrier = await shards.close(sale.id, shard, epoch)
      }
      barriers.push(barrier)
    }
    // a raise on the way: the shards closed before it have the older epoch still
    for (let shard = 0; shard < sale.shards; shard++) await shards.close(sale.id, shard, epoch)
    await beforeStep?.('settle')
    for (let shard = 0; shard < sale.shards; shard++) {
      await this.settleSurvivors(sale.id, shard, barriers[shard] as string)
    }
    const in_kafka = (await this.parts.kafka?.intentsOf(sale.id)) ?? []
    for (let from = 0; from < in_kafka.length; from += SURVIVORS_AT_ONCE_MAX) {
      await ledger.settleSurvivors(sale.id, instance, in_kafka.slice(from, from + SURVIVORS_AT_ONCE_MAX))
    }
    await beforeStep?.('recount')
    await ledger.recountUnits(sale.id, instance)
    await beforeStep?.('load')
    const current = (await ledger.sale(sale.id)) ?? sale
    const images = []
    for (let shard = 0; shard < sale.shards; shard++) images.push(await ledger.shardImage(sale.id, shard))
    // polls are answered from what is loaded now
    await ledger.durable()
    for (const [shard, image] of images.entries()) {
      await loadShard(redis, shards.closed(sale.id, shard, epoch), current, image)
    }
    const first = shards.closed(sale.id, 0, epoch)
    const orders = images.flatMap((image) => image.orders)
    await loadRoom(this.parts, first, current, orders, replid)
    if (hasDraw(current)) await loadDraw(redis, first, ledger)
    await beforeStep?.('open')
    for (const [shard, image] of images.entries()) {
      await publishWhatChanged(this.parts, current, shard, image)
      await this.open(current, shard, epoch)
    }
    await beforeStep?.('finish')
    if ((await replicationId(redis)).replid !== replid) throw new Error('Redis was restarted during the rebuild')
    const rebuilt = await ledger.finishRebuild(sale.id, instance, replid)
    // what was changed between reading the sale and here would otherwise wait for the watcher
    for (let shard = 0; shard < rebuilt.shards; shard++) await this.open(rebuilt, shard, epoch)
    await ledger.durable()
    sales.changed()
    return rebuilt
  }

  private async begin(sale: string): Promise<number> {
    const begun = await this.parts.ledger.beginRebuild(sale, this.parts.instance, LEASE_MS)
    if (begun === undefined) throw new RebuildBusy(`another process is rebuilding sale ${sale}`)
    await this.parts.ledger.durable()
    this.parts.sales.changed()
    return begun.epoch
  }

  private async open(sale: Sale, shard: number, epoch: number): Promise<void> {
    const opened = await this.parts.shards.configure(sale.id, shard, epoch, this.parts.shards.metaFields(sale))
    if (opened === 'stale') throw new LeftEpoch(sale.id, shard, epoch)
  }

  private async settleSurvivors(sale: string, shard: number, barrier: string): Promise<void> {
    const { redis, ledger, instance, log } = this.parts
    let from = '-'
    let waiting: Intent[] = []
    const settle = async () => {
      if (waiting.length > 0) await ledger.settleSurvivors(sale, instance, waiting)
      waiting = []
    }
    while (barrier !== '0-0') {
      const entries = (await redis.xrangeBuffer(
        intentsKey(sale, shard),
        from,
        barrier,
        'COUNT',
        ENTRIES_AT_ONCE,
      )) as StreamEntry[]
      for (const entry of entries) {
        const { intents, problem } = decodeEntry(sale, shard, entry[1])
        if (problem !== '') log.error({ sale, shard, entry: entry[0].toString(), problem }, 'an entry cannot be read')
        if (waiting.length + intents.length > SURVIVORS_AT_ONCE_MAX) await settle()
        waiting.push(...intents)
      }
      const last = entries.at(-1)
      if (entries.length < ENTRIES_AT_ONCE || last === undefined) break
      from = `(${last[0].toString()}`
    }
    await settle()
  }
}
