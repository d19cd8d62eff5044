// From the plugins and their settings to what each route's requests run through. Done once, in each worker.
import { type Link, type RouteLinks, splitAtBody } from '../kernel/chain'
import { type GateConfig, routeNames, runsOn } from '../kernel/config'
import type { Plugin, Ports } from '../kernel/plugin'

/** The plugins of each route, in the order of their priority. */
export function buildLinks(
  plugins: readonly Plugin[],
  config: GateConfig,
  ports_of: LuaTable<string, Ports>,
): Record<string, RouteLinks> {
  const sorted: Plugin[] = []
  for (const plugin of plugins) table.insert(sorted, plugin)
  table.sort(sorted, (a, b) => a.priority > b.priority)
  const made: Record<string, Link> = {}
  for (const plugin of sorted) {
    const settings = config.plugins[plugin.name]
    made[plugin.name] = {
      name: plugin.name,
      fails: plugin.fails,
      dry_run: settings?.dry_run ?? false,
      reads_body: plugin.reads_body,
      priority: plugin.priority,
      early_priority: plugin.early_priority,
      phases: plugin.create(settings as never, ports_of.get(plugin.name) as Ports),
    }
  }
  const links: Record<string, RouteLinks> = {}
  for (const route of routeNames()) {
    const of_route: Link[] = []
    for (const plugin of sorted) {
      if (runsOn(config, route, plugin)) table.insert(of_route, made[plugin.name] as Link)
    }
    links[route] = splitAtBody(of_route)
  }
  return links
}
