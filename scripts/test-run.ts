// `npm test [-- --quick | --full]` after the npm packages are there: gets the real components, runs the steps of
// test-steps.ts, and ends with one line `N passed, N failed, N skipped`.
//
// Exit 1 when anything failed, and under REQUIRE_ALL=1 also when anything was skipped. Nothing is skipped silently:
// every skip is listed with its reason. Each step's output is kept in .cache/test/.
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fetchEngines, type SharedEngines, startSharedEngines } from './engines/for-run'
import { buildK6, findK6 } from './k6'
import { installPackages, missingPackages, RUN_PACKAGES, TEST_PACKAGES, whyNotInstallable } from './setup'
import { ROOT } from './stack'
import { PARTS, type Size, STEPS, type Step } from './test-steps'
import { countVitest, type Tally } from './test-tally'

const LOGS = join(ROOT, '.cache/test')
const KILL_AFTER_MS = 15_000
/** What --quick runs needs of Debian's packages. */
const QUICK_PACKAGES = ['luajit2', 'lua-busted']

const total: Tally = { passed: 0, failed: [], skipped: [] }
let running: ChildProcess | undefined
let engines: SharedEngines | undefined

function add(tally: Tally): void {
  total.passed += tally.passed
  total.failed.push(...tally.failed)
  total.skipped.push(...tally.skipped)
}

function chooseSize(args: string[]): Size {
  const unknown = args.find((arg) => arg !== '--quick' && arg !== '--full')
  if (unknown !== undefined) {
    console.error(`npm test: unknown option ${unknown}; there are --quick and --full`)
    process.exit(2)
  }
  if (args.includes('--quick')) return 'quick'
  return args.includes('--full') ? 'full' : 'normal'
}

async function setUp(size: Size): Promise<void> {
  const quick = TEST_PACKAGES.filter((wanted) => QUICK_PACKAGES.includes(wanted.name))
  const missing = missingPackages(size === 'quick' ? quick : [...RUN_PACKAGES, ...TEST_PACKAGES])
  if (missing.length > 0) {
    const hindrance = whyNotInstallable(missing)
    if (hindrance !== undefined) console.log(hindrance)
    else {
      const names = missing.map((wanted) => wanted.name)
      console.log(`Installing (no service is started): ${names.join(' ')}`)
      await installPackages(names).catch((error: Error) => console.log(error.message))
    }
  }
  if (size !== 'quick' && findK6() === undefined) {
    console.log('k6 is built with Go, once: about two and a half minutes')
    const why_not = await buildK6()
    if (why_not !== undefined) console.log(why_not)
  }
  if (size !== 'quick') {
    const why_not = await fetchEngines(sayEveryTenth())
    if (why_not !== undefined) console.log(why_not)
  }
}

/** A log is no place for every megabyte. */
function sayEveryTenth(): (line: string) => void {
  let lines = 0
  return (line) => {
    if (lines++ % 10 === 0) console.log(`  ${line}`)
  }
}

