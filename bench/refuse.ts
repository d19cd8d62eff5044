// npm run bench -- refuse: what a refusal costs at the gate, receipt included, each beside an nginx that answers the same bytes.
//
// One worker each, the same purchases, alternating slices, CPU time from the scheduler, ratios within a round.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type RequestOptions, request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { REFUSALS, type RefusalCode } from '../contract/codes'
import { freeKey, metaKey } from '../contract/keys'
import { ROOT, type Stack, startAnotherGate, startStack } from '../scripts/stack'
import { cpuMicroseconds } from './cpu'
import { buildGo, CACHE } from './go-programs'
import { answeredWrongly, generateLoad } from './load-generator'
import { machine } from './machine'
import { type GivenAnswer, startBare429 } from './peers/bare-429/peer'
import type { Peer } from './peers/peer'
import { finish, progress, wholeNumber } from './report'
import type { Sale } from './sale'
import { judge, median, medianInterval, rounded } from './stats'
import { idempotencyKey, purchaseHeaders, sessionMint, writePurchases } from './stream'

const RATIO_MAX = 1.5
const SKU = 'phone'
const REFUSED_TIMEOUT_MS = 20_000
const SLICES_MIN_FOR_RATIOS = 6

const BLOCKED = '127.0.66.7'

const ONE_A_DAY = {
  limits: [{ name: 'address', by: 'address', rate: 1, per_s: 86_400, burst: 1, routes: ['reserve'] }],
}

/** How the gate is brought to refuse. A new refusal is one line. */
const REFUSED: {
  name: string
  code: RefusalCode
  make: (stack: Stack, redis: Redis) => Promise<Sale>
  /** at a gate of its own, with these settings of one more plugin on the route of a purchase */
  plugin?: { name: string; settings: Record<string, unknown> }
  /** where its shoppers come from */
  from?: string
}[] = [
  { name: 'sold_out', code: 'sold_out', make: soldOut },
  { name: 'not_open', code: 'not_open', make: notOpen },
  { name: 'rate_limited', code: 'rate_limited', make: usedUp, plugin: { name: 'rate-limit', settings: ONE_A_DAY } },
  { name: 'blocked', code: 'refused', make: blocked, from: BLOCKED },
]

/** Those that nginx sets by itself. */
const OWN_HEADERS = ['content-type', 'content-length', 'date', 'server', 'connection', 'keep-alive']

interface Contestant {
  name: string
  status: number
  sale: Sale
  peer: Peer
  from?: string
}

/** The floor of a refusal. That of rate_limited is the 429. */
function floorOf(name: string): string {
  return name === 'rate_limited' ? 'bare_429' : `bare_${name}`
}

