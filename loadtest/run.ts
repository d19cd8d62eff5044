// npm run load -- smoke|spike|expiry|mixed [--shoppers N --units N --seconds S] [--url … | --start [--database postgres]]
//
// Makes a sale of its own, mints the sessions, lets k6 bring the shoppers, waits for rest and compares every answer
// with the ledger. Ends with one line RESULT; exit 1 when an invariant did not hold or the promised rate was not reached.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import type { SaleRules } from '../faults/checkers/evidence'
import { readTerms } from '../faults/ledger-reader'
import { ROOT } from '../scripts/stack'
import { collectAnswers, countBy, outcomeOf, quantile, rateOf } from './answers'
import { examine } from './examine'
import { FAULT_NAMES, injectDuring, worldOf } from './faults'
import { droppedIterations, requireK6, runK6 } from './k6'
import { mixedConfig, playMixed } from './mixed'
import { SIZES } from './population'
import { PROFILES, type Profile } from './profiles'
import { writeReport } from './report'
import type { ScenarioRun } from './run-file'
import { startOwn, type Target, useRunning } from './target'

const SKU = 'sneaker'
const MIXED = 'mixed'
const MIXED_SAYS =
  '1,000 people and ten strategies of bots at a sale that asks for everything; starts a stack of its own'
const SESSIONS_PER_CALL = 1000
const OPENING_POLL_MS = 50
const OPENING_TIMEOUT_MS = 10_000
/** Many addresses, as shoppers have; all of loopback's 127/8 is this machine. */
const LOCAL_IPS = '127.1.0.0/24'

interface Options {
  shoppers?: number
  units?: number
  seconds?: number
  url: string
  adminUrl?: string
  start?: boolean
  database: 'pglite' | 'postgres'
  kafka?: boolean
  workers: number
  fault?: string[]
  seed: number
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError(`a whole number of at least 1, got ${text}`)
  return value
}

const command = new Command('load')
  .addArgument(new Argument('<scenario>', 'what is played').choices([...PROFILES.map(({ name }) => name), MIXED]))
  .option('--shoppers <n>', 'how many come', wholeNumber)
  .option('--units <n>', 'how many units there are', wholeNumber)
  .option('--seconds <s>', 'the time over which they come', wholeNumber)
  .option('--url <url>', 'the gate', 'http://127.0.0.1:8080')
  .option('--admin-url <url>', "the backend's admin API (default: the port after the gate's)")
  .option('--start', 'starts a stack of its own and stops it afterwards')
  .addOption(
    new Option('--database <kind>', 'with --start: the ledger').choices(['pglite', 'postgres']).default('pglite'),
  )
  .option(
    '--kafka',
    'with --start: orders go through a real Kafka; with PostgreSQL settlers are processes of their own',
  )
  .option('--workers <n>', 'with --start: workers of the gate', wholeNumber, 1)
  .addOption(
    new Option('--fault <names...>', 'with --start: faults on the way (faults/catalogue/)').choices(FAULT_NAMES),
  )
  .option('--seed <s>', "with --fault: seed of the faults' own draws", wholeNumber, 1)
  .addHelpText('after', `\n${PROFILES.map(({ name, says }) => `${name}: ${says}`).join('\n')}\n${MIXED}: ${MIXED_SAYS}`)
  .parse()
const options = command.opts<Options>()
const scenario = command.args[0] ?? ''
const run_dir = join(ROOT, '.rushgate/load', scenario)
// mixed has sizes of its own
const profile = sized(scenario === MIXED ? 'smoke' : scenario, options)

const playing = scenario === MIXED ? mixed() : main()
playing.then(
  (ok) => process.exit(ok ? 0 : 1),
  (error: Error) => {
    console.error(error.message)
    process.exit(1)
  },
)

function sized(name: string, asked: Options): Profile {
  const found = PROFILES.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`no scenario ${name}`)
  const { shoppers = found.shoppers, units = found.units, seconds = found.seconds } = asked
  const unpaid_first = Math.round((found.unpaid_first * units) / found.units)
  return { ...found, shoppers, units, seconds, unpaid_first }
}

