// npm run faults -- --schedules N --seed S [--only K] [--database pglite|postgres] [--kafka]
//
// N seeded schedules against real processes, each with the seed S, S+1, …: `--schedules 1 --seed X` repeats the one
// that was printed with seed X, as does `--only K` for the K-th. Ends with one line RESULT; exit 1 on a violation.
import { createWriteStream, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { startKafka } from '../scripts/engines/kafka'
import { type Postgres, startPostgres } from '../scripts/postgres'
import { ROOT } from '../scripts/stack'
import { type Tally, tally } from './checkers/index'
import { runSchedule, type ScheduleResult } from './schedule'

const SHOWN_MAX = 12
const MARKS: [keyof Tally, string][] = [
  ['oversold', 'oversold'],
  ['lost', 'lost'],
  ['phantom', 'phantom'],
  ['limit_broken', 'limit broken'],
  ['told_false', 'told false'],
  ['server_error', 'server error'],
]

interface Options {
  schedules: number
  seed: number
  only?: number
  database: 'pglite' | 'postgres'
  kafka?: boolean
  keep?: boolean
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError(`a whole number of at least 1, got ${text}`)
  return value
}

const options = new Command('faults')
  .option('--schedules <n>', 'how many', wholeNumber, 20)
  .option('--seed <s>', 'seed of the first schedule; the next has the next seed', wholeNumber, 1)
  .option('--only <k>', 'runs the k-th schedule alone', wholeNumber)
  .addOption(new Option('--database <kind>', 'the ledger').choices(['pglite', 'postgres']).default('pglite'))
  .option(
    '--kafka',
    'orders go through a real Kafka, which is killed too; with PostgreSQL settlers are processes of their own',
  )
  .option('--keep', 'keeps the folders of good schedules too')
  .parse()
  .opts<Options>()

const folder = join(ROOT, '.rushgate/faults')
const indices = options.only === undefined ? Array.from({ length: options.schedules }, (_, i) => i + 1) : [options.only]
const totals: Tally = { oversold: 0, lost: 0, phantom: 0, limit_broken: 0, told_false: 0, server_error: 0 }
let kills = 0
let violations = 0
let first_bad_seed: number | null = null

mkdirSync(folder, { recursive: true })
const kafka = options.kafka ? await startKafka({ folder: join(folder, 'kafka') }) : undefined
const postgres = options.database === 'postgres' ? await startPostgres() : undefined
try {
  for (const index of indices) {
    const seed = options.seed + index - 1
    const result = await run(index, seed, postgres)
    kills += result.kills
    const counts = tally(result.violations)
    for (const [kind] of MARKS) totals[kind] += counts[kind]
    violations += result.violations.length
    if (result.violations.length > 0) first_bad_seed ??= seed
  }
} finally {
  await postgres?.stop()
  await kafka?.stop()
  rmSync(join(folder, 'kafka'), { recursive: true, force: true })
}
const { oversold, lost, phantom, limit_broken } = totals
const result = { schedules: indices.length, kills, oversold, lost, phantom, limit_broken, violations, first_bad_seed }
console.log(`RESULT ${JSON.stringify(result)}`)
process.exit(violations === 0 ? 0 : 1)

async function run(index: number, seed: number, database: Postgres | undefined): Promise<ScheduleResult> {
  const dir = join(folder, `seed-${seed}`)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const name = `faults_${process.pid}_${seed}`
  const ledger = database && { process: database.process, url: await database.createDatabase(name) }
  const log = createWriteStream(join(dir, 'schedule.log'))
  console.log(`schedule ${index} of ${indices.at(-1)}, seed ${seed}`)
  const started_ms = Date.now()
  const say = (line: string) => {
    console.log(`  ${line}`)
    log.write(`${new Date().toISOString()} ${line}\n`)
  }
  try {
    const result = await runSchedule({ seed, dir, postgres: ledger, kafka, log: say })
    const codes = Object.entries(result.codes).sort((a, b) => b[1] - a[1])
    say(`answers to purchases: ${codes.map(([code, times]) => `${code} ${times}`).join(', ')}`)
    const took_s = ((Date.now() - started_ms) / 1000).toFixed(1)
    say(`${result.kills} kills, ${result.orders} orders, ${summary(result)}, ${took_s} s`)
    writeFileSync(join(dir, 'violations.json'), JSON.stringify(result.violations, null, 1))
    for (const { kind, what } of result.violations.slice(0, SHOWN_MAX)) say(`${kind}: ${what}`)
    if (result.violations.length === 0 && options.keep !== true) rmSync(dir, { recursive: true, force: true })
    else say(`kept: ${dir}`)
    return result
  } finally {
    log.end()
  }
}

function summary(result: ScheduleResult): string {
  if (result.violations.length === 0) return 'no violation'
  const counts = tally(result.violations)
  return MARKS.filter(([kind]) => counts[kind] > 0)
    .map(([kind, name]) => `${counts[kind]} ${name}`)
    .join(', ')
}
