// npm run bench -- settle: how fast reservations become orders, and how soon a shopper's becomes one.
//
// A backlog is written by the real reserve script while the backend is away; then the backend comes and settles it, with all it does besides:
// statuses published, streams trimmed, holds watched. Afterwards a gate takes reservations at a kept rate and each is watched until Redis, where
// polls are answered, says `confirmed`. Everything sold is then looked for in the ledger.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { intentsKey, metaKey, reservationsKey } from '../contract/keys'
import { LANE_BATCH_MAX } from '../contract/lane-scripts'
import { badLogLines } from '../faults/error-log'
import { readOrders, readTerms } from '../faults/ledger-reader'
import { type Postgres, startPostgres } from '../scripts/postgres'
import { ROOT, type Stack, startStack } from '../scripts/stack'
import { ConfirmWatch } from './confirm-watch'
import { cpuMicroseconds, machineMicroseconds } from './cpu'
import { buildGo, CACHE } from './go-programs'
import { answeredWrongly, generateLoad } from './load-generator'
import { machine } from './machine'
import { finish, progress, wholeNumber } from './report'
import { reserveCalls } from './reserve-calls'
import type { Sale } from './sale'
import { rounded } from './stats'
import { writePurchases, writeRecords } from './stream'

const SKU = 'phone'
const HOLD_S = 3600
/** each look at the counters is a millisecond of the backend's time */
const LOOK_MS = 100
const SETTLES_TIMEOUT_MS = 180_000
const REST_TIMEOUT_MS = 60_000
const ORDERS_PER_S_MIN = 20_000
const P99_CONFIRM_MS_MAX = 1000

type LedgerName = 'postgres' | 'pglite'

interface Plan {
  backlog: number
  batch: number
  rate: number
  seconds: number
  connections: number
  generator: string
}

interface Figures {
  orders_per_s: number
  /** until their statuses are in Redis too */
  published_per_s: number
  /** CPU of the backend and of the database's processes, for each order of the backlog */
  backend_us: number
  database_us: number
  /** share of one core that none of them used: what else ran */
  other_cpu: number
  p50_confirm_ms: number
  p99_confirm_ms: number
  /** that were reached of the rate */
  reservations_per_s: number
}

export async function settle(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      backlog: { type: 'string', default: '200000' },
      batch: { type: 'string', default: '64' },
      rate: { type: 'string', default: '3000' },
      seconds: { type: 'string', default: '10' },
      connections: { type: 'string', default: '128' },
      ledger: { type: 'string', default: 'postgres,pglite' },
    },
  })
  const ledgers = values.ledger.split(',')
  const unknown = ledgers.find((each) => each !== 'postgres' && each !== 'pglite')
  if (unknown !== undefined) throw new Error(`--ledger: postgres or pglite, got ${unknown}`)
  const plan: Plan = {
    backlog: wholeNumber('--backlog', values.backlog, 1000, 5_000_000),
    batch: wholeNumber('--batch', values.batch, 1, LANE_BATCH_MAX),
    rate: wholeNumber('--rate', values.rate, 1, 100_000),
    seconds: wholeNumber('--seconds', values.seconds, 1, 3600),
    connections: wholeNumber('--connections', values.connections, 1, 10_000),
    generator: buildGo('loadgen', 'loadgen'),
  }
  const wrong: string[] = []
  const of_ledger: Partial<Record<LedgerName, Figures>> = {}
  for (const ledger of ledgers as LedgerName[]) of_ledger[ledger] = await measure(ledger, plan, wrong)
  // the contract's keys are those of the slower ledger
  const slower = Object.entries(of_ledger).sort(([, a], [, b]) => a.orders_per_s - b.orders_per_s)[0]
  const [ledger, { orders_per_s }] = slower as [string, Figures]
  const p99_confirm_ms = Math.max(...Object.values(of_ledger).map((each) => each.p99_confirm_ms))
  const is_met = orders_per_s >= ORDERS_PER_S_MIN && p99_confirm_ms <= P99_CONFIRM_MS_MAX
  const { backlog, batch, rate } = plan
  const verdict = is_met ? 'met' : 'missed'
  const said = { bench: 'settle', orders_per_s, backlog, ledger, p99_confirm_ms, ...of_ledger, batch, rate, verdict }
  finish({ ...said, machine: machine() }, wrong)
}

