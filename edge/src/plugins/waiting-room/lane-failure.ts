// Why the room could not be asked, as a refusal.

import type { LaneResult } from '../../kernel/lane'
import type { Ports } from '../../kernel/plugin'
import { type Refusal, refuseFor } from '../../kernel/verdict'

/** Everybody who is refused at the same moment comes back at a time of their own. */
export function roomRefusal(result: LaneResult, ports: Ports, retry_after_ms: number): Refusal {
  const after_ms = Math.floor(retry_after_ms * (1 + ports.chance()))
  if (result.failure === 'rebuilding' || result.line === 'rebuilding') {
    return refuseFor('rebuilding', 'The waiting room is being set up again; places are kept.', after_ms)
  }
  if (result.failure === 'busy') {
    return refuseFor('busy', 'This node is at its limit ' + (result.limit ?? '') + '.', after_ms)
  }
  return refuseFor('unavailable', 'The waiting room cannot be asked at the moment; places are kept.', after_ms)
}
