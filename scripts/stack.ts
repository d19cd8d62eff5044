// A whole Rushgate on loopback: Redis, backend and gate as real processes, for `npm start`, tests, faults, load and bench.
//
// Everything a stack writes is below its folder. Ports not asked for are drawn free. start() of a part keeps its
// port and its data, so that a killed part comes back as itself. Needs `npm run build`.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type BackendAddresses,
  backendEnvironment,
  backendValues,
  findNginx,
  gateListen,
  loadModules,
  Nginx,
  renderTemplate,
  resolverLine,
  type TlsFiles,
  tlsLines,
  tlsTrust,
} from './nginx'
import { freePort, isPortFree, keepPorts } from './ports'
import { type DeathListener, ManagedProcess } from './processes'
import { type Fsync, Redis } from './redis'

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const PROBE_TIMEOUT_MS = 2000
const ADMIN_TIMEOUT_MS = 60_000
/** where there is no database yet, PGlite makes one: ten seconds and more on a core that others use too */
const BACKEND_READY_TIMEOUT_MS = 120_000

export type PartName = 'redis' | 'backend' | 'gate'

export interface StackOptions {
  /** made when absent; secrets and data in it are kept for the next start */
  dir: string
  /** workers of the gate; default 1 */
  workers?: number
  gate_port?: number
  backend_port?: number
  redis_port?: number
  metrics_port?: number
  /** where the gate finds the backend's servers; default: the stack's own */
  backends?: BackendAddresses
  /** PostgreSQL for the ledger; PGlite in `dir` when absent */
  database_url?: string
  /** the backend's, separated by commas; default all, others need `database_url` */
  roles?: string
  /** for backend and gate, over what the stack sets */
  env?: Record<string, string | undefined>
  /** Redis' appendfsync; default `always` */
  fsync?: Fsync
  /** the gate's rushgate.json; default the one in the repository */
  config?: string
  error_log_level?: string
  /** a second address of the gate, where clients must speak the PROXY protocol */
  proxy_protocol?: string
  /** a listener of the gate for TLS and HTTP/2, which shoppers are then sent to; a free port when none is named */
  tls?: TlsFiles & { port?: number }
  /** demo accounts and the sandbox payment provider; default true */
  demo?: boolean
  /** a part ended that nobody asked to end */
  onDeath?: DeathListener
  /** told before each part is started */
  onProgress?: (part: PartName) => void
}

interface StackSecrets {
  /** RUSHGATE_SECRET */
  secret: string
  /** RUSHGATE_ADMIN_TOKEN */
  admin_token: string
}

export class AdminError extends Error {
  constructor(
    readonly status: number,
    readonly body: unknown,
    message: string,
  ) {
    super(message)
  }
}

export class Stack {
  readonly redis: Redis
  readonly backend: ManagedProcess
  readonly gate: Nginx
  /** `shop` is where shoppers are sent: the gate's listener for TLS when there is one */
  readonly urls: { shop: string; gate: string; backend: string; redis: string; metrics: string }
  readonly admin_token: string
  readonly secret: string
  readonly dir: string

  constructor(options: StackOptions, ports: Ports, secrets: StackSecrets) {
    const dir = resolve(options.dir)
    this.dir = dir
    this.admin_token = secrets.admin_token
    this.secret = secrets.secret
    const plain = `http://127.0.0.1:${ports.gate}`
    this.urls = {
      shop: ports.tls === undefined ? plain : `https://127.0.0.1:${ports.tls}`,
      gate: plain,
      backend: `http://127.0.0.1:${ports.backend}`,
      redis: `redis://127.0.0.1:${ports.redis}`,
      metrics: `http://127.0.0.1:${ports.metrics}/metrics`,
    }
    this.redis = new Redis(join(dir, 'redis'), ports.redis, options.fsync ?? 'always', options.onDeath)
    this.backend = backendProcess(options, dir, ports, this.urls, secrets)
    this.gate = gateProcess(options, dir, ports, this.urls, secrets)
  }

  get parts(): ManagedProcess[] {
    return [this.redis, this.backend, this.gate]
  }

  async start(onProgress?: (part: PartName) => void): Promise<void> {
    for (const part of ['redis', 'backend', 'gate'] as const) {
      onProgress?.(part)
      await this[part].start()
    }
  }