async function measure(ledger: LedgerName, plan: Plan, wrong: string[]): Promise<Figures> {
  mkdirSync(CACHE, { recursive: true })
  const dir = mkdtempSync(join(CACHE, 'settle-'))
  const postgres = ledger === 'postgres' ? await startPostgres() : undefined
  progress(`${ledger}: starting Redis, backend and gate`)
  const stack = await startStack({ dir: join(dir, 'stack'), error_log_level: 'warn', database_url: postgres?.url })
  const redis = new Redis(stack.urls.redis)
  try {
    const backlog = await measureBacklog(stack, redis, postgres, dir, plan, wrong)
    const confirm = await measureConfirm(stack, redis, dir, plan, wrong)
    return { ...backlog, ...confirm }
  } finally {
    redis.disconnect()
    await stack.stop()
    await postgres?.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

async function measureBacklog(
  stack: Stack,
  redis: Redis,
  postgres: Postgres | undefined,
  dir: string,
  plan: Plan,
  wrong: string[],
): Promise<Pick<Figures, 'orders_per_s' | 'published_per_s' | 'backend_us' | 'database_us' | 'other_cpu'>> {
  const sale = await openSale(stack, redis, 'backlog', plan.backlog)
  await stack.backend.stop()
  await writeBacklog(stack, redis, sale, dir, plan, wrong)
  progress(`${plan.backlog} reservations wait; the backend comes`)
  await stack.backend.start()
  const database_pids = () => (postgres === undefined ? [] : childrenOf(postgres.process.pid))
  const cpu = () => ({
    backend: cpuMicroseconds([stack.backend.pid]),
    database: cpuMicroseconds(database_pids()),
    machine: machineMicroseconds(),
  })
  const first = { settled: await counted(stack, 'rushgate_settled_total'), at_ms: performance.now(), cpu: cpu() }
  const until = async (series: string, wanted: number) => {
    const deadline = performance.now() + SETTLES_TIMEOUT_MS
    let value = first.settled
    while (value < wanted && performance.now() < deadline) {
      await sleep(LOOK_MS)
      value = await counted(stack, series)
    }
    if (value < wanted) wrong.push(`${series}: ${value} of ${wanted} after ${SETTLES_TIMEOUT_MS / 1000} s`)
    return performance.now()
  }
  const settled_ms = await until('rushgate_settled_total', plan.backlog)
  const last = cpu()
  const published_ms = await until('rushgate_published_total', plan.backlog)
  const settled = plan.backlog - first.settled
  const orders_per_s = rounded((settled * 1000) / (settled_ms - first.at_ms))
  const published_per_s = rounded((settled * 1000) / (published_ms - first.at_ms))
  progress(`settled at ${orders_per_s}/s, published at ${published_per_s}/s`)
  wrong.push(...(await heldAgainstLedger(stack, redis, sale, plan.backlog)))
  const backend = last.backend - first.cpu.backend
  const database = last.database - first.cpu.database
  const rest_us = last.machine - first.cpu.machine - backend - database
  return {
    orders_per_s,
    published_per_s,
    backend_us: rounded(backend / settled),
    database_us: rounded(database / settled),
    other_cpu: rounded(rest_us / ((settled_ms - first.at_ms) * 1000)),
  }
}

async function writeBacklog(
  stack: Stack,
  redis: Redis,
  sale: Sale,
  dir: string,
  plan: Plan,
  wrong: string[],
): Promise<void> {
  const script = readFileSync(join(ROOT, 'dist/redis/reserve.lua'), 'utf8')
  await redis.script('LOAD', script)
  const sha = createHash('sha1').update(script).digest('hex')
  const file = join(dir, 'backlog')
  writeRecords(file, reserveCalls(sha, sale, plan.backlog, plan.batch))
  const report = await generateLoad({
    program: plan.generator,
    port: Number(new URL(stack.urls.redis).port),
    file,
    connections: 4,
    protocol: 'resp',
    expect: 'bulk',
    contains: ' held ',
  })
  const fault = answeredWrongly(report, 'bulk')
  if (fault !== undefined) wrong.push(fault)
  if (report.matched !== plan.backlog) wrong.push(`${report.matched} of ${plan.backlog} reservations were held`)
}

async function measureConfirm(
  stack: Stack,
  redis: Redis,
  dir: string,
  plan: Plan,
  wrong: string[],
): Promise<Pick<Figures, 'p50_confirm_ms' | 'p99_confirm_ms' | 'reservations_per_s'>> {
  const count = plan.rate * plan.seconds
  const sale = await openSale(stack, redis, 'confirm', count)
  await untilSelling(stack, sale)
  const file = join(dir, 'purchases')
  writePurchases(file, sale, stack.secret, 1, count)
  progress(`${plan.rate} reservations a second for ${plan.seconds} s`)
  const watch = new ConfirmWatch(stack.urls.redis, sale.id)
  const report = await generateLoad({
    program: plan.generator,
    port: Number(new URL(stack.urls.gate).port),
    file,
    connections: plan.connections,
    protocol: 'http',
    expect: '202',
    contains: '"held"',
    rate: plan.rate,
  })
  const fault = answeredWrongly(report, '202')
  if (fault !== undefined) wrong.push(fault)
  const { p50_ms, p99_ms, missing } = await watch.end(count, REST_TIMEOUT_MS)
  if (missing > 0) wrong.push(`${missing} of ${count} reservations were never confirmed`)
  progress(`confirmed after ${p50_ms} ms in the median, p99 ${p99_ms} ms`)
  wrong.push(...(await heldAgainstLedger(stack, redis, sale, count)))
  wrong.push(...badLogLines(stack.error_log()).map(({ what }) => what))
  return { p50_confirm_ms: p50_ms, p99_confirm_ms: p99_ms, reservations_per_s: rounded(count / report.elapsed_s) }
}

async function openSale(stack: Stack, redis: Redis, id: string, units: number): Promise<Sale> {
  await stack.admin('POST', '/admin/sales', {
    id,
    title: 'Bench',
    opens_at: new Date(Date.now() - 3_600_000).toISOString(),
    closes_at: new Date(Date.now() + 86_400_000).toISOString(),
    skus: [{ sku: SKU, title: 'Phone', price: { amount_minor: 49900, currency: 'EUR' }, total: units, user_max: 1 }],
    hold_s: HOLD_S,
  })
  await stack.admin('POST', `/admin/sales/${id}/open`)
  return { id, sku: SKU, epoch: Number(await redis.hget(metaKey(id, 0), 'epoch')) }
}

async function untilSelling(stack: Stack, sale: Sale): Promise<void> {
  const deadline = Date.now() + REST_TIMEOUT_MS
  for (let phase = ''; phase !== 'open'; ) {
    if (Date.now() > deadline) throw new Error(`the gate says ${phase} of a sale that was opened`)
    await sleep(LOOK_MS)
    const response = await fetch(`${stack.urls.gate}/sales/${sale.id}/state`)
    phase = ((await response.json().catch(() => ({}))) as { phase?: string }).phase ?? ''
  }
}

/** What is wrong with the ledger when `count` reservations of one unit each should be orders by now. */
async function heldAgainstLedger(stack: Stack, redis: Redis, sale: Sale, count: number): Promise<string[]> {
  const wrong: string[] = []
  const admin = stack.admin.bind(stack)
  const deadline = Date.now() + REST_TIMEOUT_MS
  let rest = ''
  for (;;) {
    const { terms, balanced } = await readTerms(admin, sale.id)
    const left = await redis.xlen(intentsKey(sale.id, 0))
    rest = JSON.stringify({ balanced, left, ...terms[0] })
    if (balanced && left === 0 && terms[0]?.confirmed === count) break
    if (Date.now() > deadline) {
      wrong.push(`${sale.id} is not at rest with ${count} confirmed: ${rest}`)
      break
    }
    await sleep(200)
  }
  const orders = await readOrders(admin, sale.id)
  const confirmed = orders.filter(({ status }) => status === 'confirmed')
  if (confirmed.length !== count || orders.length !== count) {
    wrong.push(`${sale.id}: ${orders.length} orders, ${confirmed.length} of them confirmed, expected ${count}`)
  }
  const units = new Set(confirmed.flatMap((order) => order.units))
  const users = new Set(confirmed.map(({ user }) => user))
  if (units.size !== count || users.size !== count) {
    wrong.push(`${sale.id}: ${units.size} units with ${users.size} buyers, expected ${count} of each`)
  }
  const told = await redis.hvals(reservationsKey(sale.id, 0))
  const told_confirmed = told.filter((record) => record.split('|')[1] === 'confirmed').length
  if (told_confirmed !== count) wrong.push(`${sale.id}: Redis says confirmed of ${told_confirmed}, expected ${count}`)
  return wrong
}

/** Sum over all sales of one of the backend's counters. */
async function counted(stack: Stack, series: string): Promise<number> {
  const text = await (await fetch(`${stack.urls.backend}/metrics`)).text()
  let sum = 0
  for (const line of text.split('\n')) if (line.startsWith(`${series}{`)) sum += Number(line.split(' ').at(-1))
  return sum
}

/** The process and its direct children: a PostgreSQL server and its backends. */
function childrenOf(pid: number): number[] {
  const pids = [pid]
  for (const task of existsSync(`/proc/${pid}/task`) ? readdirSync(`/proc/${pid}/task`) : []) {
    const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim()
    if (children !== '') pids.push(...children.split(' ').map(Number))
  }
  return pids
}
