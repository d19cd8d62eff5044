// `npm start -- --full`: Kafka and Elasticsearch are real, their addresses are printed and known to gate and backend, Ctrl-C ends
// them too, and the next start has what they held.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { freePort, isPortFree } from '../ports'
import { endAll, leftIn, READY, type Started, start } from './started'

const WHOLE_TEST_MS = 600_000
const dir = mkdtempSync(join(tmpdir(), 'rushgate-start-full-'))

afterEach(endAll)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function addresses(run: Started): { brokers: string; search: string } {
  const brokers = /^ {2}kafka +(\S+)/m.exec(run.output)?.[1] ?? ''
  const search = /^ {2}search +(http:\S+)\/_cat\/indices/m.exec(run.output)?.[1] ?? ''
  return { brokers, search }
}

/** The environment that the folder's backend was started with. (nginx writes over its own.) */
function environmentOfBackend(): string[] {
  const backend = leftIn('dist/backend/main.js').map((line) => Number(line.split(' ')[0]))
  return backend
    .map((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0'))
    .flatMap((env) => (env.includes(`RUSHGATE_DATA=${dir}`) ? env : []))
}

function kcat(...args: string[]): string {
  return execFileSync('kcat', args, { encoding: 'utf8', input: 'kept\n', timeout: 60_000 })
}

test('both engines are there, end with the rest, and keep what they held', { timeout: WHOLE_TEST_MS }, async () => {
  const ports = ['--port', '--admin-port', '--metrics-port']
  const options = ['--full', '--no-demo', '--dir', dir]
  for (const port of ports) options.push(port, String(await freePort()))
  const first = start(...options)
  await first.said(READY)
  const { brokers, search } = addresses(first)
  const env = environmentOfBackend()
  expect(env).toContain(`KAFKA_BROKERS=${brokers}`)
  expect(env).toContain(`ELASTICSEARCH_URL=${search}`)
  expect(kcat('-b', brokers, '-L')).toMatch(/topic "collection_hot_item" with 3 partitions/)
  kcat('-P', '-b', brokers, '-t', 'rushgate.intents', '-p', '0')
  const headers = { 'content-type': 'application/json' }
  expect((await fetch(`${search}/kept/_doc/1`, { method: 'PUT', headers, body: '{}' })).status).toBe(201)

  first.signal('SIGINT')
  expect(await first.exited).toBe(0)
  expect(leftIn(dir)).toEqual([])
  for (const address of [brokers, search]) expect(await isPortFree(Number(address.split(':').at(-1)))).toBe(true)

  const second = start(...options)
  await second.said(READY)
  expect(addresses(second)).toEqual({ brokers, search })
  expect(kcat('-C', '-b', brokers, '-t', 'rushgate.intents', '-p', '0', '-o', 'beginning', '-e', '-q')).toBe('kept\n')
  expect((await fetch(`${search}/kept/_doc/1`)).status).toBe(200)
})
