// Hot items of this worker, with what runs beside requests for them: looks, exchanges with other gates, pins from the backend.
import { type GateConfig, routeNames, runsOn } from '../kernel/config'
import { hotItems } from '../plugins/hot-items/index'
import type { HotItemSettings } from '../plugins/hot-items/schema'
import { gateName } from './gate-name'
import { hotExchange } from './hot-exchange'
import { type HotNode, hotNode } from './hot-items'
import type { HttpTarget } from './http-client'
import type { Lane } from './lane'
import type { Metrics } from './metrics'
import { requiredDict } from './shared-dict'
import { following, startTimer } from './timers'

/** where no route counts: pins are all there is to see */
const IDLE_LOOK_S = 0.25
/** an item that crosses the threshold is hot at every worker two looks later, 40 ms */
const LOOK_S = 0.02
const EXCHANGE_S = 0.2

/** For init_worker. `volatile_lane`: to what may be lost. */
export function startHotItems(
  config: GateConfig,
  backend: HttpTarget,
  bearer: string,
  metrics: Metrics,
  volatile_lane: Lane,
): HotNode {
  const settings = config.plugins[hotItems.name] as unknown as HotItemSettings & { dry_run: boolean }
  const node = hotNode(requiredDict<string | number>('rushgate_hot'), backend, bearer, metrics, {
    settings,
    dry_run: settings.dry_run,
    gate: gateName(),
    counts_purchases: runsOn(config, 'reserve', hotItems),
  })
  let counts = false
  for (const route of routeNames()) if (runsOn(config, route, hotItems)) counts = true
  startTimer(0, following('pins', node.follow), false)
  startTimer(counts ? LOOK_S : IDLE_LOOK_S, node.tick, true)
  if (!counts) return node
  const exchange = hotExchange(volatile_lane)
  const exchangeNow = (premature: boolean): void => {
    if (!premature) node.exchange(exchange)
  }
  startTimer(EXCHANGE_S, exchangeNow, true)
  return node
}
