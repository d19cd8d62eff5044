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
/** a background item is hot wrongly when no window has this part of the requests with which an item crosses */
const NEAR = 0.75
/** a rush that crosses at the very end is hot everywhere a moment after the load */
const HOT_TIMEOUT_MS = 10_000
const LOOK_MS = 200

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
    const stream = writeStream(file, plan)
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
    const report = await generateLoad({ ...load, rate: plan.rate, timed: { text: '/web/item/', file: times } })
    const wrong: string[] = []
    const bad = answeredWrongly(report, '404')
    if (bad !== undefined) wrong.push(bad)
    const requests = readTimes(readFileSync(times, 'utf8'), stream)
    const crossed = crossings(requests)
    if (crossed.size === 0) wrong.push('no rush crossed the threshold')
    const views = await viewsWith([...crossed.keys()], stack.urls.metrics, plan.workers)
    wrong.push(...hotWrongly(views, requests))
    const delays = delaysOf(crossed, views, wrong)
    const reached_rps = Math.round(report.requests / report.elapsed_s)
    return { ...summaryOf(delays), rushes: delays.length, reached_rps, wrong }
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

/** Requests of background items by Zipf(1.1), with rushes in between; the items in their order. */
function writeStream(file: string, { rate, rushes, seed }: DetectionPlan): string[] {
  const random = new Random(seed)
  const cumulative = new Float64Array(KEYS)
  let sum = 0
  for (let i = 0; i < KEYS; i++) {
    sum += (i + 1) ** -1.1
    cumulative[i] = sum
  }
  const items: string[] = []
  const background = (): string => {
    const wanted = random.next() * sum
    let low = 0
    let high = KEYS - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((cumulative[middle] as number) < wanted) low = middle + 1
      else high = middle
    }
    return `item-${low + 1}`
  }
  const total = Math.round(rate * (LEAD_S + rushes * RUSH_S))
  const parts: Buffer[] = []
  for (let i = 0; i < total; i++) {
    const rush = Math.floor((i / rate - LEAD_S) / RUSH_S)
    const item = rush >= 0 && random.next() < RUSH_PER_S / rate ? `rush-${rush}` : background()
    items.push(item)
    const text = Buffer.from(`GET /web/item/${item} HTTP/1.1\r\nHost: gate\r\n\r\n`)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(text.length)
    parts.push(length, text)
  }
  writeFileSync(file, Buffer.concat(parts))
  return items
}

interface Times {
  sent_ms: number
  answered_ms: number
}

/** By item, in the order of sending. */
function readTimes(text: string, stream: string[]): Map<string, Times[]> {
  const requests = new Map<string, Times[]>()
  for (const line of text.trim().split('\n')) {
    const [request = 0, sent_us = 0, answered_us = 0] = line.split(' ').map(Number)
    const item = stream[request] as string
    const times = requests.get(item) ?? []
    requests.set(item, times)
    times.push({ sent_ms: sent_us / 1000, answered_ms: answered_us / 1000 })
  }
  for (const times of requests.values()) times.sort((a, b) => a.sent_ms - b.sent_ms)
  return requests
}

/** When each rush was sent with the request with which it crossed the threshold; none of a machine too slow to send it in time. */
function crossings(requests: Map<string, Times[]>): Map<string, number> {
  const crossed = new Map<string, number>()
  for (const [item, all] of requests) {
    if (!item.startsWith('rush-')) continue
    const crossing = all.find(
      ({ sent_ms }, i) => i >= CROSSING - 1 && sent_ms - (all[i - CROSSING + 1] as Times).sent_ms <= TERMS.window_ms,
    )
    if (crossing !== undefined) crossed.set(item, crossing.sent_ms)
  }
  return crossed
}

/** What workers say once all of them have these items, or do not get them. */
async function viewsWith(items: string[], metrics: string, workers: number): Promise<WorkerView[]> {
  const deadline = Date.now() + HOT_TIMEOUT_MS
  for (;;) {
    await sleep(LOOK_MS)
    const views = await viewsOf(metrics, workers)
    const has = ({ hot }: WorkerView) => items.every((wanted) => hot.some(({ item }) => item === wanted))
    if (views.every(has) || Date.now() > deadline) return views
  }
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

/**
 * Background items that are hot and were never asked for often enough. By the window and not on the whole: after a moment in which
 * generator or gate stood still, what was due comes all at once.
 */
function hotWrongly(views: WorkerView[], requests: Map<string, Times[]>): string[] {
  const wrong: string[] = []
  for (const { hot } of views) {
    for (const { item } of hot) {
      if (item.startsWith('rush-') || isNearCrossing(requests.get(item) ?? [])) continue
      wrong.push(`${item} is hot, with ${requests.get(item)?.length ?? 0} requests that were never many at once`)
    }
  }
  return wrong
}

/** Whether the gate may have counted enough of them within one window: each somewhere between its sending and its answer. */
function isNearCrossing(times: Times[]): boolean {
  return times.some(({ answered_ms: from_ms }) => {
    const until_ms = from_ms + TERMS.window_ms
    const within = times.filter(({ sent_ms, answered_ms }) => answered_ms >= from_ms && sent_ms <= until_ms)
    return within.length >= NEAR * CROSSING
  })
}

/** For each rush that crossed the threshold, ms until the last worker had it. */
function delaysOf(crossed: Map<string, number>, views: WorkerView[], wrong: string[]): number[] {
  const delays: number[] = []
  for (const [rush, crossed_ms] of crossed) {
    const known = views.map(({ hot }) => hot.find(({ item }) => item === rush)?.known_ms)
    if (known.some((ms) => ms === undefined)) wrong.push(`${rush} crossed the threshold and is not hot everywhere`)
    else delays.push(Math.max(...(known as number[])) - crossed_ms)
  }
  return delays
}

function summaryOf(delays: number[]): { p50_ms: number; p99_ms: number; max_ms: number } {
  const sorted = [...delays].sort((a, b) => a - b)
  const at = (share: number) => Math.round((sorted[Math.ceil(share * sorted.length) - 1] ?? 0) * 10) / 10
  return { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1) }
}
