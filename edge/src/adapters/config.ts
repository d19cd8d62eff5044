// rushgate.json from disk, read once in init. A bad one stops the start with every problem named; at a reload nginx then
// keeps the workers that run, and with them the last good configuration.
import * as cjson from 'cjson.safe'
import { type GateConfig, readConfig } from '../kernel/config'
import type { Plugin } from '../kernel/plugin'

export function loadConfig(path: string, plugins: Plugin[]): GateConfig {
  const [file, failure] = io.open(path, 'r')
  if (file === undefined) error('rushgate.json: ' + tostring(failure), 0)
  const text = (file as LuaFile).read('*a') as string
  ;(file as LuaFile).close()
  const [value, problem] = cjson.decode(text)
  if (value === undefined) error(path + ': is not JSON: ' + problem, 0)
  const reading = readConfig(value, plugins)
  if (reading.problems.length > 0) error(path + ':\n  ' + table.concat(reading.problems, '\n  '), 0)
  return reading.config
}
