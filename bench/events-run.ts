// Events under load while nginx is reloaded again and again, the broker is away for a while and at last a worker is killed:
// afterwards what is in the topic, and in Elasticsearch where there is one, is held against what the gate counted.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Elasticsearch, startElasticsearch } from '../scripts/engines/elasticsearch'
import { type Kafka, startKafka } from '../scripts/engines/kafka'
import { type Stack, startStack } from '../scripts/stack'
import { type GateCounts, type Reconciliation, readGateCounts, reconcile } from './events-check'
import { eventsInTopic, makeTopic, recorder } from './events-shop'
import { generateLoad, type LoadReport } from './load-generator'
import { writeRecords } from './stream'

interface EventsRun {
  /** made and used, not removed */
  dir: string
  /** of bench/loadgen */
  program: string
  requests: number
  reloads: number
  outage_s: number
  /** the gate's events.exit_ms_max, where the default is not meant: the outage lasts until the broker has started again, too */
  exit_ms_max?: number
  /** workers killed after all that, each under load */
  kills: number
  workers: number
  /** with an Elasticsearch, to which the backend's indexer brings the events */
  index: boolean
  progress: (text: string) => void
}

export interface EventsResult extends Reconciliation {
  sent: number
  answered: number
  /** connections that broke before their answer: an idle one that nginx closed, or a killed worker's */
  lost: number
  /** worst of the slices while the broker was there, and while it was away */
  p99_ms: number
  p99_outage_ms: number
  by_reason: Record<string, number>
  /** in Elasticsearch; undefined without one */
  indexed: number | undefined
  gate_workers: number
  gaps: number
}

const CONNECTIONS = 32
/** an outage begins when this share of the slices is done */
const OUTAGE_AFTER = 0.3
const KILL_REQUESTS = 20_000
/** a second, so that the kill comes in the middle of them on a fast machine too, and a successor records the rest */
const KILL_RATE = 10_000
const KILL_AFTER_MS = 700
const EXIT_MS_MAX = 25_000
/** a worker that was reloaded in the outage gives up after events.exit_ms_max */
const SETTLE_MORE_MS = 35_000
const PREFIX = 'run-'
/** a million events in half a minute, on a machine that does nothing else */
const INDEXED_MS_MAX = 300_000

interface Sums {
  sent: number
  answered: number
  lost: number
  p99_ms: number
  p99_outage_ms: number
  wrong: string[]
}

export async function runEvents(run: EventsRun): Promise<EventsResult> {
  const kafka = await startKafka({ folder: join(run.dir, 'kafka') })
  let stack: Stack | undefined
  let elastic: Elasticsearch | undefined
  try {
    if (run.index) elastic = await startElasticsearch({ folder: join(run.dir, 'elasticsearch') })
    await makeTopic(kafka.brokers, PREFIX)
    const events = { exit_ms_max: run.exit_ms_max ?? EXIT_MS_MAX }
    const gate = recorder({ dir: join(run.dir, 'plugin'), brokers: kafka.brokers, prefix: PREFIX, events })
    const env = { ...gate.env, ...(elastic && { ELASTICSEARCH_URL: elastic.url }) }
    stack = await startStack({ dir: join(run.dir, 'stack'), workers: run.workers, config: gate.config, env })
    return await underLoad(run, stack, kafka)
  } finally {
    await stack?.stop()
    await elastic?.stop()
    await kafka.stop()
  }
}

async function underLoad(run: EventsRun, stack: Stack, kafka: Kafka): Promise<EventsResult> {
  const sums: Sums = { sent: 0, answered: 0, lost: 0, p99_ms: 0, p99_outage_ms: 0, wrong: [] }
  const slices = Math.max(1, run.reloads)
  const of_slice = Math.ceil(run.requests / slices)
  const outage_at = run.outage_s > 0 ? Math.floor(slices * OUTAGE_AFTER) : -1
  let outage: Promise<void> | undefined
  let is_away = false
  for (let slice = 0; slice < slices; slice++) {
    if (slice === outage_at) {
      run.progress(`broker killed for ${run.outage_s} s`)
      kafka.kill('SIGKILL')
      await kafka.wait()
      is_away = true
      outage = sleep(run.outage_s * 1000)
        .then(() => kafka.restart())
        .then(() => {
          is_away = false
          run.progress('broker is back')
        })
    }
    const away_before = is_away
    const requests = Math.min(of_slice, run.requests - sums.sent)
    const loading = load(run, stack, requests)
    await sleep(50)
    if (slice < run.reloads) await stack.gate.reload()
    add(sums, await loading, requests, away_before && is_away)
    if ((slice + 1) % 10 === 0) run.progress(`${sums.sent} requests, ${slice + 1} reloads`)
  }
  await outage
  for (let kill = 0; kill < run.kills; kill++) {
    const loading = load(run, stack, KILL_REQUESTS, KILL_RATE)
    await sleep(KILL_AFTER_MS)
    const [worker] = stack.gate.workers()
    if (worker !== undefined) process.kill(worker, 'SIGKILL')
    run.progress(`worker ${worker} killed`)
    add(sums, await loading, KILL_REQUESTS, false)
  }
  return judged(run, sums, await settled(run, stack), kafka, stack)
}

