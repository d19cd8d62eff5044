// npm run bench -- purchase: what a purchase costs at the gate, beside five other ways to sell the same units.
//
// The method is told in bench/README.md: one worker each, the same stream, the same script, state
// reset for each slice, alternating slices, CPU time from the scheduler, ratios from pairs within a round.
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildGo, CACHE } from './go-programs'
import { machine } from './machine'
import { startBare } from './peers/bare/peer'
import { startExpress } from './peers/express/peer'
import { startGo } from './peers/go/peer'
import { startHandwritten } from './peers/handwritten/peer'
import type { Peer, PeerPlan } from './peers/peer'
import { purchaseTls } from './purchase-tls'
import { finish, progress, wholeNumber } from './report'
import { RedisImage } from './sale'
import { openShop, type Shop } from './shop'
import { type Fsync, runSlice, type Slice } from './slice'
import { type Interval, judge, median, medianInterval, rounded, type Verdict } from './stats'
import { writePurchases } from './stream'

const SPARE_UNITS = 100
const SLICES_MIN_FOR_RATIOS = 6
/** What Rushgate promises, beside a hand-written gate: with the default gate, and with every check of a purchase on. */
const CPU_RATIO_MAX = { default: 0.6, full: 0.7 }
const RPS_RATIO_MIN = 1.3

interface Contestant {
  name: string
  /** which server */
  server: keyof typeof STARTERS | 'rushgate'
  fsync: Fsync
  sells: boolean
}

const STARTERS = { bare: startBare, handwritten: startHandwritten, express: startExpress, go: startGo }

// Pairs whose ratio is taken stand side by side, so that both see the same machine.
const CONTESTANTS: Contestant[] = [
  { name: 'bare', server: 'bare', fsync: 'always', sells: false },
  { name: 'rushgate', server: 'rushgate', fsync: 'always', sells: true },
  { name: 'handwritten', server: 'handwritten', fsync: 'always', sells: true },
  { name: 'rushgate_nofsync', server: 'rushgate', fsync: 'no', sells: true },
  { name: 'handwritten_nofsync', server: 'handwritten', fsync: 'no', sells: true },
  { name: 'express', server: 'express', fsync: 'always', sells: true },
  { name: 'go', server: 'go', fsync: 'always', sells: true },
]

