// sale-state: what a page needs to know of a sale, without a round trip.
import type { SalePhase } from '../../../../contract/codes'
import type { FollowedSale } from '../../../../contract/followed-sale'
import type { GateSettings } from '../../../../contract/gate-settings'
import { statePollMs, termsOf } from '../../domain/degradation'
import { knownRoom, waitingPeople } from '../../domain/room-view'
import { leftShown, phaseOf } from '../../domain/stock'
import { rfc3339 } from '../../domain/time'
import { definePlugin, type PluginPhases, type Ports } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import type { KnownSale } from '../../kernel/sales'
import type { Infer } from '../../kernel/schema'
import { answerJson, refuse, refuseFor, type Verdict } from '../../kernel/verdict'
import { schema } from './schema'

const RETRY_AFTER_MS = 1000

interface KeptText {
  until_ms: number
  known: KnownSale
  text: string
}

function create(config: Infer<typeof schema>, ports: Ports): PluginPhases {
  const { http, sales, degrade } = ports
  // by sale id; bounded by the sales there are
  const kept: Record<string, KeptText> = {}

  function skuText(known: KnownSale, index: number, exact: boolean): string {
    const sku = known.sale.skus[index]
    if (sku === undefined) return ''
    const stock = known.board.epoch === known.sale.epoch ? known.board.skus[sku.sku] : undefined
    const left = leftShown(known.sale, stock, exact)
    let left_text = 'null'
    if (typeof left === 'number') left_text = '' + left
    else if (left !== undefined) left_text = '"' + left + '"'
    return (
      '{"sku":"' +
      sku.sku +
      '","title":' +
      http.jsonString(sku.title) +
      ',"price":{"amount_minor":' +
      sku.price.amount_minor +
      ',"currency":"' +
      sku.price.currency +
      '"},"user_max":' +
      sku.user_max +
      ',"left":' +
      left_text +
      (ports.isHot(sku.sku) ? ',"hot":true}' : ',"hot":false}')
    )
  }

  /** What a purchase must carry, so that the page can have it ready. */
  function asksText(gate: GateSettings): string {
    let text = gate.signature === true ? '"signature"' : ''
    if (gate.proof === true) text = text + (text === '' ? '' : ',') + '"proof"'
    if (gate.waiting_room !== undefined) text = text + (text === '' ? '' : ',') + '"pass"'
    return text
  }

  /** `ahead`: how many wait, where this worker has heard of it lately. */
  function queueText(sale: FollowedSale, phase: SalePhase, now_ms: number): string {
    const room = sale.gate.waiting_room
    if (room === undefined || phase === 'sold_out' || phase === 'ended') {
      return '{"open":false}'
    }
    const people = waitingPeople(knownRoom(sale.id, room), sale.epoch, now_ms)
    const draw_text = room.draw ? ',"draw":true' : ''
    if (sale.state === 'draft') return '{"open":false' + draw_text + '}'
    return people < 0 ? '{"open":true' + draw_text + '}' : '{"open":true,"ahead":' + people + draw_text + '}'
  }

  /** Everything after the time. */
  function render(known: KnownSale, now_ms: number, redis_now_ms: number, level: number): string {
    const sale = known.sale
    const exact = termsOf(level).exact_stock
    const poll_ms = statePollMs(level)
    const phase = phaseOf(sale, known.board, redis_now_ms)
    let skus = ''
    for (let i = 0; i < sale.skus.length; i++) skus = skus + (i === 0 ? '' : ',') + skuText(known, i, exact)
    return (
      '","phase":"' +
      phase +
      '","sale":"' +
      sale.id +
      '","title":' +
      http.jsonString(sale.title) +
      ',"opens_at":"' +
      rfc3339(sale.opens_ms) +
      '","closes_at":"' +
      rfc3339(sale.closes_ms) +
      '","skus":[' +
      skus +
      '],"asks":[' +
      asksText(sale.gate) +
      '],"queue":' +
      queueText(sale, phase, now_ms) +
      (poll_ms > 0 ? ',"poll_after_ms":' + poll_ms + '}' : '}')
    )
  }

  function access(request: GateRequest): Verdict | undefined {
    const id = request.route.subject
    const known = sales.find(id)
    if (known === undefined) {
      if (sales.ready()) return refuse('not_found', 'sale: there is no such sale')
      return refuseFor('unavailable', 'This node does not know the sales yet.', RETRY_AFTER_MS)
    }
    let entry = kept[id]
    if (entry === undefined || entry.known !== known || request.now_ms >= entry.until_ms) {
      const level = degrade()
      const kept_ms = config.kept_ms * termsOf(level).state_poll_factor
      const text = render(known, request.now_ms, request.redis_now_ms, level)
      entry = { until_ms: request.now_ms + kept_ms, known, text }
      kept[id] = entry
    }
    return answerJson(200, '{"now":"' + rfc3339(request.redis_now_ms) + entry.text)
  }

  return { access }
}

export const saleState = definePlugin({
  name: 'sale-state',
  version: '0.1.0',
  priority: 1000,
  routes: ['state'],
  fails: 'closed',
  schema,
  create,
})
