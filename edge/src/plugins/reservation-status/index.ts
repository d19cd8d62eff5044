// reservation-status: answers a poll from the record in Redis.
//
// Guarantee: only the owner gets an answer; anybody else's id, or an invented one, is `not_found` without a round trip.
// A reservation that Redis does not know is left to the backend, which asks the ledger and, if that does not know it
// either, writes it down as void.
import { parseRecord } from '../../../../contract/record'
import { parseReservationId, reservationMac } from '../../../../contract/reservation-id'
import { shardOfUser } from '../../../../contract/shard'
import { recordAnswer } from '../../domain/reservation-answer'
import { definePlugin, type PluginPhases, type Ports } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import type { Infer } from '../../kernel/schema'
import { answerJson, FORWARD, refuse, refuseFor, type Verdict } from '../../kernel/verdict'
import { schema } from './schema'

const UNKNOWN = 'There is no such reservation of yours.'

function create(config: Infer<typeof schema>, ports: Ports): PluginPhases {
  const { crypto, lane, sales } = ports
  let id_key = ''

  function hmacOfSale(message: string): string {
    return crypto.saleMac(id_key, message)
  }

  function access(request: GateRequest): Verdict | undefined {
    const id = request.route.subject
    const parts = parseReservationId(id)
    if (parts === undefined) return refuse('not_found', UNKNOWN)
    const known = sales.find(parts.sale)
    if (known === undefined) {
      if (sales.ready()) return refuse('not_found', UNKNOWN)
      return refuseFor('unavailable', 'This node does not know the sales yet.', config.retry_after_ms)
    }
    const sale = known.sale
    id_key = sale.id_key
    const mac = reservationMac(hmacOfSale, crypto.byteLength, request.user, parts.body)
    const shard = shardOfUser(crypto.crc32, request.user, sale.shards)
    if (parts.shard !== shard || !crypto.equal(mac, parts.mac)) return refuse('not_found', UNKNOWN)
    if (sale.rebuilding) {
      return refuseFor('rebuilding', 'The stock is being counted again; this takes seconds.', config.retry_after_ms)
    }
    const result = lane.lookup(sale, parts.shard, parts.body)
    if (result.line === undefined) {
      if (result.failure === 'rebuilding') {
        return refuseFor('rebuilding', 'The stock is being counted again; this takes seconds.', config.retry_after_ms)
      }
      if (result.failure === 'busy') {
        return refuseFor('busy', 'This node is at its limit ' + (result.limit ?? '') + '.', config.retry_after_ms)
      }
      return refuseFor('unavailable', 'The status cannot be read at the moment.', config.retry_after_ms)
    }
    const record = result.line === '-' ? undefined : parseRecord(result.line)
    if (record === undefined) return FORWARD
    return answerJson(200, recordAnswer(id, record, ports.chance(), ports.degrade()))
  }

  return { access }
}

export const reservationStatus = definePlugin({
  name: 'reservation-status',
  version: '0.1.0',
  priority: 1000,
  routes: ['reservation'],
  fails: 'closed',
  schema,
  create,
})