async function main(): Promise<boolean> {
  const k6 = await requireK6()
  rmSync(run_dir, { recursive: true, force: true })
  mkdirSync(run_dir, { recursive: true })
  const target = options.start
    ? await startOwn(join(ROOT, '.rushgate/load/stack'), options.database, options.workers, undefined, options.kafka)
    : await useRunning({ url: options.url, admin_url: options.adminUrl })
  try {
    return await play(k6, target)
  } finally {
    await target.stop()
  }
}

async function mixed(): Promise<boolean> {
  const k6 = await requireK6()
  const { shoppers, units, seconds } = options
  const size = { ...SIZES.full, ...(shoppers && { people: shoppers }), ...(units && { units }) }
  if (seconds) size.arrive_s = seconds
  const dir = join(ROOT, '.rushgate/load/stack')
  const target = await startOwn(dir, options.database, options.workers, mixedConfig(join(ROOT, '.rushgate/load')))
  try {
    const { results, refused_with, violations, dropped, ...result } = await playMixed(
      k6,
      target,
      size,
      options.seed,
      run_dir,
    )
    for (const [who, told] of Object.entries(results)) console.log(who, told)
    for (const { kind, what } of violations.slice(0, 20)) console.log(`${kind}: ${what}`)
    const offered_rps = size.people / size.arrive_s
    const line = { scenario: MIXED, shoppers: size.people, offered_rps, dropped, ...result, refused_with }
    console.log(`RESULT ${JSON.stringify({ ...line, violations: violations.length })}`)
    return violations.length === 0 && dropped === 0
  } finally {
    await target.stop()
  }
}

async function play(k6: string, target: Target): Promise<boolean> {
  const sale = await makeSale(target)
  // the last two are for the probe after the run
  const sessions = await mintSessions(target, profile.shoppers + 2)
  writeRunFiles(target, sale.id, sessions)
  await target.admin('POST', `/admin/sales/${sale.id}/open`)
  await untilOpen(target, sale.id)
  const opened_ms = Date.now()
  const world = options.fault === undefined ? undefined : worldOf(target, sale.id, options.seed)

  console.log(`${profile.name}: ${profile.shoppers} shoppers over ${profile.seconds} s for ${profile.units} units`)
  const answers_file = join(run_dir, 'answers.jsonl')
  const [generator] = await Promise.all([
    runK6(k6, join(ROOT, 'loadtest/scenarios/buy.ts'), run_dir, ['--local-ips', LOCAL_IPS]),
    world === undefined ? undefined : injectDuring(world, options.fault ?? [], answers_file, profile.seconds),
  ])
  const users = sessions.map(({ user }) => user)
  const collected = await collectAnswers(answers_file, users, SKU, profile.quantity)
  const circumstances = { opened_ms, was_paused: world?.was_paused ?? false, losses_ms: world?.losses_ms ?? [] }
  const { attempts } = collected
  const { orders, violations } = await examine(target, profile, sale, circumstances, attempts, sessions.slice(-2))

  const dropped = droppedIterations(run_dir)
  const unsent = profile.shoppers - attempts.length
  const offered_rps = profile.shoppers / profile.seconds
  const reached_rps = rateOf(collected.arrivals_ms)
  const shortfalls: string[] = []
  if (generator.exit_code !== 0) shortfalls.push(`k6 ended with exit code ${generator.exit_code}`)
  if (unsent > 0) shortfalls.push(`${unsent} shoppers of ${profile.shoppers} were never sent`)
  if (collected.cut_off > 0) shortfalls.push(`${collected.cut_off} shoppers were not done when the load ended`)
  if (reached_rps < offered_rps * profile.rate_reached_min) {
    shortfalls.push(`${reached_rps} shoppers/s were reached of ${offered_rps} promised`)
  }
  const purchases = collected.samples.filter(({ ask }) => ask === 'reserve')
  const latencies = purchases.map(({ latency_ms }) => latency_ms)
  const result = {
    scenario: profile.name,
    shoppers: profile.shoppers,
    offered_rps,
    reached_rps,
    dropped,
    generator_cpu: Number((generator.cpu_s / generator.wall_s / availableParallelism()).toFixed(3)),
    codes: countBy(purchases, ({ result: name }) => name),
    p50_ms: Number(quantile(latencies, 0.5).toFixed(2)),
    p99_ms: Number(quantile(latencies, 0.99).toFixed(2)),
    orders: orders.filter(({ status }) => status === 'confirmed' || status === 'paid').length,
    violations: violations.length,
  }
  const { terms } = await readTerms(target.admin, sale.id)
  const report = writeReport(join(ROOT, '.rushgate/reports'), {
    profile,
    target: target.gate_url,
    result,
    samples: collected.samples,
    outcomes: countBy(attempts, outcomeOf),
    terms,
    violations,
    shortfalls,
  })
  for (const { kind, what } of violations.slice(0, 20)) console.log(`${kind}: ${what}`)
  for (const shortfall of shortfalls) console.log(`the promised load was not reached: ${shortfall}`)
  console.log(`report: ${report}`)
  console.log(`RESULT ${JSON.stringify(result)}`)
  // a gate that is killed cannot be reached at the promised rate
  return violations.length === 0 && (shortfalls.length === 0 || world !== undefined)
}

