// npm run bench -- events: what an event costs a request, and that none is lost in silence.
//
// The cost: two gates that answer alike, one of which records each request as an event to Kafka; alternating slices, CPU time from
// the scheduler, differences within a round. Then the run of events-run.ts: a million requests, a hundred reloads, the
// broker killed for 30 s, a worker killed: numbers found + drops counted = recorded, or exit code 1. With --index found in
// Elasticsearch too.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startKafka } from '../scripts/engines/kafka'
import { type AnotherGate, startAnotherGate, startStack } from '../scripts/stack'
import { cpuMicroseconds } from './cpu'
import { type EventsResult, runEvents } from './events-run'
import { makeTopic, recorder } from './events-shop'
import { buildGo, CACHE } from './go-programs'
import { answeredWrongly, generateLoad } from './load-generator'
import { machine } from './machine'
import { finish, progress, wholeNumber } from './report'
import { medianInterval, rounded } from './stats'
import { writeRecords } from './stream'

const CONNECTIONS = 32
/** librdkafka's threads send for a while after the last request */
const AFTER_MS = 400
const PREFIX = 'cost-'

export async function events(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      requests: { type: 'string', default: '1000000' },
      reloads: { type: 'string', default: '100' },
      'outage-s': { type: 'string', default: '30' },
      kills: { type: 'string', default: '1' },
      index: { type: 'boolean', default: false },
      workers: { type: 'string', default: '1' },
      slices: { type: 'string', default: '15' },
      'slice-requests': { type: 'string', default: '30000' },
    },
  })
  const requests = wholeNumber('--requests', values.requests, 0, 100_000_000)
  const slices = wholeNumber('--slices', values.slices, 0, 1000)
  const of_slice = wholeNumber('--slice-requests', values['slice-requests'], 100, 1_000_000)
  const plan = {
    requests,
    reloads: wholeNumber('--reloads', values.reloads, 0, 100_000),
    outage_s: wholeNumber('--outage-s', values['outage-s'], 0, 3600),
    kills: wholeNumber('--kills', values.kills, 0, 100),
    workers: wholeNumber('--workers', values.workers, 1, 64),
    index: values.index,
  }
  const program = buildGo('loadgen', 'loadgen')
  mkdirSync(CACHE, { recursive: true })
  const dir = mkdtempSync(join(CACHE, 'events-'))
  try {
    const cost = slices === 0 ? undefined : await measureCost(join(dir, 'cost'), program, slices, of_slice)
    const run = requests === 0 ? undefined : await runEvents({ ...plan, dir: join(dir, 'run'), program, progress })
    const { wrong, ...result }: Partial<EventsResult> = run ?? {}
    const all = [...(cost?.wrong ?? []), ...(wrong ?? [])]
    finish({ bench: 'events', ...result, holds: all.length === 0, ...cost?.line, ...plan, machine: machine() }, all)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

interface Cost {
  line: Record<string, unknown>
  wrong: string[]
}

interface Contestant {
  name: 'on' | 'off'
  gate: AnotherGate
}

async function measureCost(dir: string, program: string, slices: number, requests: number): Promise<Cost> {
  mkdirSync(dir, { recursive: true })
  progress('starting Kafka, Redis, backend and two gates')
  const kafka = await startKafka({ folder: join(dir, 'kafka') })
  await makeTopic(kafka.brokers, PREFIX)
  const stack = await startStack({ dir: join(dir, 'stack'), error_log_level: 'warn' })
  const gates: Contestant[] = []
  try {
    for (const name of ['on', 'off'] as const) {
      const own = { dir: join(dir, name), brokers: kafka.brokers, prefix: PREFIX, records: name === 'on' }
      gates.push({ name, gate: await startAnotherGate(stack, name, recorder(own)) })
    }
    stack.backend.kill('SIGSTOP')
    return await compare(gates, join(dir, 'stream'), program, slices, requests)
  } finally {
    for (const { gate } of gates) await gate.gate.stop()
    stack.backend.kill('SIGKILL') // its data is thrown away
    await stack.gate.stop()
    await stack.redis.stop()
    await kafka.stop()
  }
}

interface Slice {
  /** CPU of the worker's own thread, which serves requests, and of all its threads; µs a request */
  serving_us: number
  all_us: number
}

async function compare(
  gates: Contestant[],
  file: string,
  program: string,
  slices: number,
  requests: number,
): Promise<Cost> {
  const request = Buffer.from(`GET /sales HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: ${AGENT}\r\n\r\n`)
  writeRecords(file, new Array<Buffer>(requests).fill(request))
  const wrong: string[] = []
  const serving: number[] = []
  const all: number[] = []
  const off: number[] = []
  // round 0 warms up
  for (let round = 0; round <= slices; round++) {
    const cost = new Map<string, Slice>()
    for (const { name, gate } of round % 2 === 0 ? gates : [...gates].reverse()) {
      const pids = gate.gate.workers()
      const before = { serving: servingMicroseconds(pids), all: cpuMicroseconds(pids) }
      const port = Number(new URL(gate.urls.gate).port)
      const load = { program, port, file, connections: CONNECTIONS, protocol: 'http' as const, expect: '200' }
      const report = await generateLoad(load)
      await sleep(AFTER_MS)
      const bad = answeredWrongly(report, '200')
      if (bad !== undefined) wrong.push(`${name}, slice ${round}: ${bad}`)
      cost.set(name, {
        serving_us: (servingMicroseconds(pids) - before.serving) / requests,
        all_us: (cpuMicroseconds(pids) - before.all) / requests,
      })
    }
    const with_events = cost.get('on') as Slice
    const without = cost.get('off') as Slice
    if (round > 0) {
      serving.push(with_events.serving_us - without.serving_us)
      all.push(with_events.all_us - without.all_us)
      off.push(without.all_us)
    }
    progress(`slice ${round}/${slices}  ${without.all_us.toFixed(2)} µs without, ${with_events.all_us.toFixed(2)} with`)
  }
  return { line: { serving_us: interval(serving), all_us: interval(all), without_us: interval(off), slices }, wrong }
}

const AGENT =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'

/** Of the thread that serves requests; librdkafka's are others of the same process. */
function servingMicroseconds(pids: number[]): number {
  let sum_ns = 0
  for (const pid of pids) sum_ns += Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0])
  return sum_ns / 1000
}

function interval(values: number[]): Record<string, number> {
  const { median, low, high } = medianInterval(values)
  return { median: rounded(median), low: rounded(low), high: rounded(high) }
}
