// npm run bench -- items: how often item pages reach the backend at full size, and what a page from the gate's memory costs beside
// nginx with the same bytes as a file.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { ITEM_FALSE_RATE } from '../contract/followed-items'
import { type AnotherGate, type Stack, startAnotherGate, startStack } from '../scripts/stack'
import { cpuMicroseconds } from './cpu'
import { buildGo, CACHE } from './go-programs'
import { type Between, crowd, filterBounds, floodUnknown, standBetween } from './item-load'
import { answeredWrongly, generateLoad } from './load-generator'
import { machine } from './machine'
import type { Peer } from './peers/peer'
import { startStaticFile } from './peers/static-file/peer'
import { finish, progress, wholeNumber } from './report'
import { median, medianInterval, rounded } from './stats'
import { writeRecords } from './stream'

const ITEM = 'shoe'
const PRODUCTS = 2000
const IMPORT_MAX = 500
/** until a page ends: longer than a crowd takes to be answered, for each of it */
const FRESH_MS_MIN = 3000
const FRESH_MS_EACH = 2
const CROWD_DELAY_MS = 3000
const CHANGE_MS_MAX = 1000
const READY_TIMEOUT_MS = 30_000
const SLICES_MIN_FOR_RATIOS = 6

interface Node extends AnotherGate {
  between: Between
}

interface Sizes {
  slices: number
  requests: number
  crowd: number
  unknown: number
  changes: number
  seed: number
}

