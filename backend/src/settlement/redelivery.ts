// Where the ledger was put back to its last durable point: what was acknowledged after that point is to come again.
//
// Acknowledged entries look settled to whoever trims. So the group of every stream is wound back to the beginning before any stream is read
// or trimmed: readers and the trimmer share one of these and wait for it in each step. The ledger stays `restored`, over starts too, until then.
import type { Redis } from 'ioredis'
import { SETTLER_GROUP } from '../../../contract/keys'
import type { Ledger } from '../ledger/port'
import type { Logger } from '../log'
import type { SalesFollower } from '../sales/follower'
import { streamOf } from './streams'

export class Redelivery {
  private winding: Promise<void> | undefined

  constructor(private readonly parts: { ledger: Ledger; redis: Redis; sales: SalesFollower; log: Logger }) {}

  /** Resolves when nothing is left to be wound back; after a failure the next call tries again. */
  done(): Promise<void> {
    this.winding ??= this.windBack().catch((error: unknown) => {
      this.winding = undefined
      throw error
    })
    return this.winding
  }

  private async windBack(): Promise<void> {
    const { ledger, redis, sales, log } = this.parts
    if (ledger.restored !== true) return
    let streams = 0
    // of every sale: one that is not read now, because it is being rebuilt, is read and trimmed later
    for (const sale of (await sales.latest()).sales) {
      for (let shard = 0; shard < sale.shards; shard++) {
        if (await windBack(redis, streamOf(sale.id, shard).key)) streams += 1
      }
    }
    await ledger.redelivered?.()
    log.warn({ streams }, 'the ledger was put back: streams are settled again from their beginning')
  }
}

/** False where there is no stream or no group: one that is made later begins at the beginning. */
async function windBack(redis: Redis, key: string): Promise<boolean> {
  try {
    await redis.xgroup('SETID', key, SETTLER_GROUP, '0')
    return true
  } catch (error) {
    const is_absent = error instanceof Error && /^NOGROUP|requires the key to exist/.test(error.message)
    if (!is_absent) throw error
    return false
  }
}
