// The chain: the plugins of a route in the order of their priority, each under its settings, until one speaks.
import type { PluginPhases } from './plugin'
import type { GateRequest } from './request'
import { FORWARD, type Refusal, refuseFor, type Verdict } from './verdict'

export interface Link {
  name: string
  fails: 'open' | 'closed'
  /** records what it would have refused, and lets the request go on */
  dry_run: boolean
  phases: PluginPhases
}

export interface ChainReport {
  /** a refusal, or what would have been one (dry run) */
  refused: (this: void, plugin: string, refusal: Refusal, dry_run: boolean) => void
  storeFailed: (this: void, plugin: string, detail: string, fails: 'open' | 'closed') => void
}

const RETRY_AFTER_FAILURE_MS = 1000

/** Asks each plugin in turn. When none speaks the request is forwarded. */
export function runChain(links: Link[], request: GateRequest, report: ChainReport): Verdict {
  for (const link of links) {
    const verdict = link.phases.access(request)
    if (verdict !== undefined) {
      if (verdict.kind === 'refusal') {
        report.refused(link.name, verdict, link.dry_run)
        if (!link.dry_run) return verdict
      } else if (verdict.kind === 'store_failure') {
        report.storeFailed(link.name, verdict.detail, link.fails)
        if (link.fails === 'closed') {
          return refuseFor('unavailable', 'The store behind ' + link.name + ' does not answer.', RETRY_AFTER_FAILURE_MS)
        }
      } else {
        return verdict
      }
    }
  }
  return FORWARD
}
