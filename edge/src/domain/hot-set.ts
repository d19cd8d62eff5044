// Which items are hot: what the workers of a node and the gates of the cluster count, added up, against two thresholds.
//
// An item becomes hot with the rate of this node or with that of all gates together, and stays so until both have been below a lower
// threshold for a while: a rate near the threshold does not switch it on and off.

interface HotTerms {
  /** requests a second at this node */
  enter_per_s: number
  leave_per_s: number
  /** the same of all gates together */
  cluster_enter_per_s: number
  cluster_leave_per_s: number
  quiet_ms: number
  /** items that may be hot at a time */
  hot_max: number
}

export interface HotItem {
  item: string
  /** at this node */
  since_ms: number
  /** this worker has known it as hot from then on */
  known_ms: number
  /** it has been below both lower thresholds from then on; 0: it is not */
  quiet_from_ms: number
  node_per_s: number
  cluster_per_s: number
}

export interface HotSet {
  terms: HotTerms
  hot: HotItem[]
  by_name: Record<string, HotItem | undefined>
  entered: number
  left: number
  /** items that would have been hot, had there been room */
  crowded: number
}

/** Requests a second, by item. */
export type Rates = Record<string, number>

export function newHotSet(terms: HotTerms): HotSet {
  return { terms, hot: [], by_name: {}, entered: 0, left: 0, crowded: 0 }
}

function enter(set: HotSet, item: string, node_per_s: number, cluster_per_s: number, now_ms: number): boolean {
  const { terms } = set
  if (node_per_s < terms.enter_per_s && cluster_per_s < terms.cluster_enter_per_s) return false
  if (set.hot.length >= terms.hot_max) {
    set.crowded += 1
    return false
  }
  const entry = { item, since_ms: now_ms, known_ms: now_ms, quiet_from_ms: 0, node_per_s, cluster_per_s }
  set.hot.push(entry)
  set.by_name[item] = entry
  set.entered += 1
  return true
}

/** For a worker that has just begun: another one has had it since then. */
export function adoptHot(set: HotSet, item: string, since_ms: number, now_ms: number): void {
  if (set.by_name[item] !== undefined || set.hot.length >= set.terms.hot_max) return
  const entry = { item, since_ms, known_ms: now_ms, quiet_from_ms: 0, node_per_s: 0, cluster_per_s: 0 }
  set.hot.push(entry)
  set.by_name[item] = entry
}

function look(terms: HotTerms, one: HotItem, node_per_s: number, cluster_per_s: number, now_ms: number): void {
  one.node_per_s = node_per_s
  one.cluster_per_s = cluster_per_s
  const is_quiet = node_per_s < terms.leave_per_s && cluster_per_s < terms.cluster_leave_per_s
  if (!is_quiet) one.quiet_from_ms = 0
  else if (one.quiet_from_ms === 0) one.quiet_from_ms = now_ms
}

/**
 * One look. `node`: of all workers of this node; `others`: of all other gates together; `since`: since when other workers of this node
 * have had them, for one that has just begun. True when an item has become hot or is no longer.
 */
export function updateHotSet(set: HotSet, node: Rates, others: Rates, since: Rates, now_ms: number): boolean {
  const { terms } = set
  let changed = false
  let kept = 0
  for (let i = 0; i < set.hot.length; i++) {
    const one = set.hot[i] as HotItem
    const node_per_s = node[one.item] ?? 0
    look(terms, one, node_per_s, node_per_s + (others[one.item] ?? 0), now_ms)
    if (one.quiet_from_ms > 0 && now_ms - one.quiet_from_ms >= terms.quiet_ms) {
      set.by_name[one.item] = undefined
      set.left += 1
      changed = true
    } else {
      set.hot[kept] = one
      kept += 1
    }
  }
  while (set.hot.length > kept) set.hot.pop()
  for (const item in node) {
    if (set.by_name[item] !== undefined) continue
    const node_per_s = node[item] as number
    if (enter(set, item, node_per_s, node_per_s + (others[item] ?? 0), now_ms)) changed = true
  }
  for (const item in others) {
    if (set.by_name[item] !== undefined || node[item] !== undefined) continue
    if (enter(set, item, 0, others[item] as number, now_ms)) changed = true
  }
  for (const one of set.hot) one.since_ms = Math.min(one.since_ms, since[one.item] ?? now_ms)
  return changed
}

/** The most of `rates`, the greatest first. */
export function topRates(rates: Rates, most: number): { item: string; per_s: number }[] {
  const all: { item: string; per_s: number }[] = []
  for (const item in rates) all.push({ item, per_s: rates[item] as number })
  all.sort((a, b) => {
    if (a.per_s !== b.per_s) return b.per_s - a.per_s
    return a.item < b.item ? -1 : a.item > b.item ? 1 : 0
  })
  while (all.length > most) all.pop()
  return all
}
