// npm run bench -- hot-items: how quickly the gate counts items, whether it finds those asked for most, how soon one that crosses the
// threshold is hot at every worker, and what that costs a purchase.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as tstl from 'typescript-to-lua'
import { readableLua } from '../scripts/lua-printer'
import { buildGo, CACHE } from './go-programs'
import { measureDetection } from './hot-items-detection'
import { measureOverhead } from './hot-items-overhead'
import { machine } from './machine'
import { finish, progress, wholeNumber } from './report'
import { medianInterval, rounded } from './stats'

const HERE = join(import.meta.dirname, 'hot-items')
const WORKERS = 2
/** as edge/src/adapters/hot-items.ts gives each of two workers */
const CAPACITY = 4096
const KEYS = 1_000_000
const ZONE_BYTES = 1024 * 1024
const WATCHED_MAX = 96
/** of a watched item: its slots and its record */
const WATCHED_BYTES = 800

const KEYS_PER_S_MIN = 200_000
const DETECT_MS_MAX = 100
const RATE_PROMISED = 20_000
const REACHED_MIN = 0.95
const RECALL_MIN = 0.99
const PRECISION_MIN = 0.95
const BYTES_MAX = 2 * 1024 * 1024

export async function hotItems(args: string[]): Promise<void> {
  const { seed, windows, events, rate, rushes, slices, requests } = readFlags(args)
  const program = buildGo('loadgen', 'loadgen')
  mkdirSync(CACHE, { recursive: true })
  const dir = mkdtempSync(join(CACHE, 'hot-items-'))
  const wrong: string[] = []
  try {
    progress(`${windows} windows of ${events} requests for ${KEYS} items, Zipf(1.1), seed ${seed}`)
    const counted = countStream(dir, [seed, windows, events, KEYS, CAPACITY])
    progress(`${(counted.keys_per_s / 1e6).toFixed(1)} million a second; recall ${counted.recall}`)
    const bytes = WORKERS * (counted.bytes + WATCHED_MAX * WATCHED_BYTES) + ZONE_BYTES
    if (counted.recall < RECALL_MIN) wrong.push(`recall ${counted.recall} of ${RECALL_MIN}`)
    if (counted.precision < PRECISION_MIN) wrong.push(`precision ${counted.precision} of ${PRECISION_MIN}`)
    if (bytes > BYTES_MAX) wrong.push(`${bytes} bytes of ${BYTES_MAX}`)
    const detection = await measureDetection({
      dir: join(dir, 'detection'),
      program,
      workers: WORKERS,
      rate,
      rushes,
      seed,
    })
    wrong.push(...detection.wrong)
    const overhead =
      slices === 0 ? undefined : await measureOverhead({ dir: join(dir, 'overhead'), program, slices, requests })
    wrong.push(...(overhead?.wrong ?? []))
    const share =
      overhead && medianInterval(overhead.pairs.map(({ on_us, off_us }) => (100 * (on_us - off_us)) / off_us))
    const cost = overhead && medianInterval(overhead.pairs.map(({ on_us, off_us }) => on_us - off_us))
    finish(
      {
        bench: 'hot-items',
        keys_per_s_core: Math.round(counted.keys_per_s),
        keys_at_least: KEYS_PER_S_MIN,
        count_us: rounded(1e6 / counted.keys_per_s),
        detect_ms_p99: detection.p99_ms,
        detect_ms_p50: detection.p50_ms,
        detect_ms_max: detection.max_ms,
        detect_at_most: DETECT_MS_MAX,
        verdict: verdictOf(detection.p99_ms, detection.reached_rps),
        rushes: detection.rushes,
        reached_rps: detection.reached_rps,
        recall: counted.recall,
        precision: counted.precision,
        over_max: counted.over_max,
        bytes_per_node: Math.round(bytes),
        overhead_pct: share && rounded(share.median),
        overhead_pct_interval: share && [rounded(share.low), rounded(share.high)],
        purchase_us: cost && rounded(cost.median),
        purchase_us_interval: cost && [rounded(cost.low), rounded(cost.high)],
        look_us: overhead && rounded(overhead.look_us),
        seed,
        windows,
        events,
        slices,
        requests,
        machine: machine(),
      },
      wrong,
    )
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** What a slower rate shows says nothing of the promised one. */
function verdictOf(p99_ms: number, reached_rps: number): string {
  if (p99_ms > DETECT_MS_MAX) return 'missed'
  return reached_rps < REACHED_MIN * RATE_PROMISED ? 'unresolved' : 'met'
}

function readFlags(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string', default: '1' },
      windows: { type: 'string', default: '5' },
      events: { type: 'string', default: '1000000' },
      rate: { type: 'string', default: String(RATE_PROMISED) },
      rushes: { type: 'string', default: '100' },
      slices: { type: 'string', default: '11' },
      requests: { type: 'string', default: '6000' },
    },
  })
  const seed = wholeNumber('--seed', values.seed, 1, 1_000_000)
  const windows = wholeNumber('--windows', values.windows, 1, 100)
  const events = wholeNumber('--events', values.events, 10_000, 10_000_000)
  const rate = wholeNumber('--rate', values.rate, 1000, 100_000)
  const rushes = wholeNumber('--rushes', values.rushes, 5, 200)
  const slices = wholeNumber('--slices', values.slices, 0, 1000)
  const requests = wholeNumber('--requests', values.requests, 100, 100_000)
  return { seed, windows, events, rate, rushes, slices, requests }
}

interface Counted {
  keys_per_s: number
  recall: number
  precision: number
  bytes: number
  over_max: number
}

/** The gate's counter as it is compiled, in a LuaJIT of its own. */
function countStream(dir: string, numbers: number[]): Counted {
  const parsed = tstl.parseConfigFileWithSystem(join(HERE, 'tsconfig.json'))
  const options = { ...parsed.options, luaPlugins: [{ plugin: readableLua }] }
  const { diagnostics } = tstl.transpileFiles(parsed.fileNames, options, (name, text) => {
    if (name.endsWith('hot_items.lua')) writeFileSync(join(dir, 'hot_items.lua'), text)
  })
  const problem = diagnostics.find(({ category }) => category === 1)
  if (problem !== undefined) throw new Error(`edge/src/domain/hot-items.ts does not compile: ${problem.messageText}`)
  const run = spawnSync('luajit', [join(HERE, 'run.lua'), dir, ...numbers.map(String)], { encoding: 'utf8' })
  if (run.error) throw new Error(`luajit does not start (Debian package luajit2): ${run.error.message}`)
  if (run.status !== 0) throw new Error(`the counter broke its bound: ${run.stderr}`)
  return JSON.parse(run.stdout) as Counted
}
