// A gate whose route `sales` is answered by a plugin of the test's own, in plain Lua, with what it sees of the request.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StackOptions } from '../../scripts/stack'
import { type Shop, startShop } from './shop'

/** Lua; BODY is what it answers with */
export const OWN_PLUGIN = `return {
  name = 'own', version = '0.1.0', priority = 100, routes = {}, fails = 'closed',
  schema = { kind = 'object', description = 'Answers.', members = {}, names = {} },
  create = function()
    return { access = function(request)
      return { kind = 'answer', status = 200, content_type = 'text/plain', body = BODY }
    end }
  end,
}`

/** `body`: a Lua expression over `request`; `config`: rushgate.json without its version and routes. */
export async function startOwnGate(
  body: string,
  config: Record<string, unknown>,
  plugins: string[],
  options: Omit<StackOptions, 'dir'> = {},
): Promise<Shop> {
  const dir = mkdtempSync(join(tmpdir(), 'rushgate-own-'))
  writeFileSync(join(dir, 'own.lua'), OWN_PLUGIN.replace('BODY', body))
  const file = join(dir, 'rushgate.json')
  writeFileSync(file, JSON.stringify({ version: 1, ...config, routes: { sales: { plugins: [...plugins, 'own'] } } }))
  const env = { RUSHGATE_PLUGINS: 'own', RUSHGATE_PLUGIN_PATH: join(dir, '?.lua'), ...options.env }
  try {
    return await startShop({ config: file, ...options, env })
  } finally {
    // read in init
    rmSync(dir, { recursive: true, force: true })
  }
}

interface OwnAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

/** Asks from one of loopback's addresses, on a connection of its own. */
export function askFrom(
  shop: Shop,
  local: string,
  headers: Record<string, string | string[]> = {},
  path = '/sales',
): Promise<OwnAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      `${shop.stack.urls.gate}${path}`,
      { localAddress: local, headers, agent: false },
      (answer) => {
        let text = ''
        answer.on('data', (part) => (text += part))
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }))
      },
    )
    asked.on('error', reject)
    asked.end()
  })
}
