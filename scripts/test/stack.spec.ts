// A whole stack: every part comes back as itself after a kill, and nothing of it is left after stop().
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isPortFree } from '../ports'
import { AdminError, PortTakenError, type Stack, startStack } from '../stack'

let dir: string
let stack: Stack

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-stack-'))
  stack = await startStack({ dir, workers: 2 })
})

afterAll(async () => {
  await stack?.stop()
  rmSync(dir, { recursive: true, force: true })
})

async function isHealthy(): Promise<void> {
  const health = async () => (await fetch(`${stack.urls.gate}/healthz`)).status
  await expect.poll(health, { timeout: 30_000, interval: 100 }).toBe(200)
}

test('all parts run, each with a process of its own', async () => {
  await isHealthy()
  expect(new Set(stack.parts.map((part) => part.pid)).size).toBe(3)
  // the first worker answers before the second is forked
  await expect.poll(() => stack.gate.workers(), { timeout: 5000 }).toHaveLength(2)
  expect((await fetch(stack.urls.metrics)).status).toBe(200)
})

test.each(['redis', 'backend', 'gate'] as const)('%s comes back on its port after SIGKILL', async (name) => {
  const before = stack[name].pid
  stack[name].kill('SIGKILL')
  expect((await stack[name].wait()).signal).toBe('SIGKILL')
  await stack[name].start()
  expect(stack[name].pid).not.toBe(before)
  await isHealthy()
})

test('a reload leaves the gate serving', async () => {
  await stack.gate.reload()
  await isHealthy()
})

test('admin(): the answer, or an error with method, path and status', async () => {
  expect(await stack.admin('GET', '/admin/sales')).toHaveProperty('sales')
  const missing = stack.admin('GET', '/admin/sales/nothing/ledger')
  await expect(missing).rejects.toThrow(AdminError)
  await expect(missing).rejects.toThrow('GET /admin/sales/nothing/ledger: 404')
})

test('a port asked for and taken is named', async () => {
  const gate_port = Number(new URL(stack.urls.gate).port)
  const other = startStack({ dir: join(dir, 'other'), gate_port })
  await expect(other).rejects.toThrow(PortTakenError)
  await expect(other).rejects.toThrow(`port ${gate_port} (gate)`)
})

test('stop() ends everything, and no log holds the secret or the admin token', async () => {
  await stack.stop()
  for (const url of Object.values(stack.urls)) expect(await isPortFree(Number(new URL(url).port)), url).toBe(true)
  const logs = ['backend.log', 'redis/redis.log', 'gate/logs/error.log', 'gate/logs/output.log', 'gate/conf/nginx.conf']
  for (const log of logs) {
    const text = readFileSync(join(dir, log), 'utf8')
    expect(text, log).not.toContain(stack.admin_token)
    expect(text, log).not.toContain(stack.secret.split(':')[1])
  }
})