function commandOf(step: Step, absent_specs: string[], json: string): [string, string[]] {
  if (step.kind === 'vitest') {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${json}`]
    const excluded = absent_specs.flatMap((pattern) => ['--exclude', pattern])
    return [
      process.execPath,
      ['node_modules/vitest/vitest.mjs', 'run', '--project', ...step.run, ...reporters, ...excluded],
    ]
  }
  const [program = '', ...args] = step.run
  return program === 'tsx' ? [process.execPath, ['--import', 'tsx', ...args]] : [program, args]
}

interface Ended {
  code: number | null
  output: string
  timed_out: boolean
}

function execute(program: string, args: string[], size: Size, log_file: string, minutes_max: number): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...engines?.env, ...(size === 'full' ? { FULL: '1' } : {}) }
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
    running = child
    const log = createWriteStream(log_file)
    let output = ''
    let timed_out = false
    const timer = setTimeout(() => {
      timed_out = true
      child.kill('SIGTERM')
      setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS).unref()
    }, minutes_max * 60_000)
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data.toString()
        log.write(data)
        process.stdout.write(data)
      })
    }
    child.once('error', (error) => {
      output += error.message
    })
    child.once('close', (code) => {
      clearTimeout(timer)
      log.end()
      resolve({ code, output, timed_out })
    })
  })
}

function judge(step: Step, ended: Ended, json: string): Tally {
  if (ended.timed_out)
    return { passed: 0, failed: [`${step.name}: not finished within ${step.minutes_max} min`], skipped: [] }
  if (step.kind === 'vitest') return countVitest(step.name, readReport(json), ended.code)
  const counted = step.counts?.exec(ended.output)
  if (counted) {
    const [passed, failed, skipped] = counted.slice(1).map(Number) as [number, number, number]
    const failures = failed > 0 || ended.code !== 0 ? Math.max(1, failed) : 0
    return {
      passed,
      failed: repeat(step.name, failures),
      skipped: repeat(`${step.name}: skipped by its spec`, skipped),
    }
  }
  if (ended.code === 0) return { passed: 1, failed: [], skipped: [] }
  return { passed: 0, failed: [`${step.name}: exit code ${ended.code}`], skipped: [] }
}

function repeat(text: string, count: number): string[] {
  return Array.from({ length: count }, () => text)
}

function readReport(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** Where they do not start, specs try on their own, and say more about it. */
async function startEngines(): Promise<void> {
  console.log('  starting Kafka and Elasticsearch, which its specs share')
  try {
    engines = await startSharedEngines(join(LOGS, 'engines'))
  } catch (error) {
    total.failed.push(`Kafka and Elasticsearch: ${error instanceof Error ? error.message : String(error)}`)
  }
}

async function runStep(step: Step, size: Size, absent: Map<string, string>, absent_specs: string[]): Promise<string> {
  const reason = step.needs?.find((part) => absent.has(part))
  if (reason !== undefined) {
    total.skipped.push(`${step.name}: no ${reason}`)
    return 'skipped'
  }
  const file = step.name.replace(/[^a-z0-9]+/gi, '-').toLowerCase()
  const json = join(LOGS, `${file}.json`)
  if (step.uses_engines && !absent.has('kafka')) await startEngines()
  const [program, args] = commandOf(step, absent_specs, json)
  const ended = await execute(program, args, size, join(LOGS, `${file}.log`), step.minutes_max)
  await engines?.stop()
  engines = undefined
  const tally = judge(step, ended, json)
  add(tally)
  return `${tally.passed} passed, ${tally.failed.length} failed, ${tally.skipped.length} skipped`
}

async function main(): Promise<void> {
  const size = chooseSize(process.argv.slice(2))
  rmSync(LOGS, { recursive: true, force: true })
  mkdirSync(LOGS, { recursive: true })
  await setUp(size)
  const steps = STEPS.filter((step) => step.sizes.includes(size))
  const wanted = PARTS.filter((part) => size !== 'quick' || steps.some((step) => step.needs?.includes(part.name)))
  const absent = wanted.filter((part) => !part.isPresent())
  for (const part of absent) total.skipped.push(`all that needs ${part.name}: it is not installed (${part.get})`)
  const reasons = new Map(absent.map((part) => [part.name, part.get]))
  const absent_specs = absent.flatMap((part) => part.specs)
  const times: string[] = []
  for (const [index, step] of steps.entries()) {
    console.log(`\n▶ ${step.name} (${index + 1} of ${steps.length})`)
    const began_ms = Date.now()
    const said = await runStep(step, size, reasons, absent_specs)
    const line = `${step.name.padEnd(24)}${((Date.now() - began_ms) / 1000).toFixed(1).padStart(7)} s   ${said}`
    console.log(`  ${line}`)
    times.push(line)
    // everything after it would fail for the same reason, and say less
    if (step.name === 'build' && total.failed.length > 0) break
  }
  report(times)
}

function report(times: string[]): void {
  console.log(`\n${times.join('\n')}`)
  if (total.skipped.length > 0) console.log(`\nSkipped:\n${total.skipped.map((line) => `  ${line}`).join('\n')}`)
  if (total.failed.length > 0) console.log(`\nFailed:\n${total.failed.map((line) => `  ${line}`).join('\n')}`)
  const skips_forbidden = process.env.REQUIRE_ALL === '1' && total.skipped.length > 0
  if (skips_forbidden) console.log('\nREQUIRE_ALL=1: a skip is a failure')
  console.log(`\n${total.passed} passed, ${total.failed.length} failed, ${total.skipped.length} skipped`)
  process.exit(total.failed.length > 0 || skips_forbidden ? 1 : 0)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    running?.kill(signal)
    running?.once('close', () => process.exit(130))
  })
}
main().catch((error: Error) => {
  console.error(error.message)
  process.exit(1)
})
