// npm run bench -- waiting-room: a crowd comes as fast as the generator manages and waits as it is told, before four workers.
//
// Who was admitted when is read from the passes, which carry Redis' clock, and judged from outside (admissions.ts). Then a
// million tickets are taken in another sale, to see what memory they cost.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { Redis } from 'ioredis'
import { admissionKey, metaKey } from '../contract/keys'
import { PASS_MARGIN_MS } from '../contract/pass'
import { BURST_S } from '../edge/src/domain/waiting'
import { mixedConfig } from '../loadtest/mixed'
import { type Stack, startStack } from '../scripts/stack'
import { type CrowdPerson, type CrowdTerms, judgeCrowd } from './admissions'
import { buildGo, CACHE } from './go-programs'
import { answeredWrongly, generateLoad } from './load-generator'
import { machine } from './machine'
import { finish, progress, wholeNumber } from './report'
import { sessionMint, writeRecords } from './stream'

const SKU = 'phone'
const WORKERS = 4
const SELLS_TIMEOUT_MS = 30_000
const UTILISATION_MIN = 0.98
const RECLAIM_S_MAX = 10
const BYTES_MAX = 64
/** tickets are taken in lots, so that the generator's file stays small */
const LOT = 100_000

export async function waitingRoom(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      people: { type: 'string', default: '100000' },
      rate: { type: 'string', default: '400' },
      seconds: { type: 'string', default: '200' },
      tickets: { type: 'string', default: '1000000' },
      connections: { type: 'string', default: '64' },
    },
  })
  const people = wholeNumber('--people', values.people, 100, 1_000_000)
  const rate = wholeNumber('--rate', values.rate, 1, 100_000)
  const seconds = wholeNumber('--seconds', values.seconds, 10, 3600)
  const tickets = wholeNumber('--tickets', values.tickets, 1000, 10_000_000)
  const connections = wholeNumber('--connections', values.connections, 1, 10_000)
  const crowd = buildGo('crowd', 'crowd')
  const loadgen = buildGo('loadgen', 'loadgen')
  mkdirSync(CACHE, { recursive: true })
  const dir = mkdtempSync(join(CACHE, 'waiting-room-'))
  progress(`starting Redis, backend and a gate of ${WORKERS} workers`)
  const stack = await startStack({
    dir: join(dir, 'stack'),
    workers: WORKERS,
    error_log_level: 'warn',
    config: mixedConfig(dir),
  })
  const redis = new Redis(stack.urls.redis)
  try {
    const memory = await ticketMemory(stack, redis, loadgen, dir, tickets, connections)
    progress(`${people} people, ${rate} admitted a second, ${seconds} s`)
    const sessions = join(dir, 'sessions')
    writeSessions(sessions, stack.secret, 'crowd', people)
    const sale = await makeSale(stack, 'crowd', rate, people)
    const report = await runCrowd(crowd, stack, sale, sessions, connections, seconds)
    const arrived_s = arrivalSeconds(report)
    const figures = judgeCrowd(report, await termsOf(redis, sale))
    const refusals = countRefusals(report)
    const wrong = wrongWith(report, refusals, stack.error_log())
    const { over_admitted, utilisation, inversions, reclaim_s } = figures
    const bytes_per_waiter = memory.bytes
    if (over_admitted > 0) wrong.push(`${over_admitted} people too many were let in`)
    if (inversions > 0) wrong.push(`${inversions} people were overtaken`)
    const is_met = utilisation >= UTILISATION_MIN && reclaim_s <= RECLAIM_S_MAX && bytes_per_waiter <= BYTES_MAX
    const judged = { arrivals: people, over_admitted, utilisation, inversions, reclaim_s, bytes_per_waiter }
    const more = {
      arrived_s,
      admitted: figures.admitted,
      late: figures.late,
      rate,
      tickets_waiting: tickets,
      ...memory,
    }
    finish({ ...judged, ...more, refusals, verdict: is_met ? 'met' : 'missed', machine: machine() }, wrong)
  } finally {
    redis.disconnect()
    await stack.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

async function makeSale(stack: Stack, id: string, rate: number, units: number): Promise<string> {
  await stack.admin('POST', '/admin/sales', {
    id,
    title: 'Bench',
    opens_at: new Date(Date.now() - 1000).toISOString(),
    closes_at: new Date(Date.now() + 86_400_000).toISOString(),
    skus: [{ sku: SKU, title: 'Phone', price: { amount_minor: 49900, currency: 'EUR' }, total: units, user_max: 1 }],
    gate: { waiting_room: { admit_per_s: rate, checkout_max: 100_000, draw: false } },
  })
  await stack.admin('POST', `/admin/sales/${id}/open`)
  const deadline = Date.now() + SELLS_TIMEOUT_MS
  let phase: string | undefined
  while (phase !== 'open') {
    if (Date.now() > deadline) throw new Error(`the gate says ${phase} of a sale that was opened`)
    await sleep(50)
    const response = await fetch(`${stack.urls.gate}/sales/${id}/state`)
    phase = ((await response.json().catch(() => ({}))) as { phase?: string }).phase
  }
  return id
}

function writeSessions(file: string, secret: string, prefix: string, count: number): void {
  const mint = sessionMint(secret)
  const lines: string[] = []
  for (let i = 0; i < count; i++) lines.push(mint(`${prefix}-${i}`))
  writeFileSync(file, lines.join('\n'))
}

async function runCrowd(
  program: string,
  stack: Stack,
  sale: string,
  sessions: string,
  connections: number,
  seconds: number,
): Promise<CrowdPerson[]> {
  const { host } = new URL(stack.urls.gate)
  const args = ['-address', host, '-sale', sale, '-sessions', sessions, '-connections', String(connections)]
  args.push('-ends-ms', String(Date.now() + seconds * 1000))
  const running = promisify(execFile)(program, args, { maxBuffer: 1 << 30 })
  running.child.stderr?.pipe(process.stderr)
  const { stdout } = await running
  return (
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as CrowdPerson)
      // a pass says when it ends itself; the place that it stands for, which is what is counted, ends later
      .map((person) => ({
        ...person,
        place_end_ms: person.place_end_ms > 0 ? person.place_end_ms + PASS_MARGIN_MS : 0,
      }))
  )
}

