// The pass that a purchase must bring.
import type { FollowedSale } from '../../../../contract/followed-sale'
import { CHECKOUT_MS, PASS_MARGIN_MS, type PassFields } from '../../../../contract/pass'
import type { Ports } from '../../kernel/plugin'
import { isMarkedRetry, repeatCheck } from '../../kernel/repeat'
import type { GateRequest } from '../../kernel/request'
import type { KnownSale } from '../../kernel/sales'
import type { Infer } from '../../kernel/schema'
import { type Refusal, refuse } from '../../kernel/verdict'
import type { schema } from './schema'
import { readPass } from './tokens'

type PassChecker = (this: void, request: GateRequest, known: KnownSale) => Refusal | undefined

/** Given by a room that has forgotten it since. */
function isFromBefore(sale: FollowedSale, pass: PassFields): boolean {
  const since_ms = sale.waiting_since_ms
  return since_ms !== undefined && since_ms > 0 && pass.expires_ms + PASS_MARGIN_MS < since_ms + CHECKOUT_MS
}

function refused(problem: string): Refusal {
  return refuse('pass_required', 'X-Rush-Pass: ' + problem)
}

export function passChecker(config: Infer<typeof schema>, ports: Ports): PassChecker {
  const { crypto, http } = ports
  const unlessRepeat = repeatCheck(ports, config.retry_after_ms)

  function checkPass(request: GateRequest, known: KnownSale): Refusal | undefined {
    const sale = known.sale
    const text = http.header('x_rush_pass')
    if (text === undefined) {
      const refusal = refused('is missing: POST /sales/' + sale.id + '/tickets')
      return isMarkedRetry(ports) ? unlessRepeat(request, known, refusal) : refusal
    }
    const pass = readPass(crypto, text, sale.id, request.user)
    if (typeof pass === 'string') return refused(pass)
    if (pass.expires_ms <= request.redis_now_ms) {
      const refusal = unlessRepeat(request, known, refused('has expired'))
      if (refusal !== undefined) return refusal
    } else if (isFromBefore(sale, pass)) {
      const problem = 'the waiting room was set up again since: ask for the ticket, it has kept its place'
      const refusal = unlessRepeat(request, known, refused(problem))
      if (refusal !== undefined) return refusal
    }
    request.pass_id = pass.pass_id
    return undefined
  }

  return checkPass
}
