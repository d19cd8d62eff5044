// How soon an item that crosses the threshold is hot at every worker: a real gate, Zipf traffic at a kept rate, and in it one rush after
// another, each for an item of its own. The time counts from when the request was sent with which the item crossed.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../scripts/random'
import { startStack } from '../scripts/stack'
import { answeredWrongly, generateLoad } from './load-generator'
import { progress } from './report'

const TERMS = { enter_per_s: 200, window_ms: 500, quiet_ms: 3_600_000, hot_max: 256 }
const CROSSING = (TERMS.enter_per_s * TERMS.window_ms) / 1000
const KEYS = 1_000_000
const LEAD_S = 1
const RUSH_S = 0.12
const RUSH_PER_S = 10 * TERMS.enter_per_s
const CONNECTIONS = 64
const KNOWN_TIMEOUT_MS = 30_000
/** a background item is hot wrongly when its rate is below this part of the threshold */
const NEAR = 0.5

interface DetectionPlan {
  dir: string
  program: string
  workers: number
  rate: number
  rushes: number
  seed: number
}

interface Detection {
  p50_ms: number
  p99_ms: number
  max_ms: number
  rushes: number
  reached_rps: number
  wrong: string[]
}

interface WorkerView {
  hot: { item: string; known_ms: number }[]
  of: { pid: number }
}

export async function measureDetection(plan: DetectionPlan): Promise<Detection> {
  mkdirSync(plan.dir, { recursive: true })
  const config = join(plan.dir, 'rushgate.json')
  const routes = { item: { plugins: ['hot-items', 'item-cache'] } }
  writeFileSync(config, JSON.stringify({ version: 1, routes, plugins: { 'hot-items': TERMS } }))
  progress(`starting a gate of ${plan.workers} workers`)
  const dir = join(plan.dir, 'stack')
  const stack = await startStack({ dir, workers: plan.workers, config, error_log_level: 'warn' })
  try {
    // ids that the gate knows not to exist: answered at once, and counted
    await filterKnown(stack.urls.gate)
    const file = join(plan.dir, 'stream')
    const counts = writeStream(file, plan)
    const times = join(plan.dir, 'times')
    progress(`${plan.rushes} rushes in ${plan.rate} requests a second`)
    const port = Number(new URL(stack.urls.gate).port)
    const load = {
      program: plan.program,
      port,
      file,
      connections: CONNECTIONS,
      protocol: 'http' as const,
      expect: '404',
    }
    const report = await generateLoad({ ...load, rate: plan.rate, timed: { text: '/rush-', file: times } })
    const wrong: string[] = []
    const bad = answeredWrongly(report, '404')
    if (bad !== undefined) wrong.push(bad)
    await sleep(200)
    const views = await viewsOf(stack.urls.metrics, plan.workers)
    const seconds = report.elapsed_s
    wrong.push(...hotWrongly(views, counts, seconds))
    const delays = delaysOf(readFileSync(times, 'utf8'), views, plan, wrong)
    return { ...summaryOf(delays), rushes: delays.length, reached_rps: Math.round(report.requests / seconds), wrong }
  } finally {
    await stack.stop()
  }
}

async function filterKnown(gate: string): Promise<void> {
  const deadline = Date.now() + KNOWN_TIMEOUT_MS
  for (let known = 0; known < 20; ) {
    const { status } = await fetch(`${gate}/web/item/nothing`, { headers: { connection: 'close' } })
    known = status === 404 ? known + 1 : 0
    if (Date.now() > deadline) throw new Error(`the gate does not know which items there are: it answers ${status}`)
    await sleep(20)
  }
}

/** Requests of background items by Zipf(1.1), with rushes in between; how many there are of each background item. */
function writeStream(file: string, { rate, rushes, seed }: DetectionPlan): Map<string, number> {
  const random = new Random(seed)
  const cumulative = new Float64Array(KEYS)
  let sum = 0
  for (let i = 0; i < KEYS; i++) {
    sum += (i + 1) ** -1.1
    cumulative[i] = sum
  }
  const counts = new Map<string, number>()
  const background = (): string => {
    const wanted = random.next() * sum
    let low = 0
    let high = KEYS - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((cumulative[middle] as number) < wanted) low = middle + 1
      else high = middle
    }
    const item = `item-${low + 1}`
    counts.set(item, (counts.get(item) ?? 0) + 1)
    return item
  }
  const total = Math.round(rate * (LEAD_S + rushes * RUSH_S))
  const parts: Buffer[] = []
  for (let i = 0; i < total; i++) {
    const rush = Math.floor((i / rate - LEAD_S) / RUSH_S)
    const item = rush >= 0 && random.next() < RUSH_PER_S / rate ? `rush-${rush}` : background()
    const text = Buffer.from(`GET /web/item/${item} HTTP/1.1\r\nHost: gate\r\n\r\n`)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(text.length)
    parts.push(length, text)
  }
  writeFileSync(file, Buffer.concat(parts))
  return counts
}

async function viewsOf(metrics: string, workers: number): Promise<WorkerView[]> {
  const views = new Map<number, WorkerView>()
  for (let i = 0; i < 500 && views.size < workers; i++) {
    const answer = await fetch(metrics.replace('/metrics', '/hot-items'), { headers: { connection: 'close' } })
    const view = (await answer.json()) as WorkerView
    views.set(view.of.pid, view)
  }
  if (views.size < workers) throw new Error(`only ${views.size} of ${workers} workers have told what is hot`)
  return [...views.values()]
}

/** Background items that are hot and were never asked for often enough. */
function hotWrongly(views: WorkerView[], counts: Map<string, number>, seconds: number): string[] {
  const wrong: string[] = []
  for (const { hot } of views) {
    for (const { item } of hot) {
      const per_s = (counts.get(item) ?? 0) / seconds
      if (!item.startsWith('rush-') && per_s < NEAR * TERMS.enter_per_s) {
        wrong.push(`${item} is hot, with ${per_s.toFixed(1)} requests a second`)
      }
    }
  }
  return wrong
}

/** For each rush that crossed the threshold, ms until the last worker had it. */
function delaysOf(times: string, views: WorkerView[], { rate, rushes }: DetectionPlan, wrong: string[]): number[] {
  const sent: number[][] = Array.from({ length: rushes }, () => [])
  for (const line of times.trim().split('\n')) {
    const [request = 0, sent_us = 0] = line.split(' ').map(Number)
    sent[Math.floor((request / rate - LEAD_S) / RUSH_S)]?.push(sent_us / 1000)
  }
  const delays: number[] = []
  sent.forEach((all, rush) => {
    all.sort((a, b) => a - b)
    const crossing = all.findIndex(
      (ms, i) => i >= CROSSING - 1 && ms - (all[i - CROSSING + 1] as number) <= TERMS.window_ms,
    )
    // a machine too slow to send it in time
    if (crossing < 0) return
    const known = views.map(({ hot }) => hot.find(({ item }) => item === `rush-${rush}`)?.known_ms)
    if (known.some((ms) => ms === undefined)) wrong.push(`rush-${rush} crossed the threshold and is not hot everywhere`)
    else delays.push(Math.max(...(known as number[])) - (all[crossing] as number))
  })
  if (delays.length === 0) wrong.push('no rush crossed the threshold')
  return delays
}

function summaryOf(delays: number[]): { p50_ms: number; p99_ms: number; max_ms: number } {
  const sorted = [...delays].sort((a, b) => a - b)
  const at = (share: number) => Math.round((sorted[Math.ceil(share * sorted.length) - 1] ?? 0) * 10) / 10
  return { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1) }
}
