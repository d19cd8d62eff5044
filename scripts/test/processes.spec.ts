// Children never outlive their parent, say why they failed, and come back on the same port with the same data.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis as Client } from 'ioredis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findNginx, Nginx, renderTemplate } from '../nginx'
import { freePort, isPortFree } from '../ports'
import { startPostgres } from '../postgres'
import { ManagedProcess } from '../processes'
import { startRedis } from '../redis'
import { stackSecrets } from '../stack'

let dir: string
const cleanups: (() => Promise<unknown>)[] = []

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-processes-'))
})

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  rmSync(dir, { recursive: true, force: true })
})

// A zombie is dead: whether it is reaped at once is up to the container's first process.
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

async function redisIn(folder: string) {
  const redis = await startRedis({ dir: join(dir, folder) })
  cleanups.push(() => redis.stop())
  return redis
}

async function nginxIn(folder: string, workers: number) {
  const port = await freePort()
  const gate = new Nginx({
    name: 'gate',
    dir: join(dir, folder),
    config: `worker_processes ${workers}; pid logs/nginx.pid; events {}
      http { access_log off; server { listen 127.0.0.1:${port}; return 200; } }`,
    ready: async () => (await fetch(`http://127.0.0.1:${port}/`)).status === 200,
  })
  cleanups.push(() => gate.stop())
  await gate.start()
  // the first worker answers before the second is forked
  await expect.poll(() => gate.workers()).toHaveLength(workers)
  return { gate, port }
}

test('Redis killed with SIGKILL starts again on its port with its data', async () => {
  const redis = await redisIn('redis')
  const client = new Client(redis.url, { lazyConnect: true, retryStrategy: () => null })
  client.on('error', () => {})
  await client.connect()
  await client.set('unit', '17')
  const first_pid = redis.pid
  redis.kill('SIGKILL')
  expect(await redis.wait()).toEqual({ code: null, signal: 'SIGKILL' })
  expect(redis.pid).toBe(0)
  await redis.start()
  expect(redis.pid).not.toBe(first_pid)
  const again = new Client(redis.url)
  expect(await again.get('unit')).toBe('17')
  expect(await again.config('GET', 'appendfsync')).toEqual(['appendfsync', 'always'])
  expect(await again.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction'])
  again.disconnect()
})

test('a folder in which a Redis runs is refused to a second one', async () => {
  const redis = await redisIn('redis')
  await expect(startRedis({ dir: redis.dir })).rejects.toThrow(`is in use: another Redis (pid ${redis.pid})`)
  await redis.stop()
  await redisIn('redis')
})

test('a log that has grown large is put aside at the next start', async () => {
  const log_file = join(dir, 'large.log')
  writeFileSync(log_file, 'x'.repeat(17 * 1024 * 1024))
  const sleeper = new ManagedProcess({
    name: 'sleeper',
    command: 'sleep',
    args: ['60'],
    log_file,
    ready: async () => true,
  })
  await sleeper.start()
  await sleeper.stop()
  expect(statSync(log_file).size).toBe(0)
  expect(statSync(`${log_file}.1`).size).toBe(17 * 1024 * 1024)
})

test('a start that fails carries the tail of the log', async () => {
  const broken = new ManagedProcess({
    name: 'broken',
    command: 'sh',
    args: ['-c', 'echo the disk is on fire >&2; exit 4'],
    log_file: join(dir, 'broken.log'),
    ready: async () => false,
  })
  await expect(broken.start()).rejects.toThrow(
    /broken ended before it was ready \(exit code 4\)[\s\S]*the disk is on fire/,
  )
})

test('a process that never becomes ready is ended, and the time-out is named', async () => {
  const slow = new ManagedProcess({
    name: 'slow',
    command: 'sleep',
    args: ['60'],
    log_file: join(dir, 'slow.log'),
    ready: async () => false,
    ready_timeout_ms: 300,
  })
  await expect(slow.start()).rejects.toThrow('slow was not ready within 0.3 s')
  expect(slow.is_running).toBe(false)
})

test('a death that nobody asked for is reported, one that was asked for is not', async () => {
  const deaths: string[] = []
  const plan = {
    name: 'victim',
    command: 'sleep',
    args: ['60'],
    log_file: join(dir, 'victim.log'),
    ready: async () => true,
  }
  const victim = new ManagedProcess(plan, (name, exit) => deaths.push(`${name} ${exit.signal}`))
  await victim.start()
  await victim.stop()
  expect(deaths).toEqual([])
  await victim.start()
  process.kill(victim.pid, 'SIGKILL')
  await victim.wait()
  expect(deaths).toEqual(['victim SIGKILL'])
})

test('a process that ignores SIGTERM is killed, and so are its children', async () => {
  const stubborn = new ManagedProcess({
    name: 'stubborn',
    command: 'sh',
    args: ['-c', 'trap "" TERM; sleep 60 & echo $! ; while :; do sleep 1; done'],
    log_file: join(dir, 'stubborn.log'),
    ready: async () => readFileSync(join(dir, 'stubborn.log'), 'utf8').includes('\n'),
  })
  await stubborn.start()
  const grandchild = Number(readFileSync(join(dir, 'stubborn.log'), 'utf8'))
  expect(isAlive(grandchild)).toBe(true)
  await stubborn.stop(200)
  expect(stubborn.is_running).toBe(false)
  await expect.poll(() => isAlive(grandchild)).toBe(false)
})

test('a stopped process (SIGSTOP) can be stopped for good', async () => {
  const redis = await redisIn('redis')
  redis.kill('SIGSTOP')
  await redis.stop()
  expect(await isPortFree(redis.port)).toBe(true)
})

test('nginx: workers are named, a reload replaces them, SIGKILL of the master takes them along', async () => {
  const { gate, port } = await nginxIn('gate', 2)
  const workers = gate.workers()
  expect(workers).toHaveLength(2)
  await gate.reload()
  const after = gate.workers()
  expect(after).toHaveLength(2)
  expect(after.some((pid) => workers.includes(pid))).toBe(false)
  gate.kill('SIGKILL')
  await gate.wait()
  await expect.poll(() => after.filter(isAlive)).toEqual([])
  await gate.start()
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200)
})

