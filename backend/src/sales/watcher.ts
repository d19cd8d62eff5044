// Sees by itself when Redis is not what the ledger thinks: restarted (another replication id), emptied (no epoch), put back
// (an older epoch), or left in the middle of a rebuild. Then it rebuilds. Looks once a second and on every connect.
//
// It also sets right what an admin call could not tell Redis at the time: state, window and limits.
import type { Redis } from 'ioredis'
import { admissionKey, metaKey } from '../../../contract/keys'
import type { Sale } from '../ledger/port'
import type { Logger } from '../log'
import { Loop } from '../loop'
import type { Metrics } from '../metrics'
import { execAll } from '../redis/scripts'
import { replicationId, type Shards, wrongEvictionPolicy } from '../redis/shards'
import { roomSettings } from '../waiting/room'
import type { SalesFollower } from './follower'
import { RebuildBusy, type Rebuilder, type RebuildReason } from './rebuild'

const EVERY_MS = 1000
/** After a rebuild that failed: the next look comes sooner. */
const AGAIN_MS = 200
const REBUILDS_AT_ONCE = 4

interface WatcherParts {
  redis: Redis
  shards: Shards
  sales: SalesFollower
  rebuilder: Rebuilder
  metrics: Metrics
  log: Logger
}

export class Watcher {
  private readonly loop: Loop
  private last_problem = ''

  constructor(private readonly parts: WatcherParts) {
    this.loop = new Loop({ name: 'watcher', log: parts.log, metrics: parts.metrics, step: () => this.step() })
    parts.redis.on('ready', () => this.loop.kick())
  }

  start(): void {
    this.loop.start()
  }

  stop(): Promise<void> {
    return this.loop.stop()
  }

  private async step(): Promise<number> {
    const { redis, sales } = this.parts
    const { replid, role } = await replicationId(redis)
    if (role !== 'master') {
      redis.disconnect(true)
      throw new Error(`Redis is a ${role} now: connecting again to find the primary`)
    }
    await this.checkEvictionPolicy()
    const watched = (await sales.latest()).sales.filter(({ epoch, rebuilding }) => epoch > 0 || rebuilding)
    const found: { sale: Sale; reason: RebuildReason }[] = []
    for (const sale of watched) {
      if (this.parts.rebuilder.isRunning(sale.id)) continue
      const reason = await this.reasonToRebuild(sale, replid)
      if (reason !== undefined) found.push({ sale, reason })
    }
    // those that sell now come first
    found.sort((a, b) => Number(b.sale.state === 'ready') - Number(a.sale.state === 'ready'))
    let all_well = true
    for (let from = 0; from < found.length; from += REBUILDS_AT_ONCE) {
      const batch = found.slice(from, from + REBUILDS_AT_ONCE)
      const results = await Promise.all(batch.map(({ sale, reason }) => this.rebuild(sale, reason)))
      all_well = results.every(Boolean) && all_well
    }
    return all_well ? EVERY_MS : AGAIN_MS
  }

  private async reasonToRebuild(sale: Sale, replid: string): Promise<RebuildReason | undefined> {
    if (sale.rebuilding) return 'resumed'
    const fields = this.parts.shards.metaFields(sale)
    const names = Object.keys(fields)
    const pipeline = this.parts.redis.pipeline()
    for (let shard = 0; shard < sale.shards; shard++) pipeline.hmget(metaKey(sale.id, shard), 'epoch', ...names)
    const shards = (await execAll(pipeline)) as (string | null)[][]
    if (roomSettings(sale) !== undefined && (await this.parts.redis.exists(admissionKey(sale.id))) === 0) {
      return 'keys_missing'
    }
    for (const [shard, [epoch, ...values]] of shards.entries()) {
      if (epoch === null) return 'keys_missing'
      if (epoch !== String(sale.epoch)) return 'epoch_behind'
      // closed under the present epoch: a rebuild opens it, nothing else may
      if (values[names.indexOf('state')] === 'closed') return 'resumed'
      const differs = names.some((name, i) => values[i] !== fields[name])
      if (differs && sale.redis_replid === replid) {
        await this.parts.shards.configure(sale.id, shard, sale.epoch, fields)
      }
    }
    return sale.redis_replid === replid ? undefined : 'replication_id'
  }

  private async rebuild(sale: Sale, reason: RebuildReason): Promise<boolean> {
    try {
      await this.parts.rebuilder.rebuild(sale, reason)
      return true
    } catch (error) {
      if (error instanceof RebuildBusy) return true
      this.parts.log.error({ err: error, sale: sale.id, reason }, 'rebuild failed and is tried again')
      return false
    }
  }

  private async checkEvictionPolicy(): Promise<void> {
    const policy = await wrongEvictionPolicy(this.parts.redis)
    const problem = policy === undefined ? '' : evictionProblem(policy)
    if (problem !== '' && problem !== this.last_problem) this.parts.log.fatal(problem)
    this.last_problem = problem
  }
}

export function evictionProblem(policy: string): string {
  return `Redis: maxmemory-policy must be noeviction, got ${policy}: it would throw away units when memory runs out`
}
