// One Kafka and one Elasticsearch, known by a file in their folder: for `npm run engines`, where they go on by themselves, and
// for `npm start -- --full`, which they end with.
//
// Guarantee: up() leaves alone what runs, down() ends only what up() started (a pid is ours while its process is as old as we
// noted), and both keep the data; ports are kept while they are free.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, isPortFree, keepPorts } from '../ports'
import type { DeathListener, ManagedProcess } from '../processes'
import { elasticsearchAnswers, startElasticsearch } from './elasticsearch'
import type { Progress } from './fetch'
import { kafkaAnswers, startKafka } from './kafka'
import type { EngineOptions } from './options'
import { topicsWithPrefix } from './topics'

export const ENGINES = ['kafka', 'elasticsearch'] as const
export type EngineName = (typeof ENGINES)[number]

const STOP_TIMEOUT_MS = 20_000
const STOP_POLL_MS = 100

interface Noted {
  pid: number
  /** when the process began, in the kernel's ticks: another process with the same pid has another */
  began: string
  port: number
}

type State = Partial<Record<EngineName, Noted>>

export interface EngineStatus {
  name: EngineName
  /** as KAFKA_BROKERS or ELASTICSEARCH_URL wants it; '' when it was never started */
  address: string
  /** 0 when it does not run */
  pid: number
  /** it runs and answers */
  answers: boolean
}

interface UpOptions {
  dir: string
  /** asked for; else the one it had, while it is free, else a free one */
  port?: number
  /** true: it goes on when this process ends */
  outlives_us: boolean
  onDeath?: DeathListener
  progress?: Progress
}

interface UpEngine extends EngineStatus {
  /** undefined when it ran already */
  process: ManagedProcess | undefined
}

export async function up(name: EngineName, options: UpOptions): Promise<UpEngine> {
  const before = await status(name, options.dir)
  if (before.answers && (options.port === undefined || before.address.endsWith(`:${options.port}`)))
    return { ...before, process: undefined }
  if (before.pid > 0) await down(name, options.dir)
  const folder = join(options.dir, name)
  mkdirSync(folder, { recursive: true })
  const port = options.port ?? (await portAgain(readState(options.dir)[name]?.port))
  const { outlives_us, onDeath, progress } = options
  const plan = { folder, port, outlives_us, onDeath, progress }
  const engine = name === 'kafka' ? await upKafka(plan) : await startElasticsearch(plan)
  const { pid } = engine
  writeState(options.dir, { ...readState(options.dir), [name]: { pid, began: beganAt(pid), port } })
  return { ...(await status(name, options.dir)), process: engine }
}

async function upKafka(plan: EngineOptions): Promise<ManagedProcess> {
  const kafka = await startKafka(plan)
  await kafka.createTopics(topicsWithPrefix(process.env.KAFKA_TOPIC_PREFIX ?? ''))
  return kafka
}

/** Both at once, for a process that ends them when it ends; what ran before is used and goes on. */
export async function upForUs(dir: string, progress: Progress, onDeath: DeathListener): Promise<OurEngines> {
  const options = { dir, outlives_us: false, progress, onDeath }
  const started = await Promise.allSettled(ENGINES.map((name) => up(name, options)))
  const engines = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const stop = async () => {
    for (const engine of engines.reverse()) await engine.process?.stop()
  }
  const failed = started.find((one) => one.status === 'rejected')
  if (failed !== undefined) {
    await stop()
    throw failed.reason
  }
  const addressOf = (wanted: EngineName) => engines.find(({ name }) => name === wanted)?.address ?? ''
  return { env: { KAFKA_BROKERS: addressOf('kafka'), ELASTICSEARCH_URL: addressOf('elasticsearch') }, stop }
}

export interface OurEngines {
  /** for gate and backend */
  env: { KAFKA_BROKERS: string; ELASTICSEARCH_URL: string }
  stop(): Promise<void>
}

export async function status(name: EngineName, dir: string): Promise<EngineStatus> {
  const noted = readState(dir)[name]
  if (noted === undefined) return { name, address: '', pid: 0, answers: false }
  const address = `${name === 'kafka' ? '' : 'http://'}127.0.0.1:${noted.port}`
  const runs = isOurs(noted)
  const answers =
    runs && (await (name === 'kafka' ? kafkaAnswers : elasticsearchAnswers)(noted.port).catch(() => false))
  return { name, address, pid: runs ? noted.pid : 0, answers }
}

/** True when it ran. What `up` noted stays, but for the pid: the next one gets the same port. */
export async function down(name: EngineName, dir: string): Promise<boolean> {
  const noted = readState(dir)[name]
  if (noted === undefined || !isOurs(noted)) return false
  signal(noted.pid, 'SIGCONT')
  process.kill(noted.pid, 'SIGTERM')
  const deadline = Date.now() + STOP_TIMEOUT_MS
  while (isOurs(noted) && Date.now() < deadline) await sleep(STOP_POLL_MS)
  // what hangs, and children that outlived it
  signal(noted.pid, 'SIGKILL')
  while (isOurs(noted)) await sleep(STOP_POLL_MS)
  return true
}

/** To the whole process group. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name)
  } catch {
    // nobody is left in it
  }
}

async function portAgain(port: number | undefined): Promise<number> {
  if (port === undefined || !(await isPortFree(port))) return freePort()
  keepPorts(port)
  return port
}

function isOurs({ pid, began }: Noted): boolean {
  return beganAt(pid) === began
}

/** '' when there is no such process, or only what is left of one that nobody has asked about yet. */
function beganAt(pid: number): string {
  try {
    // the name, in parentheses, may hold spaces
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return fields[0] === 'Z' ? '' : (fields[19] ?? '')
  } catch {
    return ''
  }
}

function readState(dir: string): State {
  const file = join(dir, 'state.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as State) : {}
}

function writeState(dir: string, state: State): void {
  writeFileSync(join(dir, 'state.json'), `${JSON.stringify(state, null, 2)}\n`)
}
