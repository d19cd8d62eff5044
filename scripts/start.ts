// `npm start` after the npm packages are there: sets the machine up, builds, starts the stack in .rushgate/ (--full: after a Kafka
// and an Elasticsearch), makes a demo sale, says what to do next, and keeps everything running until Ctrl-C.
//
// Guarantee: all of it stops together, whichever part ends first; what was sold stays in .rushgate/ for the next start.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { Listr, PRESET_TIMER } from 'listr2'
import { makeDemoProducts } from './demo-products'
import { makeDemoSales } from './demo-sale'
import { areFetched } from './engines/fetch'
import { whyNoEngines } from './engines/java'
import { ENGINES, type OurEngines, status, upForUs } from './engines/pair'
import { isBuildNeeded } from './freshness'
import { trialCertificate } from './nginx'
import { keepPorts } from './ports'
import { describeExit, type ExitState } from './processes'
import { FULL_PACKAGES, installPackages, missingPackages, RUN_PACKAGES, whyNotInstallable } from './setup'
import { PortTakenError, ROOT, type Stack, startStack } from './stack'

const METRICS_PORT = 9145
const TLS_PORT = 8443
const WORKERS_MAX = 64

interface StartOptions {
  port: number
  adminPort?: number
  metricsPort: number
  workers: number
  dir: string
  tls?: boolean
  tlsPort: number
  full?: boolean
  reset?: boolean
  demo: boolean
}

function integer(name: string, max: number) {
  return (text: string): number => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= 1 && value <= max) return value
    throw new InvalidArgumentError(`${name} must be a whole number from 1 to ${max}, got '${text}'`)
  }
}

function parseOptions(): StartOptions {
  return new Command('npm start --')
    .description('Starts Rushgate on this machine: Redis, backend and gate, with a demo sale.')
    .option('--port <port>', 'where shoppers reach the gate', integer('--port', 65535), 8080)
    .option(
      '--admin-port <port>',
      'the backend and its admin API (default: --port + 1)',
      integer('--admin-port', 65535),
    )
    .option('--metrics-port <port>', "the gate's metrics", integer('--metrics-port', 65535), METRICS_PORT)
    .option('--tls', 'speak TLS and HTTP/2 too, with a certificate made for trying it')
    .option('--tls-port <port>', 'where shoppers reach the gate with --tls', integer('--tls-port', 65535), TLS_PORT)
    .option('--full', 'with a real Kafka and a real Elasticsearch, fetched at the first time')
    .option('--workers <n>', 'workers of the gate', integer('--workers', WORKERS_MAX), 1)
    .option('--dir <folder>', 'where the state is kept', join(ROOT, '.rushgate'))
    .option('--reset', 'forget all sales and orders of earlier starts')
    .option('--no-demo', 'make no demo sales')
    .parse()
    .opts<StartOptions>()
}

let stack: Stack | undefined
let engines: OurEngines | undefined
let stopping = false

async function endWith(code: number): Promise<never> {
  stopping = true
  await stack?.stop()
  await engines?.stop()
  process.exit(code)
}

function stopOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping) return // npm passes a Ctrl-C on as a second signal
      console.log('\nStopping …')
      endWith(0)
    })
  }
}

function reportDeath(name: string, exit: ExitState, log_tail: string): void {
  if (stopping) return
  stopping = true
  console.error(
    `\nThe ${name} has ended by itself (${describeExit(exit)}); everything stops. The end of its log:\n${log_tail}`,
  )
  endWith(1)
}

async function build(onOutput: (line: string) => void): Promise<void> {
  const log: string[] = []
  const child = spawn(process.execPath, ['--import', 'tsx', 'scripts/build.ts'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      log.push(data.toString())
      onOutput(data.toString().trimEnd())
    })
  }
  const code = await new Promise((done) => child.once('close', done))
  if (code !== 0) throw new Error(`the build failed:\n${log.join('').trimEnd()}`)
}

function missingFor(options: StartOptions) {
  return missingPackages(options.full === true ? [...RUN_PACKAGES, ...FULL_PACKAGES] : RUN_PACKAGES)
}

function startTasks(options: StartOptions) {
  const missing = missingFor(options)
  return new Listr(
    [
      {
        title: `Installing ${missing.map((wanted) => wanted.name).join(', ')}`,
        enabled: () => missing.length > 0,
        task: async (_, task) => {
          await installPackages(
            missing.map((wanted) => wanted.name),
            {
              onOutput: (line) => {
                task.output = line
              },
            },
          )
        },
      },
      {
        title: 'Building',
        enabled: () => isBuildNeeded(ROOT),
        task: (_, task) =>
          build((line) => {
            task.output = line
          }),
      },
      {
        title: 'Starting Kafka and Elasticsearch',
        enabled: () => options.full === true,
        task: async (_, task) => {
          const progress = (line: string) => {
            task.output = line
          }
          // theirs are drawn before the stack's own are bound
          keepPorts(options.port, options.adminPort ?? options.port + 1, options.metricsPort, options.tlsPort)
          engines = await upForUs(join(options.dir, 'engines'), progress, reportDeath)
        },
      },
      {
        title: 'Starting Redis, backend and gate',
        task: async (_, task) => {
          stack = await startStack({
            dir: options.dir,
            workers: options.workers,
            gate_port: options.port,
            backend_port: options.adminPort ?? options.port + 1,
            metrics_port: options.metricsPort,
            tls: options.tls ? { ...trialCertificate(join(options.dir, 'tls')), port: options.tlsPort } : undefined,
            database_url: process.env.DATABASE_URL || undefined,
            env: engines?.env,
            onDeath: reportDeath,
            onProgress: (part) => {
              task.output = part
            },
          })
        },
      },
      {
        title: 'Making the demo sales',
        enabled: () => options.demo,
        task: async (_, task) => {
          await makeDemoProducts(stack as Stack)
          const made = await makeDemoSales(stack as Stack)
          task.title =
            made.length === 0 ? 'The demo sales of an earlier start are kept' : `Made the sales ${made.join(' and ')}`
        },
      },
    ],
    {
      registerSignalListeners: false,
      rendererOptions: { timer: PRESET_TIMER },
      fallbackRendererOptions: { timer: PRESET_TIMER },
    },
  )
}

