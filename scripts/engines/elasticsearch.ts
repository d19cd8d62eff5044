// A real Elasticsearch, one node on loopback without security, in a folder of its own.
//
// It refuses to run as root: under root it runs as `nobody`, who owns the folder, and may read where root keeps the rest.
import { spawnSync } from 'node:child_process'
import { chownSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { freePort } from '../ports'
import { type DeathListener, ManagedProcess, READS_ALL } from '../processes'
import { fetchElasticsearch } from './fetch'
import { JAVA_MIN, JAVA_MIN_ELASTICSEARCH_9, requireJava } from './java'
import type { EngineOptions } from './options'

const HEAP_MB = 512
const READY_TIMEOUT_MS = 120_000
const ASK_TIMEOUT_MS = 3000
const NOBODY = { uid: 65534, gid: 65534 }

export class Elasticsearch extends ManagedProcess {
  /** as ELASTICSEARCH_URL */
  readonly url: string

  constructor(
    readonly port: number,
    readonly version: string,
    plan: ConstructorParameters<typeof ManagedProcess>[0],
    onDeath?: DeathListener,
  ) {
    super(plan, onDeath)
    this.url = `http://127.0.0.1:${port}`
  }

  /** The process that was started is a launcher: a stop and a continue are meant for the server below it. */
  override kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    if ((signal === 'SIGSTOP' || signal === 'SIGCONT') && this.pid > 0) process.kill(-this.pid, signal)
    else super.kill(signal)
  }

  override async stop(timeout_ms?: number): Promise<void> {
    this.kill('SIGCONT')
    await super.stop(timeout_ms)
  }
}

export async function startElasticsearch(options: EngineOptions): Promise<Elasticsearch> {
  const folder = resolve(options.folder)
  const { home, version } = await fetchElasticsearch(options.progress)
  const java = requireJava(version.startsWith('9.') ? JAVA_MIN_ELASTICSEARCH_9 : JAVA_MIN)
  const port = options.port ?? (await freePort())
  for (const name of ['data', 'logs', 'tmp']) mkdirSync(join(folder, name), { recursive: true })
  writeConfig(folder, home, port, await freePort(), options.heap_mb ?? HEAP_MB)
  const user = process.getuid?.() === 0 ? nobodyWhoReaches(folder, home) : undefined
  if (user !== undefined) giveTo(user, folder)
  const elasticsearch = new Elasticsearch(
    port,
    version,
    {
      name: 'Elasticsearch',
      command: join(home, 'bin/elasticsearch'),
      args: [],
      env: { ES_JAVA_HOME: java.home, ES_PATH_CONF: join(folder, 'config'), ES_TMPDIR: join(folder, 'tmp') },
      cwd: folder,
      user,
      outlives_us: options.outlives_us,
      log_file: join(folder, 'elasticsearch.log'),
      ready: () => elasticsearchAnswers(port),
      ready_timeout_ms: READY_TIMEOUT_MS,
    },
    options.onDeath,
  )
  await elasticsearch.start()
  return elasticsearch
}

/** Its health, not `GET /`, which this distribution does not have. */
export async function elasticsearchAnswers(port: number): Promise<boolean> {
  const url = `http://127.0.0.1:${port}/_cluster/health?wait_for_status=yellow&timeout=2s`
  const response = await fetch(url, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) })
  await response.arrayBuffer()
  return response.status === 200
}

function writeConfig(folder: string, home: string, port: number, transport_port: number, heap_mb: number): void {
  const config = join(folder, 'config')
  rmSync(config, { recursive: true, force: true })
  cpSync(join(home, 'config'), config, { recursive: true })
  const settings = {
    'cluster.name': 'rushgate',
    'path.data': join(folder, 'data'),
    'path.logs': join(folder, 'logs'),
    'network.host': '127.0.0.1',
    'http.port': port,
    'transport.port': transport_port,
    'discovery.type': 'single-node',
    'xpack.security.enabled': false,
    // a full disk of a test machine is no reason to refuse an index of some kilobytes
    'cluster.routing.allocation.disk.threshold_enabled': false,
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
  writeFileSync(join(config, 'elasticsearch.yml'), lines.join(''))
  const options = [`-Xms${heap_mb}m`, `-Xmx${heap_mb}m`, '-XX:-UseG1GC', '-XX:+UseSerialGC']
  // in place of 2 GB of logs about garbage collection
  options.push('-Xlog:disable', '-Xlog:all=warning:stderr:utctime,level,tags')
  mkdirSync(join(config, 'jvm.options.d'), { recursive: true })
  writeFileSync(join(config, 'jvm.options.d/rushgate.options'), `${options.join('\n')}\n`)
}

/** `nobody`, with leave to read everything where root keeps the folders behind a door of its own, as its home is. */
function nobodyWhoReaches(...folders: string[]) {
  const ids = [`--reuid=${NOBODY.uid}`, `--regid=${NOBODY.gid}`, '--clear-groups']
  const reaches = (capabilities: string[]) =>
    folders.every((folder) => spawnSync('setpriv', [...ids, ...capabilities, '--', 'ls', folder]).status === 0)
  if (reaches([])) return NOBODY
  if (reaches(READS_ALL)) return { ...NOBODY, reads_all: true }
  const closed = folders.join(' and ')
  throw new Error(
    `Elasticsearch must not run as root, and the user nobody cannot reach ${closed}: set RUSHGATE_CACHE and the folder of the data to places that everybody may enter`,
  )
}

function giveTo(user: { uid: number; gid: number }, folder: string): void {
  chownSync(folder, user.uid, user.gid)
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    chownSync(join(folder, entry), user.uid, user.gid)
}
