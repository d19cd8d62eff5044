// hot-items: counts what each request asks for, so that the node knows its hot items.
// item-events: records each such request as an event, with how it ended.
//
// Neither refuses anybody.
import { definePlugin, type PluginPhases, type Ports } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import type { SalesPort } from '../../kernel/sales'
import { eventsSchema, type HotItemSettings, schema } from './schema'

/** '' where a request does not say which item it is for. */
function itemOf(sales: SalesPort, request: GateRequest): string {
  const { name, subject } = request.route
  if (name === 'item') return subject
  // what is bought of several is known once the body is read: the plugin reservation counts that
  const skus = sales.find(subject)?.sale.skus
  return skus !== undefined && skus.length === 1 ? (skus[0]?.sku ?? '') : ''
}

export const hotItems = definePlugin({
  name: 'hot-items',
  version: '0.1.0',
  // before the sale's own refusals: who comes to what is sold out wants it too
  priority: 2110,
  routes: ['item', 'state', 'reserve'],
  fails: 'open',
  schema,
  create: (_config: HotItemSettings, ports: Ports): PluginPhases => {
    const { countItem, sales } = ports
    return {
      access: (request) => {
        const item = itemOf(sales, request)
        if (item !== '') countItem(item)
        return undefined
      },
    }
  },
})

export const itemEvents = definePlugin({
  name: 'item-events',
  version: '0.1.0',
  priority: 2109,
  routes: ['item'],
  fails: 'open',
  schema: eventsSchema,
  create: (_config: object, ports: Ports): PluginPhases => {
    const { events, sales } = ports
    return {
      access: () => undefined,
      done: (request, status) => {
        const item = itemOf(sales, request)
        if (item !== '') events.record(request, item, status)
      },
    }
  },
})
