// Sessions: each new one ends the user's older ones, because its generation is higher.
//
// A generation is raised in the ledger, made durable, and copied to the `sessions` hash of every sale that may still sell,
// where the reserve script looks; only then is the session handed out. A sale that is loaded later gets all of them.
import { crc32 } from 'node:zlib'
import type { Redis } from 'ioredis'
import { sessionsKey } from '../../../contract/keys'
import { shardOfUser } from '../../../contract/shard'
import { Refusal } from '../http/refusal'
import type { Ledger, Sale } from '../ledger/port'
import type { Metrics } from '../metrics'
import { execAll } from '../redis/scripts'
import type { SalesFollower } from '../sales/follower'
import type { Keyring } from '../secrets'
import { type MintedSession, mintSession, type Session } from './token'

/** Users in one ledger call and one HSET: bounds what either holds up. */
const USERS_AT_ONCE_MAX = 1000

interface UserGeneration {
  user: string
  generation: number
}

// KEYS 1 sessions  ARGV user, generation, user, generation …  A generation only rises: of two logins at the same
// moment the slower copy must not win.
const RAISE = `for i = 1, #ARGV, 2 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  if not known or tonumber(known) < tonumber(ARGV[i + 1]) then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end`

export interface UserSession extends MintedSession {
  user: string
}

export class Sessions {
  constructor(
    private readonly ledger: Ledger,
    private readonly redis: Redis,
    private readonly sales: SalesFollower,
    private readonly keyring: Keyring,
    private readonly metrics: Metrics,
  ) {}

  /** One session for each user, in the order given. */
  async create(users: string[], kind: 'login' | 'demo', level = 0): Promise<UserSession[]> {
    const generations = await this.replace(users)
    const now_ms = this.ledger.now()
    this.metrics.sessions.inc({ kind }, users.length)
    return generations.map(({ user, generation }) => ({
      user,
      ...mintSession(this.keyring, user, generation, level, now_ms),
    }))
  }

  /** Ends all sessions of the user. */
  async end(user: string): Promise<void> {
    await this.replace([user])
  }

  /**
   * A session that a newer one has replaced may look, but change nothing. The ledger is asked, because Redis knows generations only where
   * something is sold, and holds outlive that.
   */
  async requireNewest({ user, generation }: Session): Promise<void> {
    const newest = await this.ledger.sessionGeneration(user)
    // a first session replaces none
    if (newest > 1 && newest > generation) {
      throw new Refusal('session_replaced', 'a newer login has ended this session')
    }
  }

  private async replace(users: string[]): Promise<UserGeneration[]> {
    const generations: UserGeneration[] = []
    for (let from = 0; from < users.length; from += USERS_AT_ONCE_MAX) {
      generations.push(...(await this.ledger.replaceSessions(users.slice(from, from + USERS_AT_ONCE_MAX))))
    }
    await this.ledger.durable()
    // a first session replaces none, and an absent field says just that
    const replacing = generations.filter(({ generation }) => generation > 1)
    const sales = replacing.length === 0 ? [] : await this.sellingSales()
    for (let from = 0; from < replacing.length; from += USERS_AT_ONCE_MAX) {
      await copyGenerations(this.redis, sales, replacing.slice(from, from + USERS_AT_ONCE_MAX))
    }
    return generations
  }

  private async sellingSales(): Promise<Sale[]> {
    const { sales } = await this.sales.latest()
    const now_ms = this.ledger.now()
    return sales.filter(({ state, rebuilding, closes_ms }) => {
      // one that is being opened has read the generations already
      const may_sell = state !== 'ended' && (state !== 'draft' || rebuilding)
      return may_sell && closes_ms > now_ms
    })
  }
}

/** Raises the users' generations in every shard of the sales that they belong to. */
export async function copyGenerations(redis: Redis, sales: Sale[], users: UserGeneration[]): Promise<void> {
  const pipeline = redis.pipeline()
  for (const sale of sales) {
    const of_shards = new Map<number, (string | number)[]>()
    for (const { user, generation } of users) {
      const shard = shardOfUser(crc32, user, sale.shards)
      const of_shard = of_shards.get(shard) ?? []
      of_shard.push(user, generation)
      of_shards.set(shard, of_shard)
    }
    for (const [shard, args] of of_shards) pipeline.eval(RAISE, 1, sessionsKey(sale.id, shard), ...args)
  }
  if (pipeline.length > 0) await execAll(pipeline)
}
