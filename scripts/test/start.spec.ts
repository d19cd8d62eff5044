// `npm start` as a user meets it: what it prints works, Ctrl-C leaves nothing behind, the next start goes on.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { freePort, isPortFree } from '../ports'
import { endAll, leftIn, READY, start } from './started'

const WHOLE_TEST_MS = 300_000

let dir: string

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-start-'))
})

afterEach(endAll)

afterAll(() => rmSync(dir, { recursive: true, force: true }))

async function ports(): Promise<{ gate: number; admin: number; metrics: number }> {
  return { gate: await freePort(), admin: await freePort(), metrics: await freePort() }
}

function options(folder: string, use: Awaited<ReturnType<typeof ports>>): string[] {
  const named = ['--port', use.gate, '--admin-port', use.admin, '--metrics-port', use.metrics].map(String)
  return ['--dir', join(dir, folder), ...named]
}

interface Answer {
  status: string
  reservation: string
  code: string
}

async function ask(url: string, init?: RequestInit): Promise<Answer> {
  return (await (await fetch(url, init)).json()) as Answer
}

test('from start to a confirmed order with the commands that it prints; the next start still knows it', {
  timeout: WHOLE_TEST_MS,
}, async () => {
  const use = await ports()
  const first = start(...options('sale', use))
  await first.said(READY)
  expect(first.output).toContain('Made the sales demo and guarded and soon')

  const commands = first.output.split('\n').filter((line) => /^ {2}(curl|SESSION=)/.test(line))
  expect(commands).toHaveLength(3)
  const shell = await promisify(execFile)('sh', ['-c', `${commands.join('\necho\n')}\necho\necho "$SESSION"`])
  const lines = shell.stdout.split('\n').filter((line) => line !== '')
  const [state = '', held = '', session = ''] = lines
  expect(JSON.parse(state)).toMatchObject({ sale: 'demo', phase: 'open' })
  const reservation = JSON.parse(held) as Answer
  expect(reservation.status).toBe('held')
  const poll = () =>
    ask(`http://127.0.0.1:${use.gate}/reservations/${reservation.reservation}`, {
      headers: { authorization: `Bearer ${session}` },
    })
  await expect.poll(async () => (await poll()).status, { timeout: 10_000 }).toBe('confirmed')

  first.signal('SIGINT')
  expect(await first.exited).toBe(0)
  expect(leftIn(join(dir, 'sale'))).toEqual([])
  for (const port of Object.values(use)) expect(await isPortFree(port)).toBe(true)

  const second = start(...options('sale', use))
  await second.said(READY)
  expect(second.output).toContain('are kept')
  await expect.poll(async () => (await poll()).status, { timeout: 20_000 }).toBe('confirmed')
})

test('--tls prints addresses for TLS, and commands that work with them', { timeout: WHOLE_TEST_MS }, async () => {
  const use = await ports()
  const tls = await freePort()
  const run = start('--tls', '--tls-port', String(tls), ...options('tls', use))
  await run.said(READY)
  expect(run.output).toContain(`  shop      https://127.0.0.1:${tls}/`)
  const commands = run.output.split('\n').filter((line) => /^ {2}(curl|SESSION=)/.test(line))
  const shell = await promisify(execFile)('sh', ['-c', commands.join('\necho\n')])
  const [state = '', held = ''] = shell.stdout.split('\n').filter((line) => line !== '')
  expect([JSON.parse(state), JSON.parse(held)]).toMatchObject([{ phase: 'open' }, { status: 'held' }])
})

test('a part that dies is named with the end of its log, and all the others stop', {
  timeout: WHOLE_TEST_MS,
}, async () => {
  const folder = 'death'
  const run = start('--no-demo', ...options(folder, await ports()))
  await run.said(READY)
  const redis = leftIn('redis-server').find((line) => line.includes('127.0.0.1') && isOf(line, join(dir, folder)))
  process.kill(Number(redis?.split(' ')[0]), 'SIGKILL')
  expect(await run.exited).toBe(1)
  expect(run.output).toContain('The Redis has ended by itself (killed by SIGKILL)')
  expect(run.output).toContain('Ready to accept connections')
  expect(leftIn(join(dir, folder))).toEqual([])
})

/** redis-server rewrites its command line; the folder it runs in tells whose it is. */
function isOf(line: string, folder: string): boolean {
  return (
    existsSync(`/proc/${line.split(' ')[0]}/cwd/redis.conf`) &&
    readFileSync(`/proc/${line.split(' ')[0]}/cwd/redis.conf`, 'utf8').includes(folder)
  )
}

test('Ctrl-C in the middle of a start stops what has been started', async () => {
  const use = await ports()
  const run = start(...options('early', use))
  await run.said('redis')
  run.signal('SIGINT')
  expect(await run.exited).toBe(0)
  await expect.poll(() => leftIn(join(dir, 'early'))).toEqual([])
})

test.each([
  ['gate', '--port'],
  ['admin', '--admin-port'],
  ['metrics', '--metrics-port'],
] as const)('a taken %s port: one sentence with the port and %s', async (which, option) => {
  const other = createServer()
  await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening))
  const taken = (other.address() as AddressInfo).port
  const run = start('--no-demo', ...options('taken', { ...(await ports()), [which]: taken }))
  expect(await run.exited).toBe(1)
  expect(run.output).toContain(`Port ${taken} `)
  expect(run.output).toContain(`\`npm start -- ${option} N\``)
  expect(run.output).not.toContain('    at ')
  other.close()
})

test.each([
  [['--port', '0'], '--port must be a whole number from 1 to 65535'],
  [['--workers', 'many'], '--workers must be a whole number'],
  [['--colour'], "unknown option '--colour'"],
])('a wrong option is named: %j', async (wrong, words) => {
  const run = start(...wrong)
  expect(await run.exited).toBe(1)
  expect(run.output).toContain(words)
})

test('--reset refuses a folder that is not a stack’s', async () => {
  const folder = mkdtempSync(join(dir, 'pictures-'))
  writeFileSync(join(folder, 'holiday.jpg'), '')
  const run = start('--reset', '--dir', folder, '--port', String(await freePort()))
  expect(await run.exited).toBe(1)
  expect(run.output).toContain('nothing was removed')
  expect(readdirSync(folder)).toEqual(['holiday.jpg'])
})
