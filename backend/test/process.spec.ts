// The built backend as a process: starts, tells what is wrong in one sentence, ends in order, survives kill −9.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { freePort } from '../../scripts/ports'
import { startTestRedis, type TestRedis } from './redis'
import { saleBody, until } from './world'

const MAIN = join(import.meta.dirname, '../../dist/backend/main.js')
const TOKEN = 'an-admin-token-of-a-test'

let redis: TestRedis
let port: number
const children: ChildProcess[] = []

beforeAll(async () => {
  if (!existsSync(MAIN)) throw new Error('dist/backend/main.js is missing: run `npm run build` first')
  redis = await startTestRedis()
  port = await freePort()
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

afterAll(() => redis.remove())

interface Running {
  child: ChildProcess
  ended: Promise<{ code: number | null; said: string }>
}

function start(args: string[] = [], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: {
      PATH: process.env['PATH'],
      RUSHGATE_PORT: String(port),
      RUSHGATE_DATA: redis.dir,
      REDIS_URL: redis.server.url,
      RUSHGATE_SECRET: 'k1:a-secret-that-only-this-test-knows',
      RUSHGATE_ADMIN_TOKEN: TOKEN,
      RUSHGATE_DEMO: '1',
      ...env,
    },
  })
  children.push(child)
  let said = ''
  child.stdout?.on('data', (data) => {
    said += data
  })
  child.stderr?.on('data', (data) => {
    said += data
  })
  const ended = new Promise<{ code: number | null; said: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, said }))
  })
  return { child, ended }
}

async function admin(method: string, path: string, body?: unknown) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  return { status: response.status, body: await response.json() }
}

function untilHealthy(): Promise<void> {
  return until('healthy', async () => (await admin('GET', '/healthz')).status === 200, 60_000)
}

test('what is wrong is one sentence and exit code 1', async () => {
  const roles = await start(['--roles', 'api']).ended
  expect(roles.code).toBe(1)
  expect(roles.said).toMatch(
    /^rushgate-backend: --roles user,product,order,transaction,operations: needs DATABASE_URL[^\n]*\n$/,
  )
  const secret = await start([], { RUSHGATE_SECRET: '' }).ended
  expect(secret).toEqual({ code: 1, said: 'rushgate-backend: RUSHGATE_SECRET: must be set\n' })
  const wrong = await start(['--roles', 'baker']).ended
  expect(wrong.said).toContain(
    'there is no role "baker"; the roles are user, product, order, transaction, operations, settler',
  )
})

test('starts, is killed, comes back with its sales, and ends in order on SIGTERM', { timeout: 180_000 }, async () => {
  const first = start()
  await untilHealthy()
  expect((await admin('POST', '/admin/sales', saleBody('kept'))).status).toBe(201)
  expect((await admin('POST', '/admin/sales/kept/open')).status).toBe(200)
  const taken = await start().ended
  expect(taken.code).toBe(1)
  expect(taken.said).toMatch(/^rushgate-backend: [^\n]*process \d+ has this folder open; stop it first\n$/)
  first.child.kill('SIGKILL')
  await first.ended
  const second = start()
  await untilHealthy()
  expect((await admin('GET', '/admin/sales/kept')).body).toMatchObject({ state: 'ready', phase: 'open', epoch: 1 })
  expect((await admin('GET', '/admin/sales/kept/ledger')).body).toMatchObject({ balanced: true, skus: [{ free: 10 }] })
  second.child.kill('SIGTERM')
  const { code, said } = await second.ended
  expect(code).toBe(0)
  expect(said).not.toContain('a-secret-that')
  expect(said).not.toContain(TOKEN)
  for (const line of said.trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow()
  expect(said).toContain('"msg":"stopped"')
})
