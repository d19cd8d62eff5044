// Plugins of the operator's own: RUSHGATE_PLUGINS names Lua modules, each of which returns a plugin record;
// RUSHGATE_PLUGIN_PATH is where they are, in the words of package.path.
import type { Plugin } from '../kernel/plugin'

/** Adds them to `plugins`. */
export function loadOwnPlugins(plugins: Plugin[]): void {
  const path = os.getenv('RUSHGATE_PLUGIN_PATH')
  const lua = _G as unknown as { package: { path: string } }
  if (path !== undefined) lua.package.path = path + ';' + lua.package.path
  const names = os.getenv('RUSHGATE_PLUGINS') ?? ''
  for (const [name] of string.gmatch(names, '[^,%s]+')) table.insert(plugins, require(name as string) as Plugin)
}
