// What plugins see of lanes: one reservation or one look-up goes in, the script's line for it comes out.
//
// The call waits (the request's light thread yields); all that wait in a worker at the same moment travel together.
import type { FollowedSale } from '../../../contract/followed-sale'

export type LaneFailure =
  /** never sent: the queue was at its ceiling, which `limit` names */
  | 'busy'
  /** never sent, or sent and surely without effect: Redis could not be reached */
  | 'unavailable'
  /** sent, and no answer came: it may have happened */
  | 'unknown'
  /** the shard is being loaded, or this Redis is not the one that the ledger knows */
  | 'rebuilding'

export interface LaneResult {
  /** the script's line for this item, without its body */
  line?: string
  failure?: LaneFailure
  /** name of the ceiling that was hit, for busy */
  limit?: string
}

export interface LanePort {
  /** `quantity` ≥ 1; `spends`: ids as contract/lane-scripts.ts says, or ''; safe to repeat with the same body */
  reserve: (
    this: void,
    sale: FollowedSale,
    shard: number,
    body: string,
    sku: string,
    quantity: number,
    generation: number,
    user: string,
    spends: string,
  ) => LaneResult
  /**
   * One item for a script of edge/src/redis by its file's name; line: what it says of that item.
   *
   * Items that wait at the same moment on the same `channel`, which must mean the same script and keys, go in one call:
   * KEYS are `keys`, ARGV the batch's number and then for each item 22 characters that name it and its text. The script
   * returns "<batch>" and a line "<name> <what it says>" for each, in their order. With `replid` nothing is sent to a Redis
   * that has another replication id: what it knows may be older than what was promised.
   */
  ask: (this: void, script: string, channel: string, keys: string[], item: string, replid?: string) => LaneResult
  /** line: the record, or '-' */
  lookup: (this: void, sale: FollowedSale, shard: number, body: string) => LaneResult
}
