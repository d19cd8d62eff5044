// Runs a scenario in k6 and measures the processor time that k6 took itself.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildK6, findK6 } from '../scripts/k6'

const CPU_SAMPLE_MS = 100
/** Linux counts processor time in hundredths of a second, whatever the kernel's own tick. */
const TICKS_PER_S = 100

/** Builds k6 where there is none yet; throws with what to install where that cannot be. */
export async function requireK6(): Promise<string> {
  const found = findK6()
  if (found !== undefined) return found
  console.log('k6 is built with Go, once: about two and a half minutes')
  const why_not = await buildK6()
  const built = findK6()
  if (built === undefined) throw new Error(why_not ?? 'k6 was built and is not found')
  return built
}

interface K6Result {
  exit_code: number
  /** processor seconds of the generator while it ran */
  cpu_s: number
  wall_s: number
}

/** Its printed lines go to answers.jsonl in `run_dir`, its progress to our own output. */
export function runK6(k6: string, script: string, run_dir: string, extra: string[]): Promise<K6Result> {
  const args = ['run', '--no-usage-report', '--log-format', 'raw', '--console-output', join(run_dir, 'answers.jsonl')]
  args.push('--env', `RUN_DIR=${run_dir}`, ...extra, script)
  const started_ms = Date.now()
  const child = spawn(k6, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  let cpu_s = 0
  const sampler = setInterval(() => {
    cpu_s = Math.max(cpu_s, processCpuS(child.pid ?? 0))
  }, CPU_SAMPLE_MS)
  const forward = (signal: NodeJS.Signals) => child.kill(signal)
  process.once('SIGINT', forward)
  process.once('SIGTERM', forward)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      clearInterval(sampler)
      process.off('SIGINT', forward)
      process.off('SIGTERM', forward)
      resolve({ exit_code: code ?? 1, cpu_s, wall_s: (Date.now() - started_ms) / 1000 })
    })
  })
}

function processCpuS(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // the name may hold spaces; user and system time are the 12th and 13th field after it
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S
  } catch {
    return 0 // it has just ended
  }
}

/** Arrivals that k6 had no user for, as the scenario's summary.json in `run_dir` says. */
export function droppedIterations(run_dir: string): number {
  const metrics = JSON.parse(readFileSync(join(run_dir, 'summary.json'), 'utf8')) as Record<
    string,
    { values: Record<string, number> }
  >
  return metrics.dropped_iterations?.values.count ?? 0
}
