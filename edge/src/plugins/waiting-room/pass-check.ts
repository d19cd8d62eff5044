// The pass that a purchase must bring.
import type { FollowedSale } from '../../../../contract/followed-sale'
import { metaKey, reservationsKey } from '../../../../contract/keys'
import { CHECKOUT_MS, PASS_MARGIN_MS, type PassParts } from '../../../../contract/pass'
import { reservationBody } from '../../../../contract/reservation-id'
import { shardOfUser } from '../../../../contract/shard'
import { keyProblem } from '../../domain/purchase'
import { packNumber } from '../../domain/waiting-wire'
import type { Ports } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import type { KnownSale } from '../../kernel/sales'
import type { Infer } from '../../kernel/schema'
import { type Refusal, refuse } from '../../kernel/verdict'
import { roomRefusal } from './lane-failure'
import type { schema } from './schema'
import { readPass } from './tokens'

export type PassChecker = (this: void, request: GateRequest, known: KnownSale) => Refusal | undefined

/** Given by a room that has forgotten it since. */
function isFromBefore(sale: FollowedSale, pass: PassParts): boolean {
  const since_ms = sale.waiting_since_ms
  return since_ms !== undefined && since_ms > 0 && pass.expires_ms + PASS_MARGIN_MS < since_ms + CHECKOUT_MS
}

export function passChecker(config: Infer<typeof schema>, ports: Ports): PassChecker {
  const { crypto, http, lane } = ports
  // set before each use, with no yield between
  let id_key = ''

  function hmacOfSale(message: string): string {
    return crypto.saleMac(id_key, message)
  }

  /**
   * Without a good pass only a purchase that was made before is answered: its retry may come when the pass has run out meanwhile.
   * Redis is asked, and says `unknown` only where it is the one that the ledger knows.
   */
  function checkRepeat(request: GateRequest, known: KnownSale, problem: string): Refusal | undefined {
    const key = http.header('idempotency_key')
    if (key === undefined || keyProblem(key) !== undefined) return refuse('pass_required', problem)
    const sale = known.sale
    id_key = sale.id_key
    const body = reservationBody(hmacOfSale, crypto.byteLength, request.user, sale.id, key)
    const shard = shardOfUser(crypto.crc32, request.user, sale.shards)
    const result = lane.ask(
      'is-reserved',
      'is-reserved ' + sale.id + '.' + shard + '.' + sale.epoch,
      [metaKey(sale.id, shard), reservationsKey(sale.id, shard)],
      packNumber(sale.epoch) + body,
      sale.redis_replid,
    )
    if (result.line === 'known') return undefined
    if (result.line === 'unknown') return refuse('pass_required', problem)
    return roomRefusal(result, ports, config.retry_after_ms)
  }

  function checkPass(request: GateRequest, known: KnownSale): Refusal | undefined {
    const sale = known.sale
    const text = http.header('x_rush_pass')
    if (text === undefined) {
      const missing = 'X-Rush-Pass: is missing: POST /sales/' + sale.id + '/tickets'
      if (http.header('x_rush_retry') === '1') return checkRepeat(request, known, missing)
      return refuse('pass_required', missing)
    }
    const pass = readPass(crypto, text, sale.id, request.user)
    if (typeof pass === 'string') return refuse('pass_required', 'X-Rush-Pass: ' + pass)
    if (pass.expires_ms <= request.redis_now_ms) {
      const refusal = checkRepeat(request, known, 'X-Rush-Pass: has expired')
      if (refusal !== undefined) return refusal
    } else if (isFromBefore(sale, pass)) {
      const problem = 'X-Rush-Pass: the waiting room was set up again since: ask for the ticket, it has kept its place'
      const refusal = checkRepeat(request, known, problem)
      if (refusal !== undefined) return refusal
    }
    request.pass_id = pass.pass_id
    return undefined
  }

  return checkPass
}
