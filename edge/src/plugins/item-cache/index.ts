// item-cache: pages of items from this node's memory.
//
// Here nothing waits: what is there is answered, what is known not to exist is refused, and only what has to be fetched goes on,
// by internal redirect, to the location that waits for it (main.ts, `item`).
import { termsOf } from '../../domain/degradation'
import { standingOf } from '../../domain/item-times'
import { definePlugin, type PluginPhases, type Ports } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import type { Infer } from '../../kernel/schema'
import type { Verdict } from '../../kernel/verdict'
import { answerKept, cacheControl, refuseBusy, refuseMissing } from './answers'
import { schema } from './schema'

const UNFILTERED_WINDOW_S = 1

function create(config: Infer<typeof schema>, ports: Ports): PluginPhases {
  const { http, degrade, count, countWithin } = ports
  const { fresh_ms, hot_fresh_ms, stale_ms, missing_ms, jitter_percent } = config
  const { worker_pages_max, page_bytes_max, connect_ms_max, answer_ms_max } = config
  const { wait_ms_max, waiting_max, fetches_max, unfiltered_per_s_max } = config
  const cache_control = cacheControl(config.client_max_age_s)
  const items = ports.items({
    rules: { fresh_ms, hot_fresh_ms, stale_ms, missing_ms, jitter: jitter_percent / 100 },
    worker_pages_max,
    page_bytes_max,
    connect_ms_max,
    answer_ms_max,
    wait_ms_max,
    waiting_max,
    fetches_max,
  })

  function isCacheOnly(): boolean {
    return termsOf(degrade()).item_pages === 'cache_only'
  }

  /** Of an item that this node has no page of. */
  function judge(id: string): Verdict | undefined {
    if (items.isMissing(id)) {
      count('missing')
      return refuseMissing()
    }
    const known = items.knows(id)
    if (known === 'no') {
      count('filtered')
      return refuseMissing()
    }
    if (isCacheOnly()) {
      return refuseBusy('degrade.item_pages', 'Too much is going on: only pages that are in memory are shown.')
    }
    if (known === 'unsure' && countWithin('unfiltered', UNFILTERED_WINDOW_S) > unfiltered_per_s_max) {
      return refuseBusy('item-cache.unfiltered_per_s_max', 'This node does not know the items yet.')
    }
    count('miss')
    return undefined
  }

  function access(request: GateRequest): Verdict | undefined {
    const { name, subject } = request.route
    if (name !== 'item') return undefined
    const page = items.page(subject)
    if (page === undefined) return judge(subject)
    const standing = standingOf(page.times, request.now_ms, items.isHot(subject))
    if (standing === 'gone') return judge(subject)
    if (standing === 'due') {
      items.refresh(subject)
    } else if (standing === 'stale') {
      count('stale')
      if (!isCacheOnly()) items.refresh(subject)
      return answerKept(http, page, standing, cache_control, request.now_ms)
    }
    count(page.from === 'worker' ? 'hit_worker' : 'hit_node')
    return answerKept(http, page, standing, cache_control, request.now_ms)
  }

  return { access }
}

export const itemCache = definePlugin({
  name: 'item-cache',
  version: '0.1.0',
  priority: 500,
  routes: ['item'],
  fails: 'closed',
  schema,
  create,
})