async function makeSale(target: Target): Promise<SaleRules> {
  const id = `load-${profile.name}-${Date.now().toString(36)}`
  const sku = { sku: SKU, total: profile.units, user_max: 1 }
  await target.admin('POST', '/admin/sales', {
    id,
    title: `Load: ${profile.name}`,
    opens_at: new Date(Date.now() - 1000).toISOString(),
    closes_at: new Date(Date.now() + 3_600_000).toISOString(),
    skus: [{ ...sku, title: 'Sneaker', price: { amount_minor: 12_900, currency: 'EUR' } }],
    hold_s: profile.hold_s,
    payment_extension_s: 30,
  })
  return { id, skus: [sku], sale_user_max: 0, hold_attempts_max: 0 }
}

/** The gate hears of the opening from the backend, a moment later. */
async function untilOpen(target: Target, sale: string): Promise<void> {
  const deadline = Date.now() + OPENING_TIMEOUT_MS
  for (;;) {
    const response = await fetch(`${target.gate_url}/sales/${sale}/state`)
    const state = (await response.json().catch(() => ({}))) as { phase?: string }
    if (state.phase === 'open') return
    if (Date.now() > deadline)
      throw new Error(`the gate says ${state.phase ?? response.status} of a sale that was opened`)
    await sleep(OPENING_POLL_MS)
  }
}

async function mintSessions(target: Target, count: number): Promise<{ user: string; session: string }[]> {
  const minted: { user: string; session: string }[] = []
  while (minted.length < count) {
    const { sessions } = await target.admin<{ sessions: { user: string; session: string }[] }>(
      'POST',
      '/admin/demo-sessions',
      { count: Math.min(SESSIONS_PER_CALL, count - minted.length) },
    )
    minted.push(...sessions)
    if (process.stdout.isTTY) process.stdout.write(`\rsessions ${minted.length} of ${count}`)
  }
  if (process.stdout.isTTY) process.stdout.write('\n')
  return minted
}

function writeRunFiles(target: Target, sale: string, sessions: { session: string }[]): void {
  const { shoppers, seconds, units } = profile
  // those served are polling while the others are turned away, each within a second; who waits for units stays
  const vus_start = profile.waits_for.length > 0 ? shoppers : Math.ceil(units * 1.1 + shoppers / seconds) + 20
  const run: ScenarioRun = {
    ...profile,
    gate_url: target.gate_url,
    sale,
    sku: SKU,
    vus_start,
    vus_max: Math.ceil(vus_start * 2.5),
  }
  writeFileSync(join(run_dir, 'run.json'), JSON.stringify(run, null, 1))
  const tokens = sessions.slice(0, shoppers).map(({ session }) => session)
  writeFileSync(join(run_dir, 'sessions.json'), JSON.stringify(tokens))
}