/** Evidence of fault and load runs lies in the same folder, and is not state of a stack. */
const NOT_STATE = ['faults', 'load', 'reports']

async function reset(dir: string): Promise<void> {
  if (!existsSync(dir)) return
  for (const name of ENGINES) {
    const { pid } = await status(name, join(dir, 'engines'))
    if (pid > 0) throw new Error(`--reset: ${name} runs in ${dir} (pid ${pid}): \`npm run engines -- down\` first`)
  }
  const names = readdirSync(dir).filter((name) => !NOT_STATE.includes(name))
  // only what a stack made is ever removed
  if (names.length > 0 && !names.includes('secrets.json'))
    throw new Error(`--reset: ${dir} is not a folder of Rushgate's, nothing was removed`)
  for (const name of names) rmSync(join(dir, name), { recursive: true })
}

const PORT_OPTIONS: Record<string, string> = {
  gate: '--port',
  backend: '--admin-port',
  metrics: '--metrics-port',
  TLS: '--tls-port',
}

function explainPort(error: PortTakenError): string {
  const option = PORT_OPTIONS[error.what]
  return `Port ${error.port} (${error.what}) is taken by another program, or Rushgate runs already: choose another with \`npm start -- ${option} N\`.`
}

function engineLines({ env }: OurEngines): string[] {
  const { KAFKA_BROKERS: brokers, ELASTICSEARCH_URL: url } = env
  return [`  kafka     ${brokers}   (kcat -b ${brokers} -L)`, `  search    ${url}/_cat/indices`]
}

function firstSteps(running: Stack, demo: boolean): string {
  const { shop, backend, metrics } = running.urls
  // the certificate of --tls is signed by itself
  const curl = shop.startsWith('https:') ? `curl -s --cacert ${running.dir}/tls/certificate.pem` : 'curl -s'
  const json = "-H 'content-type: application/json'"
  const lines = [
    '',
    `  shop      ${shop}/`,
    `  admin     ${backend}/admin/sales   (Authorization: Bearer ${running.admin_token})`,
    `  metrics   ${metrics}`,
    `  redis     ${running.urls.redis}`,
    ...(engines === undefined ? [] : engineLines(engines)),
    `  logs      ${running.dir}`,
    '',
  ]
  if (demo) {
    lines.push(
      'Buy something:',
      '',
      `  ${curl} ${shop}/sales/demo/state`,
      `  SESSION=$(${curl} ${shop}/sessions ${json} -d '{"user":"ann","secret":"demo"}' | sed 's/.*"session":"\\([^"]*\\)".*/\\1/')`,
      `  ${curl} ${shop}/sales/demo/reservations -H "authorization: Bearer $SESSION" -H 'idempotency-key: my-first' ${json} -d '{"sku":"poster","quantity":1}'`,
      '',
    )
  }
  if (engines !== undefined) {
    lines.push(
      'Look at an item, and who looks at what (a second later):',
      '',
      `  ${curl} ${shop}/web/item/poster`,
      `  ${curl} '${backend}/admin/hot-items?last=15m' -H 'authorization: Bearer ${running.admin_token}'`,
      '',
    )
  }
  lines.push('Ctrl-C stops everything; the next start goes on from here.')
  return lines.join('\n')
}

async function main(): Promise<void> {
  const options = parseOptions()
  options.dir = resolve(options.dir)
  stopOnSignals()
  const missing = missingFor(options)
  const hindrance =
    (missing.length === 0 ? undefined : whyNotInstallable(missing)) ??
    (options.full ? whyNoEngines(!areFetched()) : undefined)
  if (hindrance !== undefined) throw new Error(hindrance)
  if (missing.length > 0) {
    console.log('These Debian packages will be installed (no service is started):')
    for (const wanted of missing) console.log(`  ${wanted.name.padEnd(24)}${wanted.reason}`)
  }
  if (options.reset) await reset(options.dir)
  await startTasks(options).run()
  console.log(firstSteps(stack as Stack, options.demo))
}

main().catch((error: unknown) => {
  if (stopping) return
  const words =
    error instanceof PortTakenError ? explainPort(error) : error instanceof Error ? error.message : String(error)
  console.error(`\n${words}`)
  endWith(1)
})