test('an nginx worker that is killed is replaced by the master', async () => {
  const { gate } = await nginxIn('gate', 1)
  const [worker] = gate.workers()
  process.kill(worker as number, 'SIGKILL')
  await expect.poll(() => gate.workers().filter((pid) => pid !== worker).length).toBe(1)
})

test('a placeholder without a value is refused by name', () => {
  expect(renderTemplate('listen @PORT@; # a@b.c', { PORT: '1' })).toBe('listen 1; # a@b.c')
  expect(() => renderTemplate('listen @PROT@;', { PORT: '1' })).toThrow('@PROT@')
})

test('nginx with the Lua module is found', () => {
  expect(findNginx().command).not.toBe('')
})

test('PostgreSQL starts in a folder, also under root, and leaves nothing', async () => {
  const postgres = await startPostgres()
  cleanups.push(() => postgres.stop())
  const second = await postgres.createDatabase('second')
  expect(second).toMatch(/\/second$/)
  const pid = postgres.process.pid
  await postgres.stop()
  expect(isAlive(pid)).toBe(false)
  expect(() => statSync(postgres.process.plan.cwd as string)).toThrow()
})

test('secrets are made once, for the owner only', () => {
  const folder = join(dir, 'stack')
  const first = stackSecrets(folder)
  expect(stackSecrets(folder)).toEqual(first)
  expect(statSync(join(folder, 'secrets.json')).mode & 0o777).toBe(0o600)
  expect(first.secret).toMatch(/^k[0-9a-f]{6}:.{43}$/)
})

test.each(['exit', 'SIGINT', 'SIGTERM', 'SIGKILL'])('children do not outlive a parent that ends by %s', async (way) => {
  const parent = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, 'parent-of-redis.ts'), join(dir, 'redis'), way],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const pid = Number(await firstLine(parent))
  expect(isAlive(pid)).toBe(true)
  const ended = new Promise((resolve) => parent.once('exit', resolve))
  parent.kill(way === 'exit' ? 'SIGUSR2' : (way as NodeJS.Signals))
  await ended
  await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false)
})

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the parent ended early')))
    child.stdout?.once('data', (data: Buffer) => resolve(data.toString().trim()))
  })
}