export async function purchase(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      slices: { type: 'string', default: '15' },
      requests: { type: 'string', default: '30000' },
      connections: { type: 'string', default: '128' },
      tls: { type: 'boolean', default: false },
      gate: { type: 'string', default: 'default' },
      only: { type: 'string', default: CONTESTANTS.map(({ name }) => name).join(',') },
    },
  })
  const slices = wholeNumber('--slices', values.slices, 1, 1000)
  const requests = wholeNumber('--requests', values.requests, 100, 1_000_000)
  const connections = wholeNumber('--connections', values.connections, 1, 250)
  const gate = values.gate
  if (gate !== 'default' && gate !== 'full') throw new Error(`--gate: must be default or full, got ${gate}`)
  const guarded = gate === 'full'
  if (values.tls) return purchaseTls({ slices, requests, connections, guarded })
  const contestants = chosen(values.only.split(','))
  const generator = buildGo('loadgen', 'loadgen')
  const dir = mkdtempSync(join(CACHE, 'purchase-'))
  const units = requests + SPARE_UNITS
  const with_gate = contestants.some(({ server }) => server === 'rushgate')
  progress(`starting Redis${with_gate ? ', backend, gate' : ''} and the peers`)
  let shop: Shop | undefined
  let servers: Map<string, Peer> | undefined
  try {
    shop = await openShop(dir, units, { with_gate, guarded })
    servers = await startServers(shop, contestants, dir)
    const image = await RedisImage.capture(shop.redis)
    const results = new Map<string, Slice[]>(contestants.map(({ name }) => [name, []]))
    const wrong: string[] = []
    const stream = join(dir, 'stream')
    for (let round = 0; round <= slices; round++) {
      // round 0 warms up (code compiled, pools filled) and is not counted, but must be right
      writePurchases(stream, shop.sale, shop.secret, round, requests)
      const order = round % 2 === 0 ? contestants : [...contestants].reverse()
      for (const { name, server, fsync, sells } of order) {
        const peer = servers.get(server) as Peer
        const plan = { name, peer, fsync, sells, generator, stream, connections, requests, units }
        const slice = await runSlice(shop, image, plan)
        if (slice.wrong !== undefined) wrong.push(`${name}, slice ${round}: ${slice.wrong}`)
        if (round > 0) results.get(name)?.push(slice)
        progress(describe(round, slices, name, slice))
      }
      if (wrong.length > 0) break // the rest would be measured for nothing
    }
    wrong.push(...unexpectedErrors(shop.gate_errors()))
    finish(summary(results, gate, connections, requests, wrong), wrong)
  } finally {
    for (const peer of servers?.values() ?? []) await peer.stop()
    await shop?.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** The stopped backend is missed, and the gate says so; anything else in its log is a fault. */
export function unexpectedErrors(log: string): string[] {
  const lines = log
    .split('\n')
    .filter((line) => line !== '' && !/\[warn\].*((sales|lists|pins|items): backend: |breaker: backend: )/.test(line))
  return lines.slice(0, 5).map((line) => `the gate's error log: ${line}`)
}

function chosen(names: string[]): Contestant[] {
  const unknown = names.filter((name) => !CONTESTANTS.some((contestant) => contestant.name === name))
  if (unknown.length > 0) {
    throw new Error(`--only: ${unknown.join(', ')} unknown; one of ${CONTESTANTS.map(({ name }) => name).join(', ')}`)
  }
  return CONTESTANTS.filter(({ name }) => names.includes(name))
}

async function startServers(shop: Shop, contestants: Contestant[], dir: string): Promise<Map<string, Peer>> {
  const servers = new Map<string, Peer>()
  const plan: Omit<PeerPlan, 'dir'> = {
    redis_port: shop.redis_port,
    sale: shop.sale,
    script_file: join(import.meta.dirname, '../dist/redis/reserve.lua'),
  }
  for (const { server } of contestants) {
    if (servers.has(server)) continue
    if (server !== 'rushgate') servers.set(server, await STARTERS[server]({ ...plan, dir: join(dir, server) }))
    else if (shop.gate) servers.set(server, shop.gate)
  }
  return servers
}

export function describe(round: number, slices: number, name: string, slice: Slice): string {
  const at = round === 0 ? 'warm-up' : `slice ${round}/${slices}`
  const cost = `${slice.server_us.toFixed(1)} + ${slice.redis_us.toFixed(1)} µs`
  const rest = `p99 ${slice.p99_ms.toFixed(1)} ms, batch ${slice.batch.toFixed(1)}, others ${Math.round(slice.other_cpu * 100)} % of a core`
  return `${at.padEnd(12)}${name.padEnd(20)}${String(Math.round(slice.rps)).padStart(7)}/s  ${cost.padEnd(18)} ${rest}`
}

/** Medians of each contestant's slices. */
export function costs(results: Map<string, Slice[]>): Record<string, unknown> {
  const line: Record<string, unknown> = {}
  for (const [name, slices] of results) {
    if (slices.length === 0) continue
    const of = (key: 'rps' | 'p99_ms' | 'server_us' | 'redis_us' | 'generator_cpu' | 'other_cpu' | 'batch') =>
      rounded(median(slices.map((slice) => slice[key])))
    line[name] = {
      rps: of('rps'),
      p99_ms: of('p99_ms'),
      server_us: of('server_us'),
      redis_us: of('redis_us'),
      batch: of('batch'),
      generator_cpu: of('generator_cpu'),
      other_cpu: of('other_cpu'),
    }
  }
  return line
}

function summary(
  results: Map<string, Slice[]>,
  gate: keyof typeof CPU_RATIO_MAX,
  connections: number,
  requests: number,
  wrong: string[],
) {
  const cpu_max = CPU_RATIO_MAX[gate]
  const line = costs(results)
  const ours = results.get('rushgate') ?? []
  const theirs = results.get('handwritten') ?? []
  if (Math.min(ours.length, theirs.length) >= SLICES_MIN_FOR_RATIOS) {
    const cpu = ratio(ours, theirs, (slice) => slice.server_us + slice.redis_us)
    const rps = ratio(ours, theirs, (slice) => slice.rps)
    const verdicts = [judge(cpu, 'at_most', cpu_max)]
    line['cpu_ratio'] = { ...shortened(cpu), at_most: cpu_max, verdict: verdicts[0] }
    line['rps_ratio'] = shortened(rps)
    if (gate === 'default') {
      const verdict = judge(rps, 'at_least', RPS_RATIO_MIN)
      verdicts.push(verdict)
      line['rps_ratio'] = { ...shortened(rps), at_least: RPS_RATIO_MIN, verdict }
    }
    line['verdict'] = together(verdicts)
  }
  const slices = Math.max(0, ...[...results.values()].map((list) => list.length))
  return { bench: 'purchase', gate, ...line, slices, requests, connections, wrong: wrong.length, machine: machine() }
}

/** Median of the ratios of slices of the same round. */
function ratio(ours: Slice[], theirs: Slice[], value: (slice: Slice) => number): Interval {
  return medianInterval(ours.map((slice, i) => value(slice) / value(theirs[i] as Slice)))
}

function shortened({ median, low, high }: Interval): Interval {
  return { median: rounded(median), low: rounded(low), high: rounded(high) }
}

function together(verdicts: Verdict[]): Verdict {
  if (verdicts.includes('missed')) return 'missed'
  return verdicts.includes('unresolved') ? 'unresolved' : 'met'
}
