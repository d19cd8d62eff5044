import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { busyTicks, cpuMicroseconds, firstNumber, machineMicroseconds } from './cpu'

/** Runs a Node program that burns CPU as told, prints its own count in µs, and then waits for its end. */
async function burn(program: string): Promise<{ pid: number; own_us: number; end: () => Promise<void> }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout, 'data')
  return {
    pid: child.pid ?? 0,
    own_us: Number(String(line)),
    end: async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

const SPIN = `const spin = (ms) => { const { user, system } = process.cpuUsage(); for (;;) { const now = process.cpuUsage()
  if (now.user + now.system - user - system > ms * 1000) return } }`
const REPORT = `const { user, system } = process.cpuUsage(); console.log(user + system); setInterval(() => {}, 1e6)`

describe('cpuMicroseconds', () => {
  it('agrees with what a busy process says of itself', async () => {
    const busy = await burn(`${SPIN}; spin(200); ${REPORT}`)
    const measured = cpuMicroseconds([busy.pid])
    await busy.end()
    expect(measured).toBeGreaterThan(200_000)
    expect(Math.abs(measured - busy.own_us)).toBeLessThan(0.15 * busy.own_us)
  })

  it('counts threads beside the main one', async () => {
    const threaded = await burn(`import { Worker } from 'node:worker_threads'
      const worker = new Worker(${JSON.stringify(`${SPIN}; spin(200); import('node:worker_threads').then((threads) => threads.parentPort.postMessage(1)); setInterval(() => {}, 1e6)`)}, { eval: true })
      await new Promise((resolve) => worker.once('message', resolve)); ${REPORT}`)
    const measured = cpuMicroseconds([threaded.pid])
    await threaded.end()
    expect(measured).toBeGreaterThan(200_000)
    expect(Math.abs(measured - threaded.own_us)).toBeLessThan(0.15 * threaded.own_us)
  })

  it('adds up several processes', async () => {
    const one = await burn(`${SPIN}; spin(50); ${REPORT}`)
    const two = await burn(`${SPIN}; spin(50); ${REPORT}`)
    const both = cpuMicroseconds([one.pid, two.pid])
    const sum = cpuMicroseconds([one.pid]) + cpuMicroseconds([two.pid])
    await one.end()
    await two.end()
    expect(Math.abs(both - sum)).toBeLessThan(0.05 * sum)
  })

  it('names a process that is gone', () => {
    expect(() => cpuMicroseconds([2 ** 30])).toThrow(`process ${2 ** 30} is gone`)
  })
})

describe('firstNumber', () => {
  it('reads the time on a CPU, and refuses anything else', () => {
    expect(firstNumber('29801274 16658577 88\n')).toBe(29801274)
    expect(() => firstNumber('oops')).toThrow('oops')
  })
})

describe('machineMicroseconds', () => {
  it('grows by at least what one busy process uses', async () => {
    const before = machineMicroseconds()
    const busy = await burn(`${SPIN}; spin(200); ${REPORT}`)
    await busy.end()
    expect(machineMicroseconds() - before).toBeGreaterThan(180_000)
  })

  it('counts neither idle time nor waiting for the disk', () => {
    expect(busyTicks('cpu  1 2 4 1000 2000 8 16 32 64 128\ncpu0 9 9 9 9\n')).toBe(1 + 2 + 4 + 8 + 16 + 32)
    expect(() => busyTicks('cpu 1 2')).toThrow('eight numbers')
  })
})
