// reservation: takes units for a shopper, or says why not.
//
// Guarantee: a 202 is written only after Redis has taken the units and queued the intent in one atomic step. The same
// Idempotency-Key always gets the same reservation. What is answered from shared memory is never older than a second.
import type { RefusalCode } from '../../../../contract/codes'
import type { FollowedSale, FollowedSku } from '../../../../contract/followed-sale'
import { IDEMPOTENCY_KEY_LENGTH_MAX } from '../../../../contract/lane-scripts'
import { parseRecord } from '../../../../contract/record'
import { formatReservationId, reservationBody, reservationMac } from '../../../../contract/reservation-id'
import { shardOfUser } from '../../../../contract/shard'
import { keyProblem, type PurchaseBody, purchaseProblem, quantityProblem } from '../../domain/purchase'
import { heldAnswer, recordAnswer } from '../../domain/reservation-answer'
import { parseReserveReply } from '../../domain/reserve-reply'
import { refusalFromBoard, refusalOfAll } from '../../domain/stock'
import { isUtf8 } from '../../domain/utf8'
import type { LaneResult } from '../../kernel/lane'
import { definePlugin, type PluginPhases, type Ports } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import type { KnownSale } from '../../kernel/sales'
import type { Infer } from '../../kernel/schema'
import { answerJson, type Refusal, refuse, refuseFor, type Verdict } from '../../kernel/verdict'
import { schema } from './schema'

const DETAILS: Record<string, string> = {
  not_open: 'The sale has not opened yet.',
  ended: 'The sale has ended.',
  paused: 'The sale is paused by the seller; nothing you hold is lost.',
  sold_out: 'Every unit is sold.',
  all_held: 'Every unit left is held by somebody who has not paid yet; some may come back.',
  not_enough_left: 'Fewer units are left than you asked for.',
  limit_reached: 'You have as many units as one buyer may have.',
  key_reused: 'Idempotency-Key: was used with another sku or quantity.',
  pass_required: 'This pass was used for another purchase: wait for a new one.',
  proof_required: 'This proof was used for another purchase: make a new one.',
  session_replaced: 'You have signed in on another device since.',
  bad_request: 'quantity: is not possible for this sku.',
}

interface Purchase {
  known: KnownSale
  sku: FollowedSku
  quantity: number
  key: string
  /** an outcome was unknown before: Redis is asked whatever shared memory says */
  is_retry: boolean
}

function isJson(content_type: string | undefined): boolean {
  if (content_type === undefined) return false
  const semicolon = content_type.indexOf(';')
  const media = semicolon < 0 ? content_type : content_type.substring(0, semicolon)
  return media === 'application/json' || media.toLowerCase().trim() === 'application/json'
}

/** What plugins before this one have verified, and the purchase uses up. */
function spendsOf(request: GateRequest): string {
  if (request.pass_id === '') return request.proof_id === '' ? '' : 'w' + request.proof_id
  const pass = 'p' + request.pass_id
  return request.proof_id === '' ? pass : pass + ',w' + request.proof_id
}

