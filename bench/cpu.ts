// CPU time of processes as the scheduler counts it: nanoseconds, all threads, user and system together.
//
// /proc/PID/stat counts in ticks of 10 ms, which is half a per cent of a slice; schedstat is exact.
// A thread that ended takes its time with it: measure processes whose threads stay.
import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ: 100 on every Linux that Node runs on */
const TICK_US = 10_000

/** CPU time since each process began, in µs. */
export function cpuMicroseconds(pids: number[]): number {
  let sum_ns = 0
  for (const pid of pids) sum_ns += processNanoseconds(pid)
  return sum_ns / 1000
}

function processNanoseconds(pid: number): number {
  const folder = `/proc/${pid}/task`
  let sum_ns = 0
  for (const thread of threadsOf(pid, folder)) {
    try {
      sum_ns += firstNumber(readFileSync(`${folder}/${thread}/schedstat`, 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error // the thread ended meanwhile
    }
  }
  return sum_ns
}

function threadsOf(pid: number, folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    throw new Error(`process ${pid} is gone (or this is not Linux): its CPU time cannot be read`)
  }
}

/** CPU time of everything on this machine since it was booted, in µs (to 10 ms): tells whether it was quiet. */
export function machineMicroseconds(): number {
  return busyTicks(readFileSync('/proc/stat', 'utf8')) * TICK_US
}

/** The first line of /proc/stat: cpu user nice system idle iowait irq softirq steal …, in ticks. */
export function busyTicks(stat: string): number {
  const fields = stat.split('\n', 1)[0]?.split(/\s+/).slice(1, 9).map(Number) ?? []
  const [user, nice, system, , , irq, softirq, steal] = fields as [number, number, number, 0, 0, number, number, number]
  const busy = user + nice + system + irq + softirq + steal
  if (!Number.isFinite(busy))
    throw new Error(`/proc/stat: expected eight numbers in ${JSON.stringify(stat.slice(0, 80))}`)
  return busy
}

/** schedstat: time on a CPU [ns], time waiting for one [ns], time slices. */
export function firstNumber(schedstat: string): number {
  const value = Number(schedstat.split(' ', 1)[0])
  if (!Number.isFinite(value)) throw new Error(`schedstat: expected a number first, got ${JSON.stringify(schedstat)}`)
  return value
}
