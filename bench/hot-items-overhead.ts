// What counting costs a purchase: the same gate with and without hot-items, in slices that take turns, CPU time from the scheduler.
//
// Both sell from one Redis, which keeps what was sold: each slice has buyers of its own. The backend is stopped meanwhile.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ROOT, type Stack, startAnotherGate, startStack } from '../scripts/stack'
import { cpuMicroseconds } from './cpu'
import { answeredWrongly, generateLoad } from './load-generator'
import { progress } from './report'
import type { Sale } from './sale'
import { writePurchases } from './stream'

const CONNECTIONS = 64
const OPEN_TIMEOUT_MS = 30_000
const IDLE_MS = 2000
const LOOKS_PER_S = 50

interface OverheadPlan {
  dir: string
  program: string
  slices: number
  requests: number
}

interface Overhead {
  /** CPU of a purchase, by round */
  pairs: { on_us: number; off_us: number }[]
  /** CPU of one look of a worker that has nothing to do */
  look_us: number
  wrong: string[]
}

interface Contestant {
  name: 'on' | 'off'
  gate: string
  pids: () => number[]
}

export async function measureOverhead({ dir, program, slices, requests }: OverheadPlan): Promise<Overhead> {
  mkdirSync(dir, { recursive: true })
  progress('starting a gate with hot-items and one without')
  const stack = await startStack({ dir: join(dir, 'stack'), workers: 1, error_log_level: 'warn', fsync: 'no' })
  const other = await startAnotherGate(stack, 'gate-off', { config: withoutHotItems(dir), workers: 1 })
  try {
    const sale = await openSale(stack, (slices + 1) * 2 * requests, [stack.urls.gate, other.urls.gate])
    const contestants: Contestant[] = [
      { name: 'on', gate: stack.urls.gate, pids: () => stack.gate.workers() },
      { name: 'off', gate: other.urls.gate, pids: () => other.gate.workers() },
    ]
    const look_us = await idleDifference(contestants)
    const pairs: Overhead['pairs'] = []
    const wrong: string[] = []
    const file = join(dir, 'stream')
    // round 0 warms up
    for (let round = 0; round <= slices && wrong.length === 0; round++) {
      const cost = { on: 0, off: 0 }
      for (const { name, gate, pids } of round % 2 === 0 ? contestants : [...contestants].reverse()) {
        writePurchases(file, sale, stack.secret, 2 * round + (name === 'on' ? 1 : 0), requests)
        const before = cpuMicroseconds(pids())
        const port = Number(new URL(gate).port)
        const load = { program, port, file, connections: CONNECTIONS, protocol: 'http' as const, expect: '202' }
        const report = await generateLoad({ ...load, contains: '"held"' })
        cost[name] = (cpuMicroseconds(pids()) - before) / report.requests
        const bad = answeredWrongly(report, '202')
        if (bad !== undefined) wrong.push(`hot-items ${name}, slice ${round}: ${bad}`)
      }
      if (round > 0) pairs.push({ on_us: cost.on, off_us: cost.off })
      progress(`slice ${round}/${slices}  on ${cost.on.toFixed(1)} µs, off ${cost.off.toFixed(1)} µs`)
    }
    return { pairs, look_us, wrong }
  } finally {
    await other.gate.stop()
    await stack.gate.stop()
    stack.backend.kill('SIGKILL') // it is stopped, and its data is thrown away
    await stack.redis.stop()
  }
}

/** The default rushgate.json, with hot-items on no route. */
function withoutHotItems(dir: string): string {
  const config = JSON.parse(readFileSync(join(ROOT, 'rushgate.json'), 'utf8')) as {
    routes: Record<string, { plugins: string[] }>
  }
  for (const route of Object.values(config.routes)) {
    route.plugins = route.plugins.filter((name) => name !== 'hot-items')
  }
  const file = join(dir, 'off.json')
  writeFileSync(file, JSON.stringify(config))
  return file
}

async function openSale(stack: Stack, total: number, gates: string[]): Promise<Sale> {
  await stack.admin('POST', '/admin/sales', {
    id: 'bench',
    title: 'Bench',
    opens_at: new Date(Date.now() - 3_600_000).toISOString(),
    closes_at: new Date(Date.now() + 86_400_000).toISOString(),
    skus: [{ sku: 'phone', title: 'Phone', price: { amount_minor: 49900, currency: 'EUR' }, total, user_max: 1 }],
  })
  await stack.admin('POST', '/admin/sales/bench/open')
  const deadline = Date.now() + OPEN_TIMEOUT_MS
  for (const gate of gates) {
    while (!(await (await fetch(`${gate}/sales/bench/state`)).text()).includes('"phase":"open"')) {
      if (Date.now() > deadline) throw new Error(`a gate has not opened the sale within ${OPEN_TIMEOUT_MS / 1000} s`)
      await sleep(100)
    }
  }
  stack.backend.kill('SIGSTOP')
  return { id: 'bench', sku: 'phone', epoch: 1 }
}

/** A gate looks all the time; one without hot-items hardly does. */
async function idleDifference(contestants: Contestant[]): Promise<number> {
  const used = () => contestants.map(({ pids }) => cpuMicroseconds(pids()))
  const before = used()
  await sleep(IDLE_MS)
  const [on = 0, off = 0] = used().map((us, i) => us - (before[i] as number))
  return (on - off) / ((IDLE_MS / 1000) * LOOKS_PER_S)
}
