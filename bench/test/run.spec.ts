// The measurements as they are called: one RESULT line, the promised keys, exit 1 when an answer was wrong.
// Needs `npm run build`. Speeds are not judged here: the machine is busy with tests.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { buildGo } from '../go-programs'
import { RedisImage } from '../sale'
import { openShop } from '../shop'
import { runSlice } from '../slice'
import { writePurchases } from '../stream'

/** a whole stack is started, on a machine that may be busy */
const TIMEOUT_MS = 180_000

const ROOT = join(import.meta.dirname, '../..')

function bench(...args: string[]): Promise<{ code: number; results: Record<string, unknown>[]; output: string }> {
  return new Promise((resolve) => {
    execFile(join(ROOT, 'node_modules/.bin/tsx'), ['bench/run.ts', ...args], { cwd: ROOT }, (error, stdout, stderr) => {
      const lines = stdout.split('\n').filter((line) => line.startsWith('RESULT '))
      const results = lines.map((line) => JSON.parse(line.slice(7)) as Record<string, unknown>)
      resolve({ code: error === null ? 0 : Number(error.code), results, output: stdout + stderr })
    })
  })
}

const COST = {
  rps: expect.any(Number),
  p99_ms: expect.any(Number),
  server_us: expect.any(Number),
  redis_us: expect.any(Number),
  generator_cpu: expect.any(Number),
}
const RATIO = { median: expect.any(Number), low: expect.any(Number), high: expect.any(Number) }

describe('npm run bench', { timeout: TIMEOUT_MS }, () => {
  it('purchase: gate and hand-written peer side by side, every answer right', async () => {
    const run = await bench('purchase', '--only', 'rushgate,handwritten', '--slices', '6', '--requests', '300')
    expect(run.code, run.output).toBe(0)
    expect(run.results).toHaveLength(1)
    expect(run.results[0]).toMatchObject({
      rushgate: COST,
      handwritten: COST,
      cpu_ratio: RATIO,
      rps_ratio: RATIO,
      wrong: 0,
    })
    expect(['met', 'missed', 'unresolved']).toContain(run.results[0]?.['verdict'])
  })

  it('purchase --gate full: every check of a purchase on, its pass spent by both', async () => {
    const flags = ['--gate', 'full', '--only', 'rushgate,handwritten', '--slices', '1', '--requests', '300']
    const run = await bench('purchase', ...flags)
    expect(run.code, run.output).toBe(0)
    expect(run.results).toMatchObject([
      { bench: 'purchase', gate: 'full', rushgate: COST, handwritten: COST, wrong: 0 },
    ])
  })

  it('purchase --tls: full and resumed handshakes and HTTP/2, every answer right', async () => {
    const run = await bench('purchase', '--tls', '--slices', '1', '--requests', '300')
    expect(run.code, run.output).toBe(0)
    const ways = { plain: COST, tls_new: COST, tls_resumed: COST, h2: COST }
    expect(run.results).toMatchObject([{ bench: 'purchase', tls: true, ...ways, wrong: 0 }])
  })

  it('refuse: gate beside a plain nginx, every answer right', async () => {
    const run = await bench('refuse', '--slices', '1', '--requests', '300')
    expect(run.code, run.output).toBe(0)
    const us = expect.any(Number)
    expect(run.results).toMatchObject([{ bare_429: us, rate_limited: us, blocked: us, sold_out: us, not_open: us }])
  })

  it('outer: beside a plain proxy, every answer right', async () => {
    const run = await bench('outer', '--slices', '1', '--requests', '300')
    expect(run.code, run.output).toBe(0)
    const costs = { outer: COST, outer_file: COST, proxy: COST, forged_us: expect.any(Number) }
    expect(run.results).toMatchObject([{ bench: 'outer', ...costs, wrong: 0 }])
  })

  it('items: the backend asked once and at the filter rate, every answer right', async () => {
    const few = ['--slices', '1', '--requests', '300', '--crowd', '50', '--unknown', '20000', '--changes', '3']
    const run = await bench('items', ...few)
    expect(run.code, run.output).toBe(0)
    const us = expect.any(Number)
    expect(run.results).toMatchObject([{ bench: 'items', crowd_asked: [1, 1], us: { file: us, page: us } }])
    // how soon changes are seen is a speed, and not judged here
    const wrong = run.output
      .split('\n')
      .filter((line) => line.startsWith('WRONG ') && !line.startsWith('WRONG changes'))
    expect(wrong).toEqual([])
  })

  it('one-sku: each size of batch', async () => {
    const run = await bench('one-sku', '--slices', '1', '--purchases', '512')
    expect(run.code, run.output).toBe(0)
    const cost = { redis_us: expect.any(Number), per_core_s: expect.any(Number), per_core_s_fsync: expect.any(Number) }
    expect(run.results).toMatchObject([{ batch_1: cost, batch_16: cost, batch_64: cost, batch_256: cost, wrong: 0 }])
  })

  it('compiled: both paths say the same', async () => {
    const run = await bench('compiled', '--slices', '1', '--purchases', '1000')
    expect(run.code, run.output).toBe(0)
    expect(run.results).toMatchObject([
      { ratio: expect.any(Number), lualib: expect.any(Array), trace_aborts: expect.any(Number), wrong: 0 },
    ])
  })

  it('names the measurements when it is asked for another', async () => {
    const run = await bench('nothing')
    expect(run.code).toBe(1)
    expect(run.output).toContain(
      "no measurement named 'nothing'; there are purchase, refuse, outer, one-sku, settle, waiting-room, events, bots, items, hot-items, compiled",
    )
  })
})

describe('runSlice', () => {
  it('sees through a server that says held and sells nothing', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'bench-liar-'))
    const shop = await openShop(dir, 200, { with_gate: false })
    const liar = createServer((_, response) => {
      response.writeHead(202, { 'Content-Length': 17 }).end('{"status":"held"}')
    })
    await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve))
    const port = (liar.address() as AddressInfo).port
    const stream = join(dir, 'stream')
    writePurchases(stream, shop.sale, shop.secret, 1, 100)
    const slice = await runSlice(shop, await RedisImage.capture(shop.redis), {
      name: 'liar',
      peer: { port, pids: () => [process.pid], stop: async () => undefined },
      fsync: 'always',
      sells: true,
      generator: buildGo('loadgen', 'loadgen'),
      stream,
      connections: 8,
      requests: 100,
      units: 200,
    })
    liar.close()
    await shop.stop()
    rmSync(dir, { recursive: true })
    expect(slice.wrong).toBe('reservations: 0 in Redis after 100 purchases, expected 100')
  })
})