async function load(run: EventsRun, stack: Stack, requests: number, rate?: number): Promise<LoadReport> {
  const file = join(run.dir, `requests-${requests}`)
  const request = Buffer.from('GET /sales HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench/1\r\n\r\n')
  writeRecords(file, new Array<Buffer>(requests).fill(request))
  const port = Number(new URL(stack.urls.gate).port)
  const how = {
    connections: CONNECTIONS,
    protocol: 'http',
    expect: '200',
    ...(rate !== undefined && { rate }),
  } as const
  return generateLoad({ program: run.program, port, file, ...how })
}

function add(sums: Sums, report: LoadReport, requests: number, is_away: boolean): void {
  const answered = report.statuses['200'] ?? 0
  const lost = report.statuses.lost ?? 0
  sums.sent += requests
  sums.answered += answered
  sums.lost += lost
  if (answered + lost !== requests) sums.wrong.push(`answers other than 200: ${JSON.stringify(report.statuses)}`)
  if (is_away) sums.p99_outage_ms = Math.max(sums.p99_outage_ms, report.p99_ms)
  else sums.p99_ms = Math.max(sums.p99_ms, report.p99_ms)
}

/** The counts when nothing is queued any more, in old workers neither. */
async function settled(run: EventsRun, stack: Stack): Promise<GateCounts> {
  const deadline = Date.now() + (run.exit_ms_max ?? EXIT_MS_MAX) + SETTLE_MORE_MS
  let before = ''
  for (;;) {
    // workers pour once a second
    await sleep(1500)
    const counts = readGateCounts(await (await fetch(stack.urls.metrics)).text())
    const now = JSON.stringify(counts)
    if ((counts.queued === 0 && now === before) || Date.now() > deadline) return counts
    before = now
  }
}

/** How many the operator's query finds, once they are `expected`, or no more come. */
async function indexedEvents(run: EventsRun, stack: Stack, expected: number): Promise<number> {
  const headers = { authorization: `Bearer ${stack.admin_token}` }
  const deadline = Date.now() + INDEXED_MS_MAX
  for (;;) {
    const answer = await fetch(`${stack.urls.backend}/admin/hot-items?view=sequences&last=6h`, { headers })
    const { found = 0 } = (await answer.json()) as { found?: number }
    run.progress(`${found} of ${expected} events in Elasticsearch`)
    if (found >= expected || Date.now() > deadline) return found
    await sleep(5000)
  }
}

async function judged(
  run: EventsRun,
  sums: Sums,
  counts: GateCounts,
  kafka: Kafka,
  stack: Stack,
): Promise<EventsResult> {
  const found = await eventsInTopic(kafka.brokers, PREFIX)
  const held = reconcile(counts, found)
  const { sent, answered, lost } = sums
  const wrong = [...sums.wrong, ...held.wrong]
  const indexed = run.index ? await indexedEvents(run, stack, found.count) : undefined
  if (indexed !== undefined && indexed !== found.count)
    wrong.push(`${indexed} events are in Elasticsearch, ${found.count} in the topic`)
  // the client's own count: whoever was answered was recorded, and of those that broke off some were
  if (counts.recorded < answered || counts.recorded > answered + lost)
    wrong.push(`${counts.recorded} events were recorded for ${answered} answers and ${lost} broken connections`)
  if (held.doubled > 0) wrong.push(`${held.doubled} events came twice from an idempotent producer`)
  return {
    ...held,
    wrong,
    sent,
    answered,
    lost,
    p99_ms: sums.p99_ms,
    p99_outage_ms: sums.p99_outage_ms,
    by_reason: counts.dropped,
    indexed,
    gate_workers: found.workers,
    gaps: found.gaps,
  }
}