export async function items(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      slices: { type: 'string', default: '15' },
      requests: { type: 'string', default: '30000' },
      crowd: { type: 'string', default: '10000' },
      unknown: { type: 'string', default: '1000000' },
      changes: { type: 'string', default: '40' },
      seed: { type: 'string', default: '1' },
    },
  })
  const sizes: Sizes = {
    slices: wholeNumber('--slices', values.slices, 0, 1000),
    requests: wholeNumber('--requests', values.requests, 100, 1_000_000),
    crowd: wholeNumber('--crowd', values.crowd, 10, 15_000),
    unknown: wholeNumber('--unknown', values.unknown, 1000, 100_000_000),
    changes: wholeNumber('--changes', values.changes, 1, 1000),
    seed: wholeNumber('--seed', values.seed, 0, 2 ** 31),
  }
  mkdirSync(CACHE, { recursive: true })
  const dir = mkdtempSync(join(CACHE, 'items-'))
  progress('starting Redis, backend and gates')
  const stack = await startStack({ dir: join(dir, 'stack'), workers: 1, error_log_level: 'warn' })
  const nodes: Node[] = []
  const wrong: string[] = []
  try {
    await makeProducts(stack)
    const fresh_ms = freshMs(sizes)
    for (const name of ['node-1', 'node-2']) nodes.push(await startNode(stack, dir, name, fresh_ms))
    const asked = await measureCrowd(stack, nodes, sizes, wrong)
    const unknown = await measureUnknown(nodes[0] as Node, sizes, wrong)
    const change_ms = await measureChanges(stack, nodes, sizes)
    const cost = sizes.slices === 0 ? {} : await measureCost(stack, dir, sizes, wrong)
    finish({ bench: 'items', ...asked, ...unknown, ...change_ms, ...cost, ...sizes, machine: machine() }, wrong)
  } finally {
    for (const { gate, between } of nodes) {
      await gate.stop()
      await between.close()
    }
    await stack.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

function product(title: string): Record<string, unknown> {
  return { title, text: 'What there is to say of it. '.repeat(150), price: { amount_minor: 4999, currency: 'EUR' } }
}

async function makeProducts(stack: Stack): Promise<void> {
  for (let from = 0; from < PRODUCTS; from += IMPORT_MAX) {
    const products = Array.from({ length: IMPORT_MAX }, (_, i) => ({ id: `item-${from + i}`, ...product('Item') }))
    await stack.admin('POST', '/admin/products', { products })
  }
  await stack.admin('PUT', `/admin/products/${ITEM}`, product('Shoe 0'))
  // its next filter has them all; until it makes one they are told one by one, and no unknown id gets through
  await stack.backend.stop()
  await stack.backend.start()
}

function freshMs({ crowd: count }: Sizes): number {
  return FRESH_MS_MIN + FRESH_MS_EACH * count
}

/** Pages end after `fresh_ms` and are not shown any more then: whoever asks has to wait. */
async function startNode(stack: Stack, dir: string, name: string, fresh_ms: number): Promise<Node> {
  const config = join(dir, `${name}.json`)
  const patience = { wait_ms_max: 60_000, answer_ms_max: 30_000 }
  const settings = { fresh_ms, hot_fresh_ms: fresh_ms, stale_ms: 0, jitter_percent: 0, ...patience }
  writeFileSync(config, JSON.stringify({ version: 1, plugins: { 'item-cache': settings } }))
  const between = await standBetween(stack.urls.backend)
  const env = { RUSHGATE_BACKEND: between.address }
  const options = { config, workers: 2, env, error_log_level: 'warn' }
  const node = { ...(await startAnotherGate(stack, name, options)), between }
  await until(async () => (await page(node, ITEM)).status === 200)
  await until(async () => (await page(node, `nothing-${Math.random().toString(36).slice(2)}`)).status === 404)
  return node
}

async function page(node: AnotherGate, id: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${node.urls.gate}/web/item/${id}`, { headers: { connection: 'close' } })
  return { status: answer.status, text: await answer.text() }
}

async function until(is_so: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS
  while (!(await is_so().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`bench items: not so after ${READY_TIMEOUT_MS} ms: ${is_so}`)
    await sleep(20)
  }
}

/** All at once for one page that has ended, at each node. */
async function measureCrowd(
  stack: Stack,
  nodes: Node[],
  sizes: Sizes,
  wrong: string[],
): Promise<Record<string, unknown>> {
  const count = sizes.crowd
  const asked: number[] = []
  const ms: number[] = []
  for (const [index, node] of nodes.entries()) {
    await stack.admin('PUT', `/admin/products/crowd-${index}`, product('Crowd'))
    await until(async () => (await page(node, `crowd-${index}`)).status === 200)
    await sleep(freshMs(sizes) + 500)
    node.between.delay_ms = CROWD_DELAY_MS
    const path = `/item/crowd-${index}`
    const before = node.between.asked.get(path) ?? 0
    const answers = await crowd(node.urls.gate, `/web${path}`, count)
    node.between.delay_ms = 0
    asked.push((node.between.asked.get(path) ?? 0) - before)
    ms.push(answers.ms)
    progress(`crowd of ${count} at node ${index + 1}: backend asked ${asked.at(-1)} times, ${answers.ms} ms`)
    if (answers.statuses['200'] !== count) wrong.push(`crowd: ${JSON.stringify(answers.statuses)}`)
    if (asked.at(-1) !== 1) wrong.push(`crowd: node ${index + 1} asked the backend ${asked.at(-1)} times`)
  }
  return { crowd_asked: asked, crowd_ms: ms }
}

async function measureUnknown(node: Node, { unknown, seed }: Sizes, wrong: string[]): Promise<Record<string, unknown>> {
  const before = node.between.itemsAsked()
  const flood = await floodUnknown(node.urls.gate, unknown, seed)
  const asked = node.between.itemsAsked() - before
  const { low, high } = filterBounds(unknown, ITEM_FALSE_RATE)
  progress(`${asked} of ${unknown} unknown ids reached the backend, ${low} to ${high} expected; ${flood.ms} ms`)
  if (flood.statuses['404'] !== unknown) wrong.push(`unknown ids: ${JSON.stringify(flood.statuses)}`)
  if (asked < low || asked > high) wrong.push(`unknown ids: ${asked} reached the backend, expected ${low} to ${high}`)
  return { unknown_asked: asked, unknown_expected: unknown * ITEM_FALSE_RATE, unknown_bounds: [low, high] }
}

/** From the operator's answer to the new page at both nodes. */
async function measureChanges(stack: Stack, nodes: Node[], { changes }: Sizes): Promise<Record<string, unknown>> {
  const lags: number[] = []
  for (let change = 1; change <= changes; change++) {
    await stack.admin('PUT', `/admin/products/${ITEM}`, product(`Shoe ${change}`))
    const since = performance.now()
    for (const node of nodes) await until(async () => (await page(node, ITEM)).text.includes(`<h1>Shoe ${change}<`))
    lags.push(performance.now() - since)
  }
  lags.sort((a, b) => a - b)
  const p99 = lags[Math.ceil(lags.length * 0.99) - 1] as number
  progress(`a change is seen after ${median(lags).toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`)
  const verdict = p99 <= CHANGE_MS_MAX ? 'met' : 'missed'
  return { change_ms: { median: rounded(median(lags)), p99: rounded(p99), at_most: CHANGE_MS_MAX, verdict } }
}

interface Contestant {
  name: string
  peer: Peer
  path: string
  headers: string
  expect: string
}

/** CPU time a request, in slices that take turns; the gate is the default one with one worker. */
async function measureCost(
  stack: Stack,
  dir: string,
  { slices, requests }: Sizes,
  wrong: string[],
): Promise<Record<string, unknown>> {
  const program = buildGo('loadgen', 'loadgen')
  const gate = { urls: stack.urls, gate: stack.gate }
  await until(async () => (await page(gate, ITEM)).status === 200)
  const answer = await fetch(`${stack.urls.gate}/web/item/${ITEM}`, { headers: { 'accept-encoding': 'identity' } })
  const body = await answer.text()
  const tag = answer.headers.get('etag') ?? ''
  const plan = { dir: join(dir, 'file'), redis_port: 0, sale: { id: 'none', sku: 'none', epoch: 1 }, script_file: '' }
  const file = await startStaticFile(plan, ITEM, body)
  const own: Peer = {
    port: Number(new URL(stack.urls.gate).port),
    pids: () => stack.gate.workers(),
    stop: async () => {},
  }
  const path = `/web/item/${ITEM}`
  const contestants: Contestant[] = [
    { name: 'file', peer: file, path, headers: '', expect: '200' },
    { name: 'page', peer: own, path, headers: '', expect: '200' },
    { name: 'page_gzip', peer: own, path, headers: 'Accept-Encoding: gzip, deflate, br\r\n', expect: '200' },
    { name: 'page_304', peer: own, path, headers: `If-None-Match: ${tag}\r\n`, expect: '304' },
    { name: 'unknown', peer: own, path: '/web/item/nobody-made-this', headers: '', expect: '404' },
    { name: 'direct', peer: file, path: '/direct/', headers: '', expect: '200' },
    { name: 'redirect', peer: file, path: '/redirect/', headers: '', expect: '200' },
  ]
  const costs = new Map<string, number[]>(contestants.map(({ name }) => [name, []]))
  try {
    // round 0 warms up
    for (let round = 0; round <= slices; round++) {
      for (const each of round % 2 === 0 ? contestants : [...contestants].reverse()) {
        const cost_us = await slice(program, dir, each, requests, wrong)
        if (round > 0) costs.get(each.name)?.push(cost_us)
        progress(`slice ${round}/${slices}  ${each.name.padEnd(10)} ${cost_us.toFixed(1)} µs`)
      }
    }
  } finally {
    await file.stop()
  }
  return { page_bytes: body.length, ...costsOf(costs) }
}

async function slice(program: string, dir: string, each: Contestant, count: number, wrong: string[]): Promise<number> {
  const stream = join(dir, 'stream')
  const one = Buffer.from(`GET ${each.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${each.headers}\r\n`)
  writeRecords(stream, Array<Buffer>(count).fill(one))
  const pids = each.peer.pids()
  const before = cpuMicroseconds(pids)
  const { expect } = each
  const report = await generateLoad({
    ...{ program, port: each.peer.port, file: stream, connections: 64, protocol: 'http', expect },
  })
  const cost_us = (cpuMicroseconds(pids) - before) / report.requests
  const bad = answeredWrongly(report, expect)
  if (bad !== undefined) wrong.push(`${each.name}: ${bad}`)
  return cost_us
}

function costsOf(costs: Map<string, number[]>): Record<string, unknown> {
  const us: Record<string, number> = {}
  const to_file: Record<string, unknown> = {}
  const floor = costs.get('file') ?? []
  for (const [name, list] of costs) {
    us[name] = rounded(median(list))
    if (name === 'file' || list.length < SLICES_MIN_FOR_RATIOS) continue
    const { median: middle, low, high } = medianInterval(list.map((cost, i) => cost / (floor[i] as number)))
    to_file[name] = { median: rounded(middle), low: rounded(low), high: rounded(high) }
  }
  const direct = costs.get('direct') ?? []
  const more = (costs.get('redirect') ?? []).map((cost, i) => cost - (direct[i] as number))
  return { us, to_file, redirect_us: rounded(median(more)) }
}
