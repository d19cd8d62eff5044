// The chain: the plugins of a route in the order of their priority, each under its settings, until one speaks.
import type { PluginPhases } from './plugin'
import type { GateRequest } from './request'
import { FORWARD, type Refusal, refuseFor, type Verdict } from './verdict'

export interface Link {
  name: string
  fails: 'open' | 'closed'
  /** records what it would have refused, and lets the request go on */
  dry_run: boolean
  reads_body?: boolean
  priority?: number
  /** where `early` stands among the priorities of the others */
  early_priority?: number
  phases: PluginPhases
}

/** A route's plugins: those asked before the body is read, and the others; and who hears how it ended. */
export interface RouteLinks {
  head: Link[]
  rest: Link[]
  /** those that are told what became of a request */
  done: DoneListener[]
}

export type DoneListener = (this: void, request: GateRequest, status: number) => void

export interface ChainReport {
  /** a refusal, or what would have been one (dry run) */
  refused: (this: void, plugin: string, refusal: Refusal, dry_run: boolean) => void
  storeFailed: (this: void, plugin: string, detail: string, fails: 'open' | 'closed') => void
}

const RETRY_AFTER_FAILURE_MS = 1000

/**
 * In two parts before the first plugin that reads the body; what those after it can say early is said in the first, at its place.
 * `links`: by priority.
 */
export function splitAtBody(links: Link[]): RouteLinks {
  const head: Link[] = []
  const rest: Link[] = []
  const done: DoneListener[] = []
  for (const link of links) {
    if (link.phases.done !== undefined) done.push(link.phases.done)
    if (rest.length > 0 || link.reads_body === true) rest.push(link)
    else head.push(link)
  }
  for (const { name, fails, dry_run, phases, early_priority } of rest) {
    if (phases.early === undefined || dry_run) continue
    const early = { name, fails, dry_run, priority: early_priority ?? 0, phases: { access: phases.early } }
    insertByPriority(head, early)
  }
  return { head, rest, done }
}

function insertByPriority(links: Link[], link: Link): void {
  links.push(link)
  for (let i = links.length - 1; i > 0; i--) {
    const before = links[i - 1] as Link
    if ((before.priority ?? 0) >= (link.priority ?? 0)) return
    links[i - 1] = link
    links[i] = before
  }
}

function ask(link: Link, request: GateRequest, report: ChainReport): Verdict | undefined {
  const verdict = link.phases.access(request)
  if (verdict === undefined) return undefined
  if (verdict.kind === 'refusal') {
    report.refused(link.name, verdict, link.dry_run)
    return link.dry_run ? undefined : verdict
  }
  if (verdict.kind === 'store_failure') {
    report.storeFailed(link.name, verdict.detail, link.fails)
    if (link.fails === 'open') return undefined
    return refuseFor('unavailable', 'The store behind ' + link.name + ' does not answer.', RETRY_AFTER_FAILURE_MS)
  }
  return verdict
}

/** FORWARD past the end of the list. */
function askAt(links: Link[], place: number, request: GateRequest, report: ChainReport): Verdict | undefined {
  const link = links[place]
  return link === undefined ? FORWARD : ask(link, request, report)
}

function askRest(links: Link[], from: number, request: GateRequest, report: ChainReport): Verdict {
  for (let i = from; i < links.length; i++) {
    const verdict = ask(links[i] as Link, request, report)
    if (verdict !== undefined) return verdict
  }
  return FORWARD
}

function tellRest(done: DoneListener[], from: number, request: GateRequest, status: number): void {
  for (let i = from; i < done.length; i++) (done[i] as DoneListener)(request, status)
}

/** Tells everybody who wants to know how a request ended. The first is written out, as in runChain; more are rare. */
export function tellDone(done: DoneListener[], request: GateRequest, status: number): void {
  const first = done[0]
  if (first !== undefined) first(request, status)
  if (done.length > 1) tellRest(done, 1, request, status)
}

/**
 * Asks each plugin in turn. When none speaks the request is forwarded.
 *
 * The first eight are written out: LuaJIT compiles no request past a loop that goes round two or three times.
 */
export function runChain(links: Link[], request: GateRequest, report: ChainReport): Verdict {
  return (
    askAt(links, 0, request, report) ??
    askAt(links, 1, request, report) ??
    askAt(links, 2, request, report) ??
    askAt(links, 3, request, report) ??
    askAt(links, 4, request, report) ??
    askAt(links, 5, request, report) ??
    askAt(links, 6, request, report) ??
    askAt(links, 7, request, report) ??
    askRest(links, 8, request, report)
  )
}
