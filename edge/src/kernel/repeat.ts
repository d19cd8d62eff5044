// Repeats of a purchase that was made: they are answered although what they bring is no longer good.
//
// Guarantee: what a plugin would refuse with is taken back only when Redis knows the reservation of this shopper and Idempotency-Key,
// under the epoch that the ledger expects. Which reservation it is, and whether it is asked for alike, is the reservation script's.
import { metaKey, reservationsKey } from '../../../contract/keys'
import { reservationBody } from '../../../contract/reservation-id'
import { shardOfUser } from '../../../contract/shard'
import { keyProblem } from '../domain/purchase'
import { packNumber } from '../domain/waiting-wire'
import type { LaneResult } from './lane'
import type { Ports } from './plugin'
import type { GateRequest } from './request'
import type { KnownSale } from './sales'
import { type Refusal, refuseFor } from './verdict'

/** undefined: it is a repeat; else `refusal`, or why nobody can tell at the moment. */
type RepeatCheck = (this: void, request: GateRequest, known: KnownSale, refusal: Refusal) => Refusal | undefined

/** Look-ups that one user may cause on this node: without a pass or proof they must stay cheaper than with one. */
const LOOKUPS_MAX = 20
const LOOKUPS_WINDOW_S = 10

export function repeatCheck(ports: Ports, retry_after_ms: number): RepeatCheck {
  const { crypto, http, lane } = ports
  // set before each use, with no yield between
  let id_key = ''

  function hmacOfSale(message: string): string {
    return crypto.saleMac(id_key, message)
  }

  /** Everybody who is refused at the same moment comes back at a time of their own. */
  function cannotTell(result: LaneResult): Refusal {
    const after_ms = Math.floor(retry_after_ms * (1 + ports.chance()))
    if (result.failure === 'rebuilding' || result.line === 'rebuilding') {
      return refuseFor('rebuilding', 'The sale is being set up again; what you hold is kept.', after_ms)
    }
    if (result.failure === 'busy') {
      return refuseFor('busy', 'This node is at its limit ' + (result.limit ?? '') + '.', after_ms)
    }
    return refuseFor('unavailable', 'Whether this was bought before cannot be asked at the moment.', after_ms)
  }

  return (request, known, refusal) => {
    const key = http.header('idempotency_key')
    if (key === undefined || keyProblem(key) !== undefined) return refusal
    const user = request.user
    if (ports.countWithin('repeat:' + user, LOOKUPS_WINDOW_S) > LOOKUPS_MAX) {
      return refuseFor('rate_limited', 'Too many retries: wait a little.', LOOKUPS_WINDOW_S * 1000)
    }
    const sale = known.sale
    id_key = sale.id_key
    const body = reservationBody(hmacOfSale, crypto.byteLength, user, sale.id, key)
    const shard = shardOfUser(crypto.crc32, user, sale.shards)
    const result = lane.ask(
      'is-reserved',
      'is-reserved ' + sale.id + '.' + shard + '.' + sale.epoch,
      [metaKey(sale.id, shard), reservationsKey(sale.id, shard)],
      packNumber(sale.epoch) + body,
      sale.redis_replid,
    )
    if (result.line === 'known') return undefined
    if (result.line === 'unknown') return refusal
    return cannotTell(result)
  }
}

/** An outcome was unknown before. */
export function isMarkedRetry(ports: Ports): boolean {
  return ports.http.header('x_rush_retry') === '1'
}
