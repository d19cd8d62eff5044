// What a sale with a draw asks of Redis in place of take-number: one script for entering, for asking again, and for the rank afterwards.
import { drawEntrant } from '../../../../contract/draw-entrant'
import type { FollowedSale } from '../../../../contract/followed-sale'
import { admissionKey, calledKey, entrantsKey, entriesKey, metaKey, ranksKey } from '../../../../contract/keys'
import type { Entered } from '../../domain/drawing'
import { packNumber } from '../../domain/waiting-wire'
import type { LaneResult } from '../../kernel/lane'
import type { CryptoPort, Ports } from '../../kernel/plugin'
import type { Answer } from '../../kernel/verdict'

export function entrantOf(crypto: CryptoPort, sale: FollowedSale, user: string): string {
  return drawEntrant((message) => crypto.saleMac(sale.id_key, message), crypto.byteLength, sale.id, user)
}

export function askDraw(ports: Ports, sale: FollowedSale, entrant: string): LaneResult {
  const keys = [
    metaKey(sale.id, 0),
    admissionKey(sale.id),
    calledKey(sale.id),
    entrantsKey(sale.id),
    entriesKey(sale.id),
    ranksKey(sale.id),
  ]
  const item = packNumber(sale.epoch) + (ports.crypto.fromBase64Url(entrant) ?? '')
  return ports.lane.ask('draw-ticket', 'draw-ticket ' + sale.id + '.' + sale.epoch, keys, item, sale.redis_replid)
}

/** The answer with more to it. `entered` undefined: the draw is over. */
export function withDraw(answer: Answer, entrant: string, entered: Entered | undefined, ticket: string): Answer {
  const rest = answer.body.substring(0, answer.body.length - 1)
  answer.body =
    rest +
    ',"entrant":"' +
    entrant +
    '"' +
    (entered === undefined ? '' : ',"draw":"' + entered.draw + '"') +
    (entered !== undefined && entered.draw === 'entered' ? ',"entrants":' + entered.entrants : '') +
    (ticket === '' ? '}' : ',"ticket":"' + ticket + '"}')
  return answer
}
