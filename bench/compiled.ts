// npm run bench -- compiled: the gate's path of a purchase as TypeScriptToLua writes it, against the same path
// written in Lua by hand, in one nginx worker over the same request.
//
// Both ask nginx, libcrypto and cjson the same things, so that the ratio is of the Lua between: what compiling costs.
// The lane is not in it: it answers at once, in both.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import * as tstl from 'typescript-to-lua'
import { readableLua } from '../scripts/lua-printer'
import { findNginx, Nginx, renderTemplate } from '../scripts/nginx'
import { freePort } from '../scripts/ports'
import { CACHE } from './go-programs'
import { machine } from './machine'
import { answers, loadModules } from './peers/peer'
import { finish, progress, wholeNumber } from './report'
import { median, medianInterval, rounded } from './stats'
import { idempotencyKey, purchaseHeaders, sessionMint } from './stream'

const SECRET = 'bench:a-secret-of-enough-length'
const ID_KEY = Buffer.alloc(32, 7).toString('base64url')
const HERE = join(import.meta.dirname, 'compiled')
const REASONS_SHOWN = 12
const SALE = { id: 'bench', sku: 'phone', epoch: 1 }

interface Measured {
  ours_ns: number
  hand_ns: number
  /** answer and packed item, base64 */
  ours_says: string
  hand_says: string
  /** left to the collector by one purchase */
  ours_bytes: number
  hand_bytes: number
  warm_up_aborts: Record<string, number>
  aborts: Record<string, number>
  reasons: Record<string, number>
}

export async function compiled(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { slices: { type: 'string', default: '15' }, purchases: { type: 'string', default: '20000' } },
  })
  const slices = wholeNumber('--slices', values.slices, 1, 1000)
  const purchases = wholeNumber('--purchases', values.purchases, 1000, 1_000_000)
  mkdirSync(CACHE, { recursive: true })
  const dir = mkdtempSync(join(CACHE, 'compiled-'))
  try {
    progress('compiling the path')
    compileHotPath(dir)
    progress(`${slices} slices of ${purchases} purchases each`)
    const measured: Measured[] = []
    for (let slice = 0; slice < slices; slice++) {
      const result = await runInNginx(join(dir, `slice-${slice}`), dir, purchases, slice % 2 === 0)
      progress(
        `slice ${slice + 1}/${slices}  compiled ${(result.ours_ns / 1000).toFixed(2)} µs, by hand ${(result.hand_ns / 1000).toFixed(2)} µs`,
      )
      measured.push(result)
    }
    report(measured, purchases)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function compileHotPath(dir: string): void {
  const parsed = tstl.parseConfigFileWithSystem(join(HERE, 'tsconfig.json'))
  // the options of scripts/build.ts: what is measured is what the gate runs
  const options = { ...parsed.options, luaPlugins: [{ plugin: readableLua }] }
  const { diagnostics } = tstl.transpileFiles(parsed.fileNames, options, (name, text) => {
    if (name.endsWith('hot_path.lua')) writeFileSync(join(dir, 'hot_path.lua'), text)
  })
  const errors = diagnostics.filter(({ category }) => category === 1)
  const first = errors[0]
  if (first !== undefined) {
    const text = typeof first.messageText === 'string' ? first.messageText : first.messageText.messageText
    throw new Error(`bench/compiled/hot-path.ts does not compile: ${first.file?.fileName ?? ''} ${text}`)
  }
}

async function runInNginx(dir: string, code: string, purchases: number, hand_first: boolean): Promise<Measured> {
  const port = await freePort()
  const program = findNginx()
  const nginx = new Nginx({
    name: 'compiled',
    dir,
    config: renderTemplate(readFileSync(join(HERE, 'nginx.conf.template'), 'utf8'), {
      LOAD_MODULES: loadModules(program),
      LUA_PATH: `${code}/?.lua;${HERE}/?.lua;${jitLibrary()}${program.lua_path}`,
      PORT: String(port),
    }),
    env: {
      RUSHGATE_SECRET: SECRET,
      BENCH_ID_KEY: ID_KEY,
      BENCH_COUNT: String(purchases),
      BENCH_ORDER: hand_first ? 'hand_first' : 'ours_first',
    },
    ready: () => answers(port),
  })
  await nginx.start()
  try {
    const answer = await post(port)
    const errors = nginx.errorLog()
    if (errors !== '') throw new Error(`the run left errors in its log:\n${errors.slice(0, 2000)}`)
    return JSON.parse(answer) as Measured
  } finally {
    await nginx.stop()
  }
}

/** LuaJIT's own Lua files (jit.vmdef has the names of reasons); Debian keeps them beside the library. */
function jitLibrary(): string {
  const folder = readdirSync('/usr/share').find((name) => name.startsWith('luajit'))
  return folder === undefined ? '' : `/usr/share/${folder}/?.lua;`
}

function post(port: number): Promise<string> {
  const { path, headers, body } = purchaseHeaders(SALE, sessionMint(SECRET)('shopper-1-12345'), idempotencyKey())
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method: 'POST', path, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (data: string) => {
        text += data
      })
      response.on('end', () => resolve(text))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

function report(measured: Measured[], purchases: number): void {
  const wrong: string[] = []
  for (const { ours_says, hand_says } of measured) {
    const says = Buffer.from(ours_says, 'base64').toString('latin1')
    if (!says.startsWith('{"reservation":"r1.bench.0.')) wrong.push(`the compiled path says ${says}`)
    if (ours_says !== hand_says) {
      wrong.push(`the hand-written path says ${Buffer.from(hand_says, 'base64').toString('latin1')}, not ${says}`)
    }
  }
  const reasons = sumOf(measured.map((each) => each.reasons))
  const common = Object.entries(reasons).sort(([, a], [, b]) => b - a)
  for (const [reason, count] of common.slice(0, REASONS_SHOWN)) {
    progress(`trace abort, ${(count / measured.length).toFixed(1)} times in a worker: ${reason}`)
  }
  const of = (value: (each: Measured) => number) => rounded(median(measured.map(value)))
  const ratio = medianInterval(measured.map(({ ours_ns, hand_ns }) => ours_ns / hand_ns))
  finish(
    {
      bench: 'compiled',
      ratio: rounded(ratio.median),
      ratio_low: rounded(ratio.low),
      ratio_high: rounded(ratio.high),
      ours_us: of(({ ours_ns }) => ours_ns / 1000),
      hand_us: of(({ hand_ns }) => hand_ns / 1000),
      ours_bytes: of(({ ours_bytes }) => ours_bytes),
      hand_bytes: of(({ hand_bytes }) => hand_bytes),
      lualib: lualibOf(readFileSync(join(dirname(import.meta.dirname), 'dist/rushgate.lua'), 'utf8')),
      trace_aborts: of(({ aborts }) => aborts['ours'] ?? 0),
      hand_trace_aborts: of(({ aborts }) => aborts['hand'] ?? 0),
      warm_up_aborts: of(({ warm_up_aborts }) => warm_up_aborts['ours'] ?? 0),
      slices: measured.length,
      purchases,
      wrong: wrong.length,
      machine: machine(),
    },
    wrong,
  )
}

function sumOf(counts: Record<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const each of counts) {
    for (const [name, count] of Object.entries(each)) sums[name] = (sums[name] ?? 0) + count
  }
  return sums
}

/** Functions of TypeScriptToLua's runtime that the gate's bundle carries. */
function lualibOf(bundle: string): string[] {
  return [...new Set(bundle.match(/__TS__\w+/g) ?? [])].sort()
}
