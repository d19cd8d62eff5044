// `npm run engines -- up | down | status`: a real Kafka and a real Elasticsearch on loopback, for people and for what they try.
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { Listr, PRESET_TIMER } from 'listr2'
import { ROOT } from '../stack'
import { areFetched } from './fetch'
import { whyNoEngines } from './java'
import { down, ENGINES, type EngineName, type EngineStatus, status, up } from './pair'

const TITLES: Record<EngineName, string> = { kafka: 'Kafka', elasticsearch: 'Elasticsearch' }
const VARIABLES: Record<EngineName, string> = { kafka: 'KAFKA_BROKERS', elasticsearch: 'ELASTICSEARCH_URL' }

interface Options {
  dir: string
  only?: EngineName
  kafkaPort?: number
  elasticsearchPort?: number
}

function port(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 65535) return value
  throw new InvalidArgumentError(`a port is a whole number from 1 to 65535, got '${text}'`)
}

function engine(text: string): EngineName {
  const found = ENGINES.find((name) => name === text)
  if (found === undefined) throw new InvalidArgumentError(`there are ${ENGINES.join(' and ')}, got '${text}'`)
  return found
}

function command(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--dir <folder>', 'where their data is kept', join(ROOT, '.rushgate/engines'))
    .option('--only <engine>', `one of ${ENGINES.join(', ')}`, engine)
}

function wanted(options: Options): EngineName[] {
  return options.only === undefined ? [...ENGINES] : [options.only]
}

/** Exit code 0 when all that was asked about answers. */
function report(statuses: EngineStatus[]): void {
  for (const { name, address, pid, answers } of statuses) {
    const state = answers ? `pid ${pid}` : pid > 0 ? `pid ${pid}, does not answer` : 'not running'
    console.log(`  ${TITLES[name].padEnd(16)}${address.padEnd(28)}${state}`)
  }
  const usable = statuses.filter(({ answers }) => answers)
  if (usable.length > 0) console.log('')
  for (const { name, address } of usable) console.log(`  export ${VARIABLES[name]}=${address}`)
  if (usable.length < statuses.length) process.exitCode = 1
}

async function runUp(options: Options): Promise<void> {
  const hindrance = whyNoEngines(!areFetched())
  if (hindrance !== undefined) throw new Error(hindrance)
  const statuses: EngineStatus[] = []
  const ports = { kafka: options.kafkaPort, elasticsearch: options.elasticsearchPort }
  const tasks = wanted(options).map((name) => ({
    title: `Starting ${TITLES[name]}`,
    task: async (_: unknown, task: { output: string }) => {
      const progress = (line: string) => {
        task.output = line
      }
      statuses.push(await up(name, { dir: resolve(options.dir), port: ports[name], outlives_us: true, progress }))
    },
  }))
  const renderer = { timer: PRESET_TIMER }
  await new Listr(tasks, {
    registerSignalListeners: false,
    rendererOptions: renderer,
    fallbackRendererOptions: renderer,
  }).run()
  console.log('')
  report(statuses)
}

async function runDown(options: Options): Promise<void> {
  for (const name of wanted(options)) {
    const ran = await down(name, resolve(options.dir))
    console.log(`  ${TITLES[name].padEnd(16)}${ran ? 'stopped; its data is kept' : 'was not running'}`)
  }
}

const program = new Command('npm run engines --')
  .description('A real Kafka and a real Elasticsearch on loopback. They are fetched once, and go on until `down`.')
  .addCommand(
    command('up', 'starts what does not run yet and keeps the data of earlier starts')
      .option('--kafka-port <port>', 'default: the one it had, else a free one', port)
      .option('--elasticsearch-port <port>', 'default: the one it had, else a free one', port)
      .action(runUp),
  )
  .addCommand(command('down', 'ends them and keeps their data').action(runDown))
  .addCommand(
    command('status', 'prints their addresses; exit code 1 when one does not answer').action(
      async (options: Options) => {
        report(await Promise.all(wanted(options).map((name) => status(name, resolve(options.dir)))))
      },
    ),
  )

program.parseAsync().catch((error: unknown) => {
  console.error(`\n${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
})
