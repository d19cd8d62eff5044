// All checkers over one body of evidence. No violation means: nothing sold twice, nothing lost, nothing from
// nowhere, no limit broken, nobody told what is not so, and no answer of 500, 502 or 504.
import type { Evidence, Violation, ViolationKind } from './evidence'
import { nameOf } from './evidence'
import { checkLimits } from './limits'
import { checkLost } from './lost'
import { checkOversold } from './oversold'
import { checkPhantom } from './phantom'
import { checkRefusals } from './refusals'
import { checkToldFalse } from './told-false'

export function checkAll(evidence: Evidence): Violation[] {
  return [
    ...checkOversold(evidence),
    ...checkLost(evidence),
    ...checkPhantom(evidence),
    ...checkLimits(evidence),
    ...checkToldFalse(evidence),
    ...checkRefusals(evidence),
    ...checkServerErrors(evidence),
  ]
}

/** A 503 says why and when to come again; 500, 502 and 504 are bugs, whatever was killed. */
function checkServerErrors(evidence: Evidence): Violation[] {
  const found: Violation[] = []
  for (const attempt of evidence.attempts) {
    for (const answer of attempt.answers) {
      if (answer.http === 503 && answer.code !== '') continue
      if (answer.http < 500) continue
      found.push({
        kind: 'server_error',
        what: `${nameOf(attempt)} got ${answer.http} ${answer.code} to its ${answer.ask}`,
      })
    }
  }
  return found
}

export type Tally = Record<ViolationKind, number>

export function tally(violations: Violation[]): Tally {
  const counts: Tally = { oversold: 0, lost: 0, phantom: 0, limit_broken: 0, told_false: 0, server_error: 0 }
  for (const { kind } of violations) counts[kind] += 1
  return counts
}
