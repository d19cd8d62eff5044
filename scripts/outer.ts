// The outer tier as a process: plain NGINX with njs in front of gates (nginx/outer.conf.template).
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSecretFile } from '../backend/src/secrets'
import { findNjs, Nginx, renderTemplate, type TlsFiles, tlsLines } from './nginx'
import type { DeathListener } from './processes'
import { ROOT } from './stack'

/** A gate is out after this many failures within fail_timeout, and for that long. */
const MAX_FAILS = 3
const FAIL_TIMEOUT_S = 5
const PROBE_TIMEOUT_MS = 2000

export interface OuterOptions {
  dir: string
  port: number
  /** host:port of each gate */
  gates: string[]
  /** RUSHGATE_SECRET */
  secret: string
  /** RUSHGATE_SECRET_FILE, in place of it */
  secret_file?: string
  workers?: number
  /** CIDRs of balancers in front of it, whose X-Forwarded-For is believed */
  trusted_proxies?: string[]
  tls?: TlsFiles & { port: number }
  onDeath?: DeathListener
}

function outerValues(options: OuterOptions): Record<string, string> {
  const { dir, port, gates, tls } = options
  return {
    LOAD_MODULES: `load_module ${findNjs()};`,
    PREFIX: dir,
    ERROR_LOG_LEVEL: 'notice',
    WORKERS: String(options.workers ?? 1),
    NJS: join(ROOT, 'dist/njs/outer.js'),
    OUTER_LISTEN: `127.0.0.1:${port}`,
    TLS: tls === undefined ? '' : tlsLines(`127.0.0.1:${tls.port}`, tls),
    TRUSTED_PROXIES: (options.trusted_proxies ?? []).map((cidr) => `set_real_ip_from ${cidr};`).join(' '),
    GATES: servers(gates),
    OTHERS_OF: gates.map((gate, i) => `"~(^|, )${gate.replaceAll('.', '\\.')}$" rushgate_not_${i};`).join('\n        '),
    OTHERS: gates.map((gate, i) => othersOf(gates, gate, `rushgate_not_${i}`)).join('\n    '),
  }
}

function servers(gates: string[]): string {
  return gates
    .map((gate) => `server ${gate} max_fails=${MAX_FAILS} fail_timeout=${FAIL_TIMEOUT_S}s;`)
    .join('\n        ')
}

/** All gates but one, and that one when none of them answers. */
function othersOf(gates: string[], gate: string, name: string): string {
  const others = gates.filter((other) => other !== gate)
  const last = `server ${gate}${others.length > 0 ? ' backup' : ''};`
  return `upstream ${name} { zone ${name} 64k; ${servers(others)} ${last} }`
}

export async function startOuter(options: OuterOptions): Promise<Nginx> {
  if (!existsSync(join(ROOT, 'dist/njs/outer.js')))
    throw new Error('dist/njs/outer.js is missing: run `npm run build` first')
  if (options.secret_file !== undefined) readSecretFile(options.secret_file)
  const template = readFileSync(join(ROOT, 'nginx/outer.conf.template'), 'utf8')
  const outer = new Nginx({
    name: 'outer tier',
    dir: options.dir,
    config: renderTemplate(template, outerValues(options)),
    env: { RUSHGATE_SECRET: options.secret, RUSHGATE_SECRET_FILE: options.secret_file },
    ready: async () => {
      const url = `http://127.0.0.1:${options.port}/livez`
      return (await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })).ok
    },
    onDeath: options.onDeath,
  })
  await outer.start()
  return outer
}