async function termsOf(redis: Redis, sale: string): Promise<CrowdTerms> {
  const terms = await redis.hmget(admissionKey(sale), 'rate_per_s', 'rate_now_per_s', 'checkout_max', 'pass_ms')
  const [rate_per_s = 0, rate_now_per_s = 0, checkout_max = 0, pass_ms = 0] = terms.map(Number)
  // nobody buys here, so nothing waits to be settled
  if (rate_now_per_s !== rate_per_s) throw new Error(`the rate was lowered to ${rate_now_per_s} of ${rate_per_s}`)
  const began_ms = Number(await redis.hget(metaKey(sale, 0), 'opens_ms'))
  return { rate_per_s, checkout_max, pass_ms, burst_s: BURST_S, began_ms }
}

function arrivalSeconds(people: CrowdPerson[]): number {
  let first = Number.POSITIVE_INFINITY
  let last = 0
  for (const { entered_ms } of people) {
    if (entered_ms === 0) continue
    first = Math.min(first, entered_ms)
    last = Math.max(last, entered_ms)
  }
  return (last - first) / 1000
}

function countRefusals(people: CrowdPerson[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { refused } of people) if (refused !== undefined) counts[refused] = (counts[refused] ?? 0) + 1
  return counts
}

function wrongWith(people: CrowdPerson[], refusals: Record<string, number>, error_log: string): string[] {
  const wrong: string[] = []
  const outside = people.filter(({ number }) => number <= 0).length
  if (outside > 0) wrong.push(`${outside} people never got a ticket (${JSON.stringify(refusals)})`)
  const numbers = new Set(people.map(({ number }) => number))
  if (numbers.size !== people.length) wrong.push('two people have the same number')
  const bad = error_log.split('\n').filter((line) => /\[(error|crit|alert|emerg)\]/.test(line))
  for (const line of bad.slice(0, 5)) wrong.push(line)
  return wrong
}

interface TicketMemory {
  /** of Redis and all workers of the gate together, a ticket */
  bytes: number
  redis_bytes: number
  gate_bytes: number
}

/** Takes `tickets` and sees by how much Redis and the gate have grown. */
async function ticketMemory(
  stack: Stack,
  redis: Redis,
  loadgen: string,
  dir: string,
  tickets: number,
  connections: number,
): Promise<TicketMemory> {
  const sale = await makeSale(stack, 'million', 1, 10)
  // the gate's first requests make its caches and connections: they are no ticket's
  await takeTickets(stack, loadgen, dir, sale, 'warm-up', Math.min(LOT, tickets), connections)
  await sleep(2000)
  const before = await memoryOf(stack, redis)
  let taken = 0
  while (taken < tickets) {
    const lot = Math.min(LOT, tickets - taken)
    await takeTickets(stack, loadgen, dir, sale, `lot-${taken}`, lot, connections)
    taken += lot
    progress(`${taken} tickets taken`)
  }
  await sleep(2000)
  const after = await memoryOf(stack, redis)
  const issued = Number(await redis.hget(admissionKey(sale), 'issued'))
  if (issued < taken) throw new Error(`${issued} numbers were given out, ${taken} tickets taken`)
  const each = (bytes: number) => Number((Math.max(0, bytes) / tickets).toFixed(2))
  const redis_bytes = each(after.redis - before.redis)
  const gate_bytes = each(after.gate - before.gate)
  return { bytes: Number((redis_bytes + gate_bytes).toFixed(2)), redis_bytes, gate_bytes }
}

async function takeTickets(
  stack: Stack,
  program: string,
  dir: string,
  sale: string,
  prefix: string,
  count: number,
  connections: number,
): Promise<void> {
  const mint = sessionMint(stack.secret)
  const { host, port } = new URL(stack.urls.gate)
  const records: Buffer[] = []
  for (let i = 0; i < count; i++) {
    const address = `2a02:${(i >> 16).toString(16)}:${(i & 65535).toString(16)}:1::1`
    records.push(
      Buffer.from(
        `POST /sales/${sale}/tickets HTTP/1.1\r\nHost: ${host}\r\nX-Forwarded-For: ${address}\r\n` +
          `Authorization: Bearer ${mint(`${prefix}-${i}`)}\r\nContent-Length: 0\r\n\r\n`,
      ),
    )
  }
  const file = join(dir, 'tickets')
  writeRecords(file, records)
  const plan = { program, port: Number(port), file, connections: Math.min(connections, 250) }
  const report = await generateLoad({ ...plan, protocol: 'http', expect: '201', contains: '"ticket"' })
  const wrong = answeredWrongly(report, '201')
  if (wrong !== undefined) throw new Error(wrong)
}

async function memoryOf(stack: Stack, redis: Redis): Promise<{ redis: number; gate: number }> {
  const info = await redis.info('memory')
  const used = Number(/^used_memory_dataset:(\d+)/m.exec(info)?.[1] ?? 0)
  const gate = stack.gate.workers().reduce((sum, pid) => sum + privateBytes(pid), 0)
  return { redis: used, gate }
}

/** What the process has for itself and its part of what it shares. */
function privateBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024
}
