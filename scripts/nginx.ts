// The gate as a process: finds nginx (or OpenResty), renders the template into a prefix of its own, runs it there.
//
// The same template serves `npm start`, the tests, the benchmark and the containers; only the placeholders differ.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { API_ROLES, type ApiRole } from '../contract/api-role'
import { type DeathListener, ManagedProcess } from './processes'

/** an old worker says that it shuts down a moment before it closes its idle connections */
const CLOSING_MS = 50
const RELOAD_TIMEOUT_MS = 60_000

export interface NginxProgram {
  command: string
  /** folder of the Lua module's .so files; '' when it is built in */
  modules: string
  /** where Lua libraries are looked for, in the words of lua_package_path */
  lua_path: string
}

let found: NginxProgram | undefined

/** Prefers OpenResty's own nginx over the distribution's; throws with what to install. */
export function findNginx(): NginxProgram {
  found ??= lookForNginx()
  return found
}

function lookForNginx(): NginxProgram {
  const commands = ['openresty', '/usr/local/openresty/nginx/sbin/nginx', 'nginx', '/usr/sbin/nginx']
  for (const command of commands) {
    const answer = spawnSync(command, ['-V'], { encoding: 'utf8' })
    if (answer.status !== 0) continue
    const built = answer.stderr
    if (/--add-module=\S*ngx_lua/.test(built)) return { command, modules: '', lua_path: ';;' }
    const modules = moduleFolders(command, built).find((folder) => existsSync(join(folder, 'ngx_http_lua_module.so')))
    if (modules !== undefined)
      return { command, modules, lua_path: '/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua;;' }
  }
  throw new Error(
    'no nginx with the Lua module was found: apt-get install nginx libnginx-mod-http-lua lua-resty-core lua-cjson, or install OpenResty',
  )
}

function moduleFolders(command: string, built: string): string[] {
  const named = /--modules-path=(\S+)/.exec(built)?.[1]
  const prefix = /--prefix=(\S+)/.exec(built)?.[1] ?? dirname(dirname(command))
  return [...(named === undefined ? [] : [named]), join(prefix, 'modules'), '/usr/lib/nginx/modules']
}

/** The resolver for names of Redis and backend, from the system's; none where it names none. */
export function resolverLine(): string {
  const server = /^nameserver\s+(\S+)/m.exec(readText('/etc/resolv.conf'))?.[1]
  if (server === undefined) return ''
  return `resolver ${server.includes(':') ? `[${server}]` : server} valid=10s ipv6=off;`
}

const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'

/** Which certificates a Redis behind TLS is checked against: RUSHGATE_CA_FILE, or the system's where it has some. */
export function tlsTrust(ca_file: string | undefined): string {
  const file = ca_file ?? (existsSync(CERTIFICATES) ? CERTIFICATES : '')
  return file === '' ? '' : `lua_ssl_trusted_certificate ${file};`
}

/** The lines that load the Lua module; none where it is built in. */
export function loadModules(folder: string): string {
  if (folder === '') return ''
  return ['ndk_http_module.so', 'ngx_http_lua_module.so'].map((file) => `load_module ${join(folder, file)};`).join('\n')
}

const NJS_MODULE = 'ngx_http_js_module.so'

/** The njs module of the nginx that is there (Debian: libnginx-mod-http-js); throws with what to install. */
export function findNjs(): string {
  for (const command of ['nginx', '/usr/sbin/nginx', findNginx().command]) {
    const answer = spawnSync(command, ['-V'], { encoding: 'utf8' })
    if (answer.status !== 0) continue
    const folder = moduleFolders(command, answer.stderr).find((each) => existsSync(join(each, NJS_MODULE)))
    if (folder !== undefined) return join(folder, NJS_MODULE)
  }
  throw new Error('nginx has no njs module: apt-get install libnginx-mod-http-js')
}

