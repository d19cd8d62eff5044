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
const CLICKS = 25
const FOUND_MS_MAX = 60_000
/** printed when it is missed, as speeds are */
const PROMISED_MS = 2000
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

/** From a click on an item to the operator's answer out of Elasticsearch, by way of Kafka. */
async function clicksAreFound(port_of: { gate: number; admin: number }, admin_token: string): Promise<void> {
  const admin = (path: string, body?: object) =>
    fetch(`http://127.0.0.1:${port_of.admin}/admin/${path}`, {
      method: body === undefined ? 'GET' : 'PUT',
      headers: { authorization: `Bearer ${admin_token}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    })
  const item = `http://127.0.0.1:${port_of.gate}/web/item/teapot`
  const price = { amount_minor: 4900, currency: 'EUR' }
  expect((await admin('products/teapot', { title: 'Teapot', price })).ok).toBe(true)
  let clicks = 0
  const click = async () => {
    clicks += 1
    return (await fetch(item)).status
  }
  const found = async () => (await (await admin('hot-items?item=teapot')).json()) as { store: string; requests: number }
  const allAreFound = () =>
    expect.poll(async () => (await found()).requests, { timeout: FOUND_MS_MAX, interval: 50 }).toBe(clicks)
  await expect.poll(click, { timeout: FOUND_MS_MAX }).toBe(200)
  // a group that has just been joined, an index that has just been made: not what is measured
  await allAreFound()
  for (let i = 0; i < CLICKS; i++) expect(await click()).toBe(200)
  const began_ms = performance.now()
  await allAreFound()
  const found_ms = Math.round(performance.now() - began_ms)
  expect((await found()).store).toBe('elasticsearch')
  console.log(`${CLICKS} clicks were found in Elasticsearch after ${found_ms} ms (promised within ${PROMISED_MS})`)
}

test('both engines are there, end with the rest, and keep what they held', { timeout: WHOLE_TEST_MS }, async () => {
  const port_of = { gate: await freePort(), admin: await freePort(), metrics: await freePort() }
  const options = ['--full', '--no-demo', '--dir', dir, '--port', String(port_of.gate)]
  options.push('--admin-port', String(port_of.admin), '--metrics-port', String(port_of.metrics))
  const first = start(...options)
  await first.said(READY)
  const { brokers, search } = addresses(first)
  const env = environmentOfBackend()
  expect(env).toContain(`KAFKA_BROKERS=${brokers}`)
  expect(env).toContain(`ELASTICSEARCH_URL=${search}`)
  expect(kcat('-b', brokers, '-L')).toMatch(/topic "collection_hot_item" with 3 partitions/)
  const admin_token = env.find((each) => each.startsWith('RUSHGATE_ADMIN_TOKEN='))?.replace(/^\w+=/, '') ?? ''
  await clicksAreFound(port_of, admin_token)
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
