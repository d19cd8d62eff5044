// A peer: a program that sells the same units by the same script, to be measured beside the gate.
import { join } from 'node:path'
import { findNginx, Nginx, type NginxProgram, renderTemplate } from '../../scripts/nginx'
import { freePort } from '../../scripts/ports'
import type { Sale } from '../sale'

export interface PeerPlan {
  /** a folder of its own */
  dir: string
  redis_port: number
  sale: Sale
  /** the reserve script, as built */
  script_file: string
}

export interface Peer {
  port: number
  /** the processes that serve: whose CPU time is the peer's */
  pids: () => number[]
  stop: () => Promise<void>
}

/** What all peers are told, as environment variables. */
export function peerEnvironment(plan: PeerPlan, port: number): Record<string, string> {
  return {
    PEER_PORT: String(port),
    PEER_REDIS_PORT: String(plan.redis_port),
    PEER_SCRIPT: plan.script_file,
    PEER_SALE: plan.sale.id,
    PEER_SKU: plan.sale.sku,
    PEER_EPOCH: String(plan.sale.epoch),
    PEER_SPENDS: plan.sale.guarded ? '1' : '0',
  }
}

/** An nginx with one worker; the template is rendered with what findNginx found and the peer's own folder. */
export async function startNginxPeer(name: string, source: string, template: string, plan: PeerPlan): Promise<Peer> {
  const port = await freePort()
  const program = findNginx()
  const nginx = new Nginx({
    name,
    dir: plan.dir,
    config: renderTemplate(template, {
      PREFIX: plan.dir,
      LOAD_MODULES: loadModules(program),
      LUA_PATH: `${source}/?.lua;${program.lua_path}`,
      PORT: String(port),
    }),
    env: peerEnvironment(plan, port),
    ready: () => answers(port),
  })
  await nginx.start()
  return { port, pids: () => nginx.workers(), stop: () => nginx.stop() }
}

/** Directives for an nginx whose Lua module is not built in. */
export function loadModules(program: NginxProgram): string {
  if (program.modules === '') return ''
  return ['ndk_http_module.so', 'ngx_http_lua_module.so']
    .map((file) => `load_module ${join(program.modules, file)};`)
    .join('\n')
}

/** Any answer at all. */
export async function answers(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(2000) })
  await response.arrayBuffer()
  return true
}
