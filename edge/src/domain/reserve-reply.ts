// What the reserve script says of one reservation (contract/lane-scripts.ts): "<code> [<rest>]".
import type { RefusalCode } from '../../../contract/codes'

export interface Held {
  kind: 'held'
  /** unit numbers joined by commas, '' for an unlimited SKU */
  units: string
}

interface Replay {
  kind: 'replay'
  /** contract/record.ts */
  record: string
}

export interface Turned {
  kind: 'refused'
  code: RefusalCode
  /** limit_reached: bodies of the buyer's own reservations joined by commas; '' otherwise */
  bodies: string
}

const REFUSED: Record<string, RefusalCode | undefined> = {
  key_reused: 'key_reused',
  session_replaced: 'session_replaced',
  pass_required: 'pass_required',
  proof_required: 'proof_required',
  not_open: 'not_open',
  ended: 'ended',
  paused: 'paused',
  busy: 'busy',
  limit_reached: 'limit_reached',
  not_enough_left: 'not_enough_left',
  all_held: 'all_held',
  sold_out: 'sold_out',
  bad_item: 'bad_request',
}

/** undefined for a text that the script does not say: a fault, not a refusal. */
export function parseReserveReply(text: string): Held | Replay | Turned | undefined {
  const space = text.indexOf(' ')
  const code = space < 0 ? text : text.substring(0, space)
  const rest = space < 0 ? '' : text.substring(space + 1)
  if (code === 'held') {
    const end = rest.indexOf(' ')
    if (end < 0) return undefined
    return { kind: 'held', units: rest.substring(0, end) }
  }
  if (code === 'replay') return { kind: 'replay', record: rest }
  const refusal = REFUSED[code]
  if (refusal === undefined) return undefined
  return { kind: 'refused', code: refusal, bodies: rest }
}
