// What a plugin is handed of this node: the ports of kernel/plugin.ts, with its name on what it counts, says and keeps.
import type { CrawlersPort } from '../kernel/crawlers'
import type { CryptoPort, HeaderPort, InProgressPort, Ports } from '../kernel/plugin'
import { agentKind } from './agents'
import { clusterRates } from './cluster-rates'
import { counterStore } from './counters'
import type { Events } from './events'
import type { HotNode } from './hot-items'
import { nginxHttp } from './http'
import type { ItemsNode } from './items'
import { jwtReader } from './jwt'
import type { Lane } from './lane'
import type { ListsNode } from './lists'
import { markPort } from './marks'
import type { Metrics } from './metrics'
import type { NodeLevel } from './node-level'
import type { RedisScripts } from './redis-scripts'
import type { SalesNode } from './sales'
import { requiredDict } from './shared-dict'

/** What a worker has one of. */
interface PortParts {
  scripts: RedisScripts
  sales: SalesNode
  lists: ListsNode
  metrics: Metrics
  node: NodeLevel
  volatile_lane: Lane
  in_progress: InProgressPort
  of_client: { crypto: CryptoPort; headers: HeaderPort; crawlers: CrawlersPort }
  of_items: { events: Events; items: ItemsNode; hot: HotNode }
}

export function portsFor(plugin: string, parts: PortParts): Ports {
  const { metrics } = parts
  const { crypto, headers, crawlers } = parts.of_client
  const { events: item_events, items, hot } = parts.of_items
  const limits = requiredDict<number>('rushgate_limits')
  const event = 'rushgate_plugin_events_total{plugin="' + plugin + '",event="'
  const warn = (message: string): void => {
    ngx.log(ngx.WARN, plugin, ': ', message)
  }
  return {
    lane: parts.scripts.port,
    sales: parts.sales.port,
    lists: parts.lists.port,
    crypto,
    http: nginxHttp,
    jwt: (settings) => jwtReader(settings, crypto, warn),
    chance: () => math.random(),
    count: (name) => metrics.add(event + name + '"}', 1),
    warn,
    countWithin: (key, window_s) => {
      const [count] = limits.incr(plugin + ':' + key, 1, 0, window_s)
      // a zone too full to count lets pass: the script still checks everything
      return count ?? 0
    },
    rates: counterStore(requiredDict<number>('rushgate_rates'), plugin + ':'),
    shared_rates: counterStore(requiredDict<number>('rushgate_shared_rates'), plugin + ':'),
    degrade: parts.node.level,
    cluster_rates: clusterRates(parts.volatile_lane, plugin + ':'),
    in_progress: parts.in_progress,
    sleep: (ms) => ngx.sleep(ms / 1000),
    headers,
    agentKind,
    crawlers,
    marks: markPort(requiredDict<number>('rushgate_marks')),
    events: item_events.port,
    items: items.port,
    countItem: hot.count,
    countPurchase: hot.countPurchase,
    isHot: hot.isHot,
  }
}