/** A certificate for trying it, made once (scripts/make-certificate.sh). */
export function trialCertificate(folder: string): TlsFiles {
  const script = join(dirname(fileURLToPath(import.meta.url)), 'make-certificate.sh')
  const made = spawnSync('sh', [script, folder], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`no certificate could be made in ${folder}: ${made.stderr.trim()}`)
  return { certificate: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') }
}

export interface TlsFiles {
  /** PEM files */
  certificate: string
  key: string
}

/** The lines of a server that also speaks TLS and HTTP/2 at an address; settings are those of nginx/tls.conf. */
export function tlsLines(address: string, files: TlsFiles): string {
  const settings = join(dirname(fileURLToPath(import.meta.url)), '../nginx/tls.conf')
  const lines = [`listen ${address} ssl http2 backlog=16384;`, `ssl_certificate ${files.certificate};`]
  return [...lines, `ssl_certificate_key ${files.key};`, `include ${settings};`].join(' ')
}

/** As RUSHGATE_BACKEND, and RUSHGATE_BACKEND_ORDER and the like where a role has servers of its own. */
export type BackendAddresses = { all: string } & Partial<Record<ApiRole, string>>

/** What nginx is told of the backend's servers; the container's entrypoint writes the same. */
export function backendValues(addresses: BackendAddresses): Record<string, string> {
  const of = (role: ApiRole) => (addresses[role] ?? addresses.all).split(',').map((server) => server.trim())
  const groups = API_ROLES.map((role) => {
    const servers = of(role).map((server) => `server ${server} max_fails=2 fail_timeout=5s;`)
    return [`BACKEND_${role.toUpperCase()}`, servers.join(' ')]
  })
  // where another could answer, nobody waits long for one that hangs
  const has_several = API_ROLES.some((role) => of(role).length > 1)
  return { ...Object.fromEntries(groups), BACKEND_WAIT: has_several ? '5s' : '15s' }
}

export function backendEnvironment(addresses: BackendAddresses): Record<string, string | undefined> {
  const own = API_ROLES.map((role) => [`RUSHGATE_BACKEND_${role.toUpperCase()}`, addresses[role]])
  return { RUSHGATE_BACKEND: addresses.all, ...Object.fromEntries(own) }
}

/** Replaces each `@NAME@`; a placeholder without a value is an error, so that no half-rendered file ever starts. */
export function renderTemplate(template: string, values: Record<string, string>): string {
  return template.replace(/@([A-Z][A-Z0-9_]*)@/g, (placeholder, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`the nginx template names ${placeholder}, for which there is no value`)
    return value
  })
}

/**
 * What stands behind `listen`: the gate's own address and, where a balancer speaks the PROXY protocol, a second one for it.
 * The same goes into GATE_LISTEN of the container: "0.0.0.0:8080 proxy_protocol" for that alone.
 */
export function gateListen(address: string, proxy_protocol: string | undefined): string {
  return proxy_protocol === undefined ? address : `${proxy_protocol} proxy_protocol; listen ${address}`
}

interface NginxOptions {
  name: string
  /** the prefix: configuration, logs and temporary files are below it */
  dir: string
  /** the rendered configuration */
  config: string
  env?: Record<string, string | undefined>
  ready: () => Promise<boolean>
  onDeath?: DeathListener
}

export class Nginx extends ManagedProcess {
  readonly dir: string

  constructor(options: NginxOptions) {
    const { dir, config } = options
    for (const folder of ['conf', 'logs', 'temp']) mkdirSync(join(dir, folder), { recursive: true })
    const config_file = join(dir, 'conf/nginx.conf')
    const error_log = join(dir, 'logs/error.log')
    writeFileSync(config_file, config)
    super(
      {
        name: options.name,
        command: findNginx().command,
        args: ['-p', dir, '-c', config_file, '-e', error_log, '-g', globalDirectives(config)],
        cwd: dir,
        env: options.env,
        log_file: join(dir, 'logs/output.log'),
        more_logs: [error_log],
        ready: options.ready,
        stop_signal: 'SIGTERM',
      },
      options.onDeath,
    )
    this.dir = dir
  }

  /** Process ids of the workers that take new connections, in the order they were started. */
  workers(): number[] {
    if (this.pid === 0) return []
    const children = readText(`/proc/${this.pid}/task/${this.pid}/children`).trim()
    if (children === '') return []
    return children
      .split(' ')
      .map(Number)
      .filter((pid) => {
        const title = readText(`/proc/${pid}/cmdline`)
        return title.includes('worker process') && !title.includes('shutting down')
      })
  }

  /** Reads the configuration again and resolves when new workers have taken over; the old ones may still be draining. */
  async reload(): Promise<void> {
    const before = this.workers()
    this.kill('SIGHUP')
    const deadline = Date.now() + RELOAD_TIMEOUT_MS
    for (;;) {
      const now = this.workers()
      if (now.length >= before.length && now.every((pid) => !before.includes(pid))) break
      if (Date.now() > deadline) throw new Error(`${this.name} has not reloaded\n${this.logTail()}`)
      await sleep(20)
    }
    // old workers close idle connections now: whoever sends on one before this process has heard of it gets no answer
    await sleep(CLOSING_MS)
  }

  errorLog(): string {
    return readText(join(this.dir, 'logs/error.log'))
  }
}

// In the foreground, whatever the file says. Under root the workers stay root: the checkout and the stack's folder
// may be closed to every other user. Containers, where that is not so, set a user of their own.
function globalDirectives(config: string): string {
  const directives = []
  if (!/^\s*daemon\s/m.test(config)) directives.push('daemon off;')
  if (process.getuid?.() === 0 && !/^\s*user\s/m.test(config)) directives.push('user root;')
  return directives.join(' ')
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