export async function refuse(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      slices: { type: 'string', default: '15' },
      requests: { type: 'string', default: '30000' },
      connections: { type: 'string', default: '64' },
    },
  })
  const slices = wholeNumber('--slices', values.slices, 1, 1000)
  const requests = wholeNumber('--requests', values.requests, 100, 1_000_000)
  const connections = wholeNumber('--connections', values.connections, 1, 250)
  const program = buildGo('loadgen', 'loadgen')
  mkdirSync(CACHE, { recursive: true })
  const dir = mkdtempSync(join(CACHE, 'refuse-'))
  progress('starting Redis, backend, gate and nginx')
  const stack = await startStack({ dir: join(dir, 'stack'), workers: 1, error_log_level: 'warn' })
  const redis = new Redis(stack.urls.redis)
  let contestants: Contestant[] = []
  try {
    contestants = await refusing(stack, redis)
    for (const contestant of [...contestants]) {
      const { name, status, sale } = contestant
      const plan = { dir: join(dir, floorOf(name)), redis_port: 0, sale, script_file: '' }
      const peer = await startBare429(plan, await refusedAnswer(stack, contestant))
      contestants.push({ name: floorOf(name), status, sale, peer })
    }
    const costs = new Map<string, number[]>(contestants.map(({ name }) => [name, []]))
    const wrong: string[] = []
    const file = join(dir, 'stream')
    // round 0 warms up
    for (let round = 0; round <= slices && wrong.length === 0; round++) {
      for (const { name, status, sale, peer, from } of round % 2 === 0 ? contestants : [...contestants].reverse()) {
        writePurchases(file, sale, stack.secret, round, requests)
        const pids = peer.pids()
        const before = cpuMicroseconds(pids)
        const expect = String(status)
        const load = { program, port: peer.port, file, connections, protocol: 'http' as const, expect, from }
        const report = await generateLoad({ ...load, awake: true, contains: '"receipt":"e1.' })
        const cost_us = (cpuMicroseconds(pids) - before) / report.requests
        const bad = answeredWrongly(report, expect)
        if (bad !== undefined) wrong.push(`${name}, slice ${round}: ${bad}`)
        if (report.matched !== report.requests) wrong.push(`${name}, slice ${round}: answers without a receipt`)
        if (round > 0) costs.get(name)?.push(cost_us)
        progress(`slice ${round}/${slices}  ${name.padEnd(12)} ${cost_us.toFixed(1)} µs`)
      }
    }
    finish({ bench: 'refuse', ...summary(costs), slices, requests, connections, machine: machine() }, wrong)
  } finally {
    redis.disconnect()
    for (const { peer } of contestants) await peer.stop()
    await stack.gate.stop()
    stack.backend.kill('SIGKILL') // it is stopped, and its data is thrown away
    await stack.redis.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

function summary(costs: Map<string, number[]>): Record<string, unknown> {
  const line: Record<string, unknown> = {}
  const ratios: Record<string, unknown> = {}
  for (const [name, list] of costs) {
    if (list.length === 0) continue
    line[name] = rounded(median(list))
    const floor = costs.get(floorOf(name))
    if (floor === undefined || list.length < SLICES_MIN_FOR_RATIOS) continue
    const ratio = medianInterval(list.map((cost, i) => cost / (floor[i] as number)))
    const { median: middle, low, high } = ratio
    const verdict = judge(ratio, 'at_most', RATIO_MAX)
    ratios[name] = { median: rounded(middle), low: rounded(low), high: rounded(high), at_most: RATIO_MAX, verdict }
  }
  return { ...line, ratios }
}

/** Every way there is, brought about; then the backend is stopped, as for `purchase`. */
async function refusing(stack: Stack, redis: Redis): Promise<Contestant[]> {
  const port = Number(new URL(stack.urls.gate).port)
  const peer: Peer = { port, pids: () => stack.gate.workers(), stop: () => stack.gate.stop() }
  const contestants: Contestant[] = []
  for (const { name, code, make, plugin, from } of REFUSED) {
    const sale = await make(stack, redis)
    const own = plugin && (await anotherGate(stack, plugin.name, plugin.settings))
    contestants.push({ name, status: REFUSALS[code].status, sale, peer: own ?? peer, from })
  }
  // each gate has heard of what it refuses by
  for (const contestant of contestants) await refusedAnswer(stack, contestant)
  stack.backend.kill('SIGSTOP')
  for (const contestant of contestants) await refusedAnswer(stack, contestant)
  return contestants
}

async function makeSale(stack: Stack, id: string, opens_ms: number): Promise<Sale> {
  await stack.admin('POST', '/admin/sales', {
    id,
    title: 'Bench',
    opens_at: new Date(opens_ms).toISOString(),
    closes_at: new Date(opens_ms + 86_400_000).toISOString(),
    skus: [{ sku: SKU, title: 'Phone', price: { amount_minor: 49900, currency: 'EUR' }, total: 1, user_max: 1 }],
  })
  return { id, sku: SKU, epoch: 1 }
}

/** Before the same backend and Redis. */
async function anotherGate(stack: Stack, plugin: string, settings: Record<string, unknown>): Promise<Peer> {
  const config = JSON.parse(readFileSync(join(ROOT, 'rushgate.json'), 'utf8'))
  config.plugins = { ...config.plugins, [plugin]: settings }
  config.routes.reserve.plugins.push(plugin)
  const file = join(stack.dir, `${plugin}.json`)
  writeFileSync(file, JSON.stringify(config))
  const { gate, urls } = await startAnotherGate(stack, plugin, { config: file, workers: 1, error_log_level: 'warn' })
  return { port: Number(new URL(urls.gate).port), pids: () => gate.workers(), stop: () => gate.stop() }
}

/** The limit is used up by the first purchase. */
async function usedUp(stack: Stack): Promise<Sale> {
  const sale = await makeSale(stack, 'limited', Date.now() - 3_600_000)
  await stack.admin('POST', `/admin/sales/${sale.id}/open`)
  return sale
}

/** A network is on the deny list, with the address that asks in it; the others come from elsewhere. */
async function blocked(stack: Stack): Promise<Sale> {
  await stack.admin('PUT', '/admin/deny/cidr/127.0.66.0%2F24', { reason: 'bench' })
  return { id: 'gone', sku: SKU, epoch: 1 }
}

async function notOpen(stack: Stack): Promise<Sale> {
  const sale = await makeSale(stack, 'later', Date.now() + 3_600_000)
  await stack.admin('POST', `/admin/sales/${sale.id}/prewarm`)
  return sale
}

/** The one unit is taken out of Redis as if it were sold and paid for. */
async function soldOut(stack: Stack, redis: Redis): Promise<Sale> {
  const sale = await makeSale(stack, 'gone', Date.now() - 3_600_000)
  await stack.admin('POST', `/admin/sales/${sale.id}/open`)
  await redis.del(freeKey(sale.id, 0, SKU))
  await redis.hincrby(metaKey(sale.id, 0), 'stock_version', 1)
  return sale
}

/** The refusal that is measured, once the gate makes it. */
async function refusedAnswer(stack: Stack, { name, status, sale, peer, from }: Contestant): Promise<GivenAnswer> {
  const mint = sessionMint(stack.secret)
  const deadline = Date.now() + REFUSED_TIMEOUT_MS
  let last = ''
  while (Date.now() < deadline) {
    const { path, headers, body } = purchaseHeaders(sale, mint('first'), idempotencyKey())
    const sent = pick(headers)
    const answer = await ask({ port: peer.port, path, localAddress: from, headers: sent }, body)
    last = answer.body
    if (answer.status === status && last.includes('"receipt"')) return answer
    await sleep(100)
  }
  throw new Error(`${name}: the gate has not refused so within ${REFUSED_TIMEOUT_MS / 1000} s; it says ${last}`)
}

function ask(options: RequestOptions, body: string): Promise<GivenAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', method: 'POST', agent: false, ...options }, async (answer) => {
      const headers = Object.entries(answer.headers as Record<string, string>)
      const others = Object.fromEntries(headers.filter(([name]) => !OWN_HEADERS.includes(name)))
      resolve({ status: answer.statusCode ?? 0, headers: others, body: await text(answer) })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

/** the others are set by whoever sends */
function pick(headers: Record<string, string>): Record<string, string> {
  const wanted = ['Authorization', 'Content-Type', 'Idempotency-Key']
  return Object.fromEntries(wanted.map((name) => [name, headers[name] ?? '']))
}