function create(config: Infer<typeof schema>, ports: Ports): PluginPhases {
  const { crypto, http, lane, sales } = ports
  // set before each use, with no yield between: a closure for each request would never be compiled
  let id_key = ''

  function hmacOfSale(message: string): string {
    return crypto.saleMac(id_key, message)
  }

  /** What is asked for, or why it cannot be. */
  function parsePurchase(request: GateRequest): Purchase | Refusal {
    if (!isJson(http.header('content_type'))) {
      return refuse('unsupported_media_type', 'Content-Type: must be application/json')
    }
    const key = http.header('idempotency_key')
    // what is wrong is looked for only when something is: a loop over characters costs more than the rest of the check
    if (key === undefined || key.length > IDEMPOTENCY_KEY_LENGTH_MAX || !http.isVisible(key)) {
      return refuse('bad_request', keyProblem(key) ?? 'Idempotency-Key: is not valid')
    }
    const text = http.body()
    if (text === undefined) return refuse('bad_request', 'body: is missing')
    if (!http.isPrintable(text) && !isUtf8(text)) return refuse('bad_request', 'body: must be UTF-8')
    const parsed = http.parseJson(text)
    if (typeof parsed !== 'object') return refuse('bad_request', 'body: must be a JSON object')
    const body = parsed as PurchaseBody
    const known = sales.find(request.route.subject)
    let sku: FollowedSku | undefined
    if (known !== undefined) sku = known.skus[body.sku as string]
    // what the sale knows is an id: its characters need no look
    const bad_body = sku === undefined ? purchaseProblem(body) : quantityProblem(body.quantity)
    if (bad_body !== undefined) return refuse('bad_request', bad_body)
    if (known === undefined) {
      if (sales.ready()) return refuse('not_found', 'sale: there is no such sale')
      return refuseFor('unavailable', 'This node does not know the sales yet.', config.retry_after_ms)
    }
    if (sku === undefined) return refuse('not_found', 'sku: there is no such sku in this sale')
    // of a sale of one, hot-items has counted it already
    if (known.sale.skus.length > 1) ports.countPurchase(sku.sku)
    return {
      known,
      sku,
      quantity: body.quantity as number,
      key,
      is_retry: http.header('x_rush_retry') === '1',
    }
  }

  /** Nobody gets anything, not even a retry. */
  function isShut(sale: FollowedSale): RefusalCode | undefined {
    if (sale.state === 'draft') return 'not_open'
    return sale.rebuilding ? 'rebuilding' : undefined
  }

  /** For who is not known to have asked before. */
  function isOutside(sale: FollowedSale, now_ms: number): RefusalCode | undefined {
    if (sale.state === 'ended' || now_ms >= sale.closes_ms + config.open_margin_ms) return 'ended'
    if (sale.state === 'paused') return 'paused'
    return now_ms < sale.opens_ms - config.open_margin_ms ? 'not_open' : undefined
  }

  /** What needs neither body nor round trip: most refusals of a rush. */
  function early(request: GateRequest): Verdict | undefined {
    const known = sales.find(request.route.subject)
    if (known === undefined) return undefined
    const sale = known.sale
    const shut = isShut(sale)
    if (shut !== undefined) return refusal(shut)
    const code = isOutside(sale, request.redis_now_ms) ?? refusalOfAll(known.board, sale.epoch, request.now_ms)
    return code === undefined || http.header('x_rush_retry') === '1' ? undefined : refusal(code)
  }

  /** What needs no round trip. */
  function refusalFromMemory(purchase: Purchase, request: GateRequest): RefusalCode | undefined {
    const sale = purchase.known.sale
    const shut = isShut(sale)
    if (shut !== undefined || purchase.is_retry) return shut
    return (
      isOutside(sale, request.redis_now_ms) ??
      refusalFromBoard(purchase.known.board, sale.epoch, purchase.sku.sku, purchase.quantity, request.now_ms)
    )
  }

  // made once and never changed: a rush ends in refusals by the million
  const standing: Record<string, Refusal | undefined> = {
    rebuilding: refuseFor('rebuilding', 'The stock is being counted again; this takes seconds.', config.retry_after_ms),
  }
  standing['busy'] = refuseFor(
    'busy',
    'Settlement is at its limit backlog_max: what was bought has to be written down first.',
    config.retry_after_ms,
  )
  for (const code in DETAILS) standing[code] = refuse(code as RefusalCode, DETAILS[code] ?? '')

  function refusal(code: RefusalCode): Refusal {
    return standing[code] ?? refuse(code, '')
  }

  /** limit_reached names the buyer's own reservations, because a reloaded page has lost its key. */
  function limitReached(sale: FollowedSale, shard: number, user: string, bodies: string): Refusal {
    const verdict = refuse('limit_reached', DETAILS['limit_reached'] ?? '')
    id_key = sale.id_key
    let ids = ''
    let from = 0
    while (from < bodies.length) {
      const comma = bodies.indexOf(',', from)
      const end = comma < 0 ? bodies.length : comma
      const body = bodies.substring(from, end)
      const mac = reservationMac(hmacOfSale, crypto.byteLength, user, body)
      ids = ids + (ids === '' ? '"' : ',"') + formatReservationId(sale.id, shard, body, mac) + '"'
      from = end + 1
    }
    verdict.members = ',"reservations":[' + ids + ']'
    return verdict
  }

  function failed(result: LaneResult): Refusal {
    if (result.failure === 'rebuilding') return refusal('rebuilding')
    if (result.failure === 'busy') {
      return refuseFor('busy', 'This node is at its limit ' + (result.limit ?? '') + '.', config.retry_after_ms)
    }
    if (result.failure === 'unknown') {
      const verdict = refuseFor(
        'unavailable',
        'Whether you got it is not known. Ask again with the same Idempotency-Key and X-Rush-Retry: 1.',
        config.retry_after_ms,
      )
      verdict.unknown = true
      return verdict
    }
    return refuseFor('unavailable', 'Purchases are not possible at the moment.', config.retry_after_ms)
  }

  function tooManyRetries(user: string): boolean {
    return ports.countWithin('retry:' + user, config.retries_window_s) > config.retries_max
  }

  function access(request: GateRequest): Verdict | undefined {
    const purchase = parsePurchase(request)
    if ('kind' in purchase) return purchase
    const known_refusal = refusalFromMemory(purchase, request)
    if (known_refusal !== undefined) return refusal(known_refusal)
    const user = request.user
    if (purchase.is_retry && tooManyRetries(user)) {
      return refuseFor('rate_limited', 'Too many retries: wait a little.', config.retries_window_s * 1000)
    }
    const sale = purchase.known.sale
    id_key = sale.id_key
    const body = reservationBody(hmacOfSale, crypto.byteLength, user, sale.id, purchase.key)
    const mac = reservationMac(hmacOfSale, crypto.byteLength, user, body)
    const shard = shardOfUser(crypto.crc32, user, sale.shards)
    const spends = spendsOf(request)
    const result = lane.reserve(
      sale,
      shard,
      body,
      purchase.sku.sku,
      purchase.quantity,
      request.generation,
      user,
      spends,
    )
    if (result.line === undefined) return failed(result)
    const reply = parseReserveReply(result.line)
    if (reply === undefined) return { kind: 'store_failure', detail: 'the script said what it never says' }
    if (reply.kind === 'refused') {
      if (reply.code === 'limit_reached') return limitReached(sale, shard, user, reply.bodies)
      return refusal(reply.code)
    }
    const id = formatReservationId(sale.id, shard, body, mac)
    if (reply.kind === 'held') return answerJson(202, heldAnswer(id, reply.units, ports.chance(), ports.degrade()))
    const record = parseRecord(reply.record)
    if (record === undefined) return { kind: 'store_failure', detail: 'a record that is none' }
    return answerJson(202, recordAnswer(id, record, ports.chance(), ports.degrade()))
  }

  return { early, access }
}

export const reservation = definePlugin({
  name: 'reservation',
  version: '0.1.0',
  priority: 1000,
  routes: ['reserve'],
  fails: 'closed',
  reads_body: true,
  // before the session: whoever it is and however he asks, nobody gets anything now
  early_priority: 2100,
  schema,
  create,
})
