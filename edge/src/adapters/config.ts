// rushgate.json from disk, read once in init. A bad one stops the start with every problem named; at a reload nginx then
// keeps the workers that run, and with them the last good configuration.
import * as cjson from 'cjson.safe'
import { type GateConfig, readConfig } from '../kernel/config'
import type { Plugin } from '../kernel/plugin'

/** Where this gate runs tells which proxies stand before it, so the environment may name them: it counts before the file. */
function trustedProxiesFromEnvironment(value: unknown): void {
  const listed = os.getenv('RUSHGATE_TRUSTED_PROXIES')
  if (listed === undefined || listed === '' || type(value) !== 'table') return
  const file = value as { clients?: { trusted_proxies?: string[] } }
  const proxies: string[] = []
  for (const [proxy] of string.gmatch(listed, '[^,%s]+')) table.insert(proxies, proxy as string)
  if (file.clients === undefined) file.clients = {}
  file.clients.trusted_proxies = proxies
}

export function loadConfig(path: string, plugins: Plugin[]): GateConfig {
  const [file, failure] = io.open(path, 'r')
  if (file === undefined) error('rushgate.json: ' + tostring(failure), 0)
  const text = (file as LuaFile).read('*a') as string
  ;(file as LuaFile).close()
  const [value, problem] = cjson.decode(text)
  if (value === undefined) error(path + ': is not JSON: ' + problem, 0)
  trustedProxiesFromEnvironment(value)
  const reading = readConfig(value, plugins)
  if (reading.problems.length > 0) error(path + ':\n  ' + table.concat(reading.problems, '\n  '), 0)
  return reading.config
}
