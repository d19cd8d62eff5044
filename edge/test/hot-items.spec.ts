// Hot items with a real backend, Redis and two real gates of two workers each: what becomes hot, where, for how long, and who says so.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRedis } from '../../scripts/redis'
import { type AnotherGate, startAnotherGate } from '../../scripts/stack'
import { type DemoSession, type Shop, sleep, startShop, until } from './shop'

// low, so that a loaded machine can ask that often, and over a window in which it does so evenly
const TERMS = { enter_per_s: 20, cluster_enter_per_s: 50, quiet_ms: 1500, window_ms: 1000 }

interface HotView {
  item: string
  node_per_s: number
  cluster_per_s: number
  since_ms: number
  pin?: string
}

interface WorkerView {
  hot: HotView[]
  of: { gate: string; worker: number; pid: number; dry_run: boolean }
}

interface LiveView {
  gates: string[]
  items: { item: string; hot: boolean; rate: number; pin?: string; hot_since?: string; gates: { rate: number }[] }[]
}

interface GateUnderTest {
  url: string
  metrics: string
}

function ask(url: string, agent?: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent: agent ?? false }, (answer) => {
      answer.resume()
      answer.on('end', () => resolve(answer.statusCode ?? 0))
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** what a longer pause left undone is never made up for: that would be a rate at which 40 a second are hot at all gates */
const BEHIND_MS_MAX = 200

/** Asks for a page at a steady rate, over connections to all workers, until it is stopped. */
function askSteadily(gate: GateUnderTest, item: string, per_s: number): () => Promise<void> {
  let running = true
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  let next_ms = performance.now()
  const run = async () => {
    const answers: Promise<unknown>[] = []
    while (running) {
      next_ms = Math.max(next_ms, performance.now() - BEHIND_MS_MAX)
      for (; next_ms <= performance.now(); next_ms += 1000 / per_s) {
        answers.push(ask(`${gate.url}/web/item/${item}`, agent).catch(() => 0))
      }
      await sleep(5)
    }
    await Promise.all(answers)
    agent.destroy()
  }
  const done = run()
  return () => {
    running = false
    return done
  }
}

/** What each worker of the gate knows. */
async function workersOf(gate: GateUnderTest, workers = 2): Promise<WorkerView[]> {
  const seen = new Map<number, WorkerView>()
  for (let i = 0; i < 200 && seen.size < workers; i++) {
    const asked = await fetch(gate.metrics.replace('/metrics', '/hot-items'), { headers: { connection: 'close' } })
    const view = (await asked.json()) as WorkerView
    seen.set(view.of.pid, view)
  }
  return [...seen.values()]
}

async function hotEverywhere(gates: GateUnderTest[], item: string): Promise<boolean> {
  for (const gate of gates) {
    const views = await workersOf(gate)
    if (views.length < 2 || !views.every(({ hot }) => hot.some((one) => one.item === item))) return false
  }
  return true
}

async function hotSomewhere(gates: GateUnderTest[], item: string): Promise<boolean> {
  for (const gate of gates) {
    if ((await workersOf(gate)).some(({ hot }) => hot.some((one) => one.item === item))) return true
  }
  return false
}

async function metric(gate: GateUnderTest, series: string): Promise<number> {
  const lines = (await (await fetch(gate.metrics)).text()).split('\n')
  return Number(lines.find((line) => line.startsWith(`${series} `))?.slice(series.length + 1) ?? 0)
}

describe('hot items of two gates', () => {
  let shop: Shop
  let other: AnotherGate
  let dry: AnotherGate
  let volatile: Awaited<ReturnType<typeof startRedis>>
  let dir: string
  let here: GateUnderTest
  let there: GateUnderTest
  let people: DemoSession[]

  const live = () => shop.stack.admin<LiveView>('GET', '/admin/hot-items/live')
  const liveItem = async (item: string) => (await live()).items.find((one) => one.item === item)
  const pin = (item: string, body: object) => shop.stack.admin('PUT', `/admin/hot-items/${item}/pin`, body)
  const unpin = (item: string) => shop.stack.admin('DELETE', `/admin/hot-items/${item}/pin`)
  const stateHot = async () => {
    const { body } = await shop.get('/sales/hot/state')
    return (body['skus'] as { hot: boolean }[])[0]?.hot
  }

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'rushgate-hot-'))
    volatile = await startRedis({ dir: join(dir, 'volatile') })
    const routes = { item: { plugins: ['hot-items', 'item-cache'] }, state: { plugins: ['hot-items', 'sale-state'] } }
    const config = join(dir, 'hot.json')
    writeFileSync(config, JSON.stringify({ version: 1, routes, plugins: { 'hot-items': TERMS } }))
    const dry_config = join(dir, 'dry.json')
    const dry_plugins = { 'hot-items': { ...TERMS, dry_run: true } }
    writeFileSync(dry_config, JSON.stringify({ version: 1, routes, plugins: dry_plugins }))
    const env = { REDIS_VOLATILE_URL: volatile.url }
    shop = await startShop({ workers: 2, config, env })
    other = await startAnotherGate(shop.stack, 'gate-2', { config, workers: 2, env })
    dry = await startAnotherGate(shop.stack, 'gate-dry', { config: dry_config, workers: 2, env })
    here = { url: shop.stack.urls.gate, metrics: shop.stack.urls.metrics }
    there = { url: other.urls.gate, metrics: other.urls.metrics }
    await shop.open('hot', { total: 1000, user_max: 5 })
    people = await shop.sessions(5, 'hot-')
    // asking whether the sale is open has counted
    await until(async () => !(await hotSomewhere([here, there], 'shoe')))
  }, 120_000)
  afterAll(async () => {
    await other?.gate.stop()
    await dry?.gate.stop()
    await shop?.close()
    await volatile?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('make an item hot at every worker of the gate that is asked, with its true rate, and cool down a while after', async () => {
    const stop = askSteadily(here, 'boot', 40)
    await until(() => hotEverywhere([here], 'boot'))
    // what is shown is what is sent, whenever the machine lets it be sent evenly
    const rateOf = ({ hot }: WorkerView) => hot.find(({ item }) => item === 'boot')?.node_per_s ?? 0
    await until(async () => (await workersOf(here)).every((view) => Math.abs(rateOf(view) - 40) <= 4))
    expect(await metric(here, 'rushgate_hot_items')).toBe(1)
    expect(await metric(here, 'rushgate_hot_item_requests_per_second{item="boot",of="node"}')).toBeGreaterThan(10)
    await until(async () => ((await liveItem('boot'))?.rate ?? 0) > 20)
    expect(await liveItem('boot')).toMatchObject({ hot: true, gates: [{}] })
    // less than all gates would need: the other one is not asked, and does not mind
    expect(await hotSomewhere([there], 'boot')).toBe(false)
    await stop()
    const stopped = Date.now()
    await until(async () => !(await hotSomewhere([here], 'boot')))
    expect(Date.now() - stopped).toBeGreaterThan(TERMS.quiet_ms)
  })

  it('make an item hot at both, when together they are asked often enough', async () => {
    const stops = [askSteadily(here, 'coat', 60), askSteadily(there, 'coat', 8)]
    await until(() => hotEverywhere([here, there], 'coat'))
    const { gates, items } = await live()
    expect(gates.length).toBe(3)
    expect(items.find(({ item }) => item === 'coat')?.gates.length).toBe(2)
    for (const stop of stops) await stop()
    await until(async () => !(await hotSomewhere([here, there], 'coat')))
  })

  it('go by the rates of the node alone while Redis is away', async () => {
    volatile.kill('SIGSTOP')
    const stops = [askSteadily(here, 'sock', 60), askSteadily(there, 'sock', 8)]
    await until(() => hotEverywhere([here], 'sock'))
    await sleep(500)
    expect(await hotSomewhere([there], 'sock')).toBe(false)
    volatile.kill('SIGCONT')
    await until(() => hotEverywhere([there], 'sock'))
    for (const stop of stops) await stop()
  })

  it('count purchases and states of a sale of one SKU, and show it on the page', async () => {
    expect(await stateHot()).toBe(false)
    const person = people[0] as DemoSession
    let round = 0
    // replays are asked for too
    await until(async () => {
      round += 1
      await Promise.all(Array.from({ length: 20 }, () => shop.buy('hot', person.session, `k${round % 5}`)))
      return (await stateHot()) === true
    })
  })

  it('are what an operator says they are, at every gate', async () => {
    // asking for the state counts
    await until(async () => !(await hotSomewhere([here, there], 'shoe')))
    expect(await stateHot()).toBe(false)
    expect(await pin('shoe', { pin: 'hot', reason: 'advertised' })).toMatchObject({ item: 'shoe', pin: 'hot' })
    await until(async () => (await stateHot()) === true)
    expect(await liveItem('shoe')).toMatchObject({ hot: true, pin: 'hot' })
    await pin('shoe', { pin: 'released' })
    await until(async () => (await stateHot()) === false)
    const stop = askSteadily(here, 'shoe', 40)
    await until(() => hotEverywhere([here], 'shoe'))
    // asked for as it is, it is not treated as hot
    expect(await stateHot()).toBe(false)
    await until(async () => (await liveItem('shoe'))?.hot_since !== undefined)
    expect(await liveItem('shoe')).toMatchObject({ hot: false, pin: 'released' })
    await unpin('shoe')
    await until(async () => (await stateHot()) === true)
    await stop()
    await expect(unpin('shoe')).rejects.toMatchObject({ status: 404 })
    await expect(pin('Not an id', { pin: 'hot' })).rejects.toMatchObject({ status: 400 })
    await expect(pin('shoe', { pin: 'warm' })).rejects.toMatchObject({ status: 400 })
  })

  it('stay hot over a reload and the death of a worker', async () => {
    const stop = askSteadily(here, 'hat', 40)
    await until(() => hotEverywhere([here], 'hat'))
    const before = await workersOf(here)
    const since = before[0]?.hot.find(({ item }) => item === 'hat')?.since_ms as number
    process.kill((before[0] as WorkerView).of.pid, 'SIGKILL')
    await until(async () => {
      const views = await workersOf(here)
      const is_new = views.some(({ of }) => before.every((one) => one.of.pid !== of.pid))
      return is_new && views.every(({ hot }) => hot.some(({ item, since_ms }) => item === 'hat' && since_ms <= since))
    })
    shop.stack.gate.kill('SIGHUP')
    await until(async () => {
      const views = await workersOf(here)
      return views.length === 2 && views.every(({ of }) => before.every((one) => one.of.pid !== of.pid))
    })
    for (const { hot } of await workersOf(here)) {
      expect(hot.find(({ item }) => item === 'hat')?.since_ms).toBeLessThanOrEqual(since)
    }
    await stop()
  })

  it('are found, shown and protected nowhere in a dry run', async () => {
    const gate = { url: dry.urls.gate, metrics: dry.urls.metrics }
    await pin('shoe', { pin: 'hot' })
    await until(async () => (await stateHot()) === true)
    const stop = askSteadily(gate, 'shoe', 40)
    await until(() => hotEverywhere([gate], 'shoe'))
    expect((await workersOf(gate)).every(({ of }) => of.dry_run)).toBe(true)
    const state = await (await fetch(`${gate.url}/sales/hot/state`)).json()
    expect(state).toMatchObject({ skus: [{ hot: false }] })
    await stop()
    await unpin('shoe')
  })

  it('leave nothing in the error log but what became hot', async () => {
    const log = shop.stack.error_log() + other.gate.errorLog() + dry.gate.errorLog()
    expect(log).toMatch(/hot-items: boot is hot: \d+ a second here/)
    expect(log).toMatch(/hot-items: boot is hot no longer/)
    expect(log).not.toMatch(/\[(error|crit|emerg)\]/)
    expect(await metric(here, 'rushgate_hot_changes_total{to="hot"}')).toBeGreaterThanOrEqual(4)
    expect(await metric(here, 'rushgate_faults_total')).toBe(0)
    expect(await metric(here, 'rushgate_hot_merges_total')).toBeGreaterThan(100)
  })
})
