// The second half of a request for an item's page: what waits for the backend, in the location that /web/item/{id} is redirected to.
import type { ChainReport } from '../kernel/chain'
import { type GateConfig, runsOn } from '../kernel/config'
import type { Answer, Refusal } from '../kernel/verdict'
import { answerFilled, cacheControl } from '../plugins/item-cache/answers'
import { itemCache } from '../plugins/item-cache/index'
import { nginxHttp } from './http'
import type { ItemsNode } from './items'
import { nowS, variable } from './nginx-calls'

const PATH = '/item/'

interface Settings {
  dry_run?: boolean
  client_max_age_s?: number
}

/** undefined where the plugin is not on the route. What it makes: undefined for what nginx is to pass on to the backend. */
export function itemFiller(
  items: ItemsNode,
  config: GateConfig,
  report: ChainReport,
): ((this: void) => Answer | Refusal | undefined) | undefined {
  if (!runsOn(config, 'item', itemCache)) return undefined
  const settings = config.plugins[itemCache.name] as Settings | undefined
  const is_dry_run = settings?.dry_run ?? false
  const cache_control = cacheControl(settings?.client_max_age_s ?? 0)

  return () => {
    // built from the id that the route matched
    const id = string.sub(variable('uri') ?? '', PATH.length + 1)
    // the chain has counted it already
    if (is_dry_run && items.isRefused(id)) return undefined
    const filled = items.fill(id)
    const verdict = answerFilled(nginxHttp, filled, cache_control, nowS() * 1000)
    if (verdict === undefined || verdict.kind === 'answer') return verdict
    report.refused(itemCache.name, verdict, is_dry_run)
    return is_dry_run ? undefined : verdict
  }
}