  /** Calls the admin API; throws an AdminError for anything but a 2xx. */
  async admin<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(this.urls.backend + path, {
      method,
      headers: { authorization: `Bearer ${this.admin_token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(ADMIN_TIMEOUT_MS),
    })
    const text = await response.text()
    const answer = parseJson(text)
    if (!response.ok) throw new AdminError(response.status, answer, `${method} ${path}: ${response.status} ${text}`)
    return answer as T
  }

  /** The gate's error log since the folder was made. */
  error_log(): string {
    return this.gate.errorLog()
  }

  /** Gate first, so that nothing new comes in; Redis last, so that nothing is lost on the way. */
  async stop(): Promise<void> {
    for (const part of [this.gate, this.backend, this.redis]) await part.stop()
  }
}

interface Ports {
  gate: number
  backend: number
  redis: number
  metrics: number
  /** of the gate, when it has such a listener */
  tls: number | undefined
}

export async function startStack(options: StackOptions): Promise<Stack> {
  requireBuild()
  mkdirSync(options.dir, { recursive: true })
  const { gate_port, backend_port, redis_port, metrics_port, tls } = options
  keepPorts(gate_port, backend_port, redis_port, metrics_port, tls?.port)
  const ports = {
    gate: await choosePort('gate', options.gate_port),
    backend: await choosePort('backend', options.backend_port),
    redis: await choosePort('Redis', options.redis_port),
    metrics: await choosePort('metrics', options.metrics_port),
    tls: options.tls && (await choosePort('TLS', options.tls.port)),
  }
  const stack = new Stack(options, ports, stackSecrets(options.dir))
  try {
    await stack.start(options.onProgress)
  } catch (error) {
    await stack.stop()
    throw error
  }
  return stack
}

export class PortTakenError extends Error {
  constructor(
    readonly what: string,
    readonly port: number,
  ) {
    super(`port ${port} (${what}) is taken by another program`)
  }
}

async function choosePort(what: string, asked: number | undefined): Promise<number> {
  if (asked === undefined) return freePort()
  if (!(await isPortFree(asked))) throw new PortTakenError(what, asked)
  return asked
}

/** Made once for each folder, readable by its owner only. */
export function stackSecrets(dir: string): StackSecrets {
  const file = join(dir, 'secrets.json')
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as StackSecrets
  const secrets = {
    secret: `k${randomBytes(3).toString('hex')}:${randomBytes(32).toString('base64url')}`,
    admin_token: randomBytes(24).toString('base64url'),
  }
  mkdirSync(dir, { recursive: true })
  writeFileSync(file, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 })
  return secrets
}

function requireBuild(): void {
  for (const file of ['dist/backend/main.js', 'dist/rushgate.lua']) {
    if (!existsSync(join(ROOT, file))) throw new Error(`${file} is missing: run \`npm run build\` first`)
  }
}

function backendProcess(
  options: StackOptions,
  dir: string,
  ports: Pick<Ports, 'backend'>,
  urls: Stack['urls'],
  secrets: StackSecrets,
): ManagedProcess {
  return new ManagedProcess(
    {
      name: 'backend',
      command: process.execPath,
      args: ['--enable-source-maps', join(ROOT, 'dist/backend/main.js'), ...rolesArgument(options.roles)],
      cwd: ROOT,
      env: {
        NODE_ENV: 'production',
        RUSHGATE_BIND: '127.0.0.1',
        RUSHGATE_PORT: String(ports.backend),
        RUSHGATE_PUBLIC_URL: urls.shop,
        RUSHGATE_DATA: dir,
        REDIS_URL: urls.redis,
        RUSHGATE_SECRET: secrets.secret,
        RUSHGATE_ADMIN_TOKEN: secrets.admin_token,
        PAYMENT_PROVIDER: 'sandbox',
        RUSHGATE_DEMO: options.demo === false ? undefined : '1',
        DATABASE_URL: options.database_url,
        ...options.env,
      },
      log_file: join(dir, 'backend.log'),
      ready: () => answersOk(`${urls.backend}/healthz`),
      ready_timeout_ms: BACKEND_READY_TIMEOUT_MS,
    },
    options.onDeath,
  )
}

function rolesArgument(roles: string | undefined): string[] {
  return roles === undefined ? [] : ['--roles', roles]
}

function gateProcess(
  options: StackOptions,
  dir: string,
  ports: Ports,
  urls: Stack['urls'],
  secrets: StackSecrets,
): Nginx {
  const prefix = join(dir, 'gate')
  const config = resolve(ROOT, options.config ?? 'rushgate.json')
  const backends = options.backends ?? { all: `127.0.0.1:${ports.backend}` }
  const nginx = findNginx()
  const values = {
    PREFIX: prefix,
    LOAD_MODULES: loadModules(nginx.modules),
    RESOLVER: resolverLine(),
    TLS_TRUST: tlsTrust(options.env?.RUSHGATE_CA_FILE ?? process.env.RUSHGATE_CA_FILE),
    WORKERS: String(options.workers ?? 1),
    GATE_LISTEN: gateListen(`127.0.0.1:${ports.gate}`, options.proxy_protocol),
    TLS: options.tls && ports.tls !== undefined ? tlsLines(`127.0.0.1:${ports.tls}`, options.tls) : '',
    METRICS_LISTEN: `127.0.0.1:${ports.metrics}`,
    ...backendValues(backends),
    BUNDLE: join(ROOT, 'dist/rushgate.lua'),
    WEB_ROOT: join(ROOT, 'dist/web'),
    CONFIG: config,
    ERROR_LOG_LEVEL: options.error_log_level ?? 'notice',
    LUA_PATH: nginx.lua_path,
  }
  return new Nginx({
    name: 'gate',
    dir: prefix,
    config: renderTemplate(readFileSync(join(ROOT, 'nginx/nginx.conf.template'), 'utf8'), values),
    env: {
      RUSHGATE_SECRET: secrets.secret,
      RUSHGATE_REDIS_URL: urls.redis,
      ...backendEnvironment(backends),
      RUSHGATE_CONFIG: config,
      ...options.env,
    },
    ready: () => answersOk(`${urls.gate}/livez`),
    onDeath: options.onDeath,
  })
}

/** One more backend with these roles over the same Redis and PostgreSQL, in a folder of its own below the stack's. Its caller starts and stops it. */
export async function anotherBackend(
  stack: Stack,
  name: string,
  roles: string,
  options: Omit<StackOptions, 'dir'> & { database_url: string },
): Promise<ManagedProcess> {
  const dir = join(stack.dir, name)
  mkdirSync(dir, { recursive: true })
  const port = await choosePort(name, options.backend_port)
  const urls = { ...stack.urls, backend: `http://127.0.0.1:${port}` }
  const secrets = { secret: stack.secret, admin_token: stack.admin_token }
  return backendProcess({ ...options, roles, dir }, dir, { backend: port }, urls, secrets)
}

export interface AnotherGate {
  gate: Nginx
  urls: Stack['urls']
}

/** One more gate before the same backend and Redis, in a folder of its own below the stack's. Its caller stops it. */
export async function startAnotherGate(
  stack: Stack,
  name: string,
  options: Omit<StackOptions, 'dir'> = {},
): Promise<AnotherGate> {
  const portOf = (url: string) => Number(new URL(url).port)
  const ports = {
    gate: await choosePort('gate', options.gate_port),
    metrics: await choosePort('metrics', options.metrics_port),
    backend: portOf(stack.urls.backend),
    redis: portOf(stack.urls.redis),
    tls: options.tls && (await choosePort('TLS', options.tls.port)),
  }
  const gate_url = `http://127.0.0.1:${ports.gate}`
  const urls = {
    ...stack.urls,
    shop: ports.tls === undefined ? gate_url : `https://127.0.0.1:${ports.tls}`,
    gate: gate_url,
    metrics: `http://127.0.0.1:${ports.metrics}/metrics`,
  }
  const secrets = { secret: stack.secret, admin_token: stack.admin_token }
  const gate = gateProcess({ ...options, dir: stack.dir }, join(stack.dir, name), ports, urls, secrets)
  await gate.start()
  return { gate, urls }
}

async function answersOk(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
  await response.arrayBuffer()
  return response.status === 200
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return text
  }
}
