// `npm start -- --full`: Kafka and Elasticsearch are real. What shoppers do by curl arrives: looks at items through the gate,
// Kafka and the indexer in the operator's queries, a purchase through stream, Kafka and settler in the ledger. Ctrl-C ends the
// engines too, and the next start has what they held.
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

/** All that is in the topic. */
function kcat(brokers: string, topic: string): string[] {
  const args = ['-C', '-b', brokers, '-t', topic, '-o', 'beginning', '-e', '-q', '-f', '%k %s\n']
  const read = execFileSync('kcat', args, { encoding: 'utf8', timeout: 60_000 })
  return read.split('\n').filter((line) => line !== '')
}

/** The commands that the start has printed, as one shell runs them; a line of output for each. */
function printedCommands(run: Started): { buy: string[]; look: string; operator: string } {
  const commands = run.output.split('\n').filter((line) => /^ {2}(curl|SESSION=)/.test(line))
  const [look = '', operator = ''] = commands.slice(3)
  return { buy: commands.slice(0, 3), look, operator }
}

function shell(...commands: string[]): string[] {
  const said = execFileSync('sh', ['-c', `${commands.join('\necho\n')}\n`], { encoding: 'utf8', timeout: 60_000 })
  return said.split('\n').filter((line) => line !== '')
}

interface Looked {
  store: string
  items: { item: string; requests: number }[]
}

/** Ten looks at the poster, until the operator sees as many; before them one, with which the day's index is made. */
async function lookAndFind(run: Started): Promise<void> {
  const { look, operator } = printedCommands(run)
  const asked = () => JSON.parse(shell(operator).join('')) as Looked
  const seen = () => asked().items.find(({ item }) => item === 'poster')?.requests ?? 0
  expect(shell(look).join('')).toContain('poster')
  await expect.poll(seen, { timeout: 60_000, interval: 100 }).toBe(1)
  for (let n = 0; n < 10; n++) expect(shell(look).join('')).toContain('poster')
  const began_ms = Date.now()
  await expect.poll(seen, { timeout: 30_000, interval: 100 }).toBe(11)
  console.log(`found in Elasticsearch ${Date.now() - began_ms} ms after the last look (promised: 2000)`)
  expect(asked().store).toBe('elasticsearch')
}

/** The id of an order that came through Kafka into the ledger. */
async function buyAndConfirm(run: Started, gate: string): Promise<string> {
  const { buy } = printedCommands(run)
  const [, held = '', session = ''] = shell(...buy, 'echo "$SESSION"')
  const { reservation, status } = JSON.parse(held) as { reservation: string; status: string }
  expect(status).toBe('held')
  const poll = async () => {
    const answer = await fetch(`${gate}/reservations/${reservation}`, {
      headers: { authorization: `Bearer ${session}` },
    })
    return ((await answer.json()) as { status: string }).status
  }
  await expect.poll(poll, { timeout: 30_000, interval: 200 }).toBe('confirmed')
  return reservation
}

test('looks and purchases arrive through real engines, which end with the rest and keep what they held', {
  timeout: WHOLE_TEST_MS,
}, async () => {
  const ports = ['--port', '--admin-port', '--metrics-port']
  const options = ['--full', '--dir', dir]
  for (const port of ports) options.push(port, String(await freePort()))
  const gate = `http://127.0.0.1:${options[4]}`
  const first = start(...options)
  await first.said(READY)
  const { brokers, search } = addresses(first)
  const env = environmentOfBackend()
  expect(env).toContain(`KAFKA_BROKERS=${brokers}`)
  expect(env).toContain(`ELASTICSEARCH_URL=${search}`)
  await lookAndFind(first)
  const events = kcat(brokers, 'collection_hot_item')
  expect(events.length).toBeGreaterThanOrEqual(10)
  expect(events.join('\n')).toContain('"uri":"/web/item/poster"')
  await buyAndConfirm(first, gate)
  const intents = kcat(brokers, 'rushgate.intents')
  expect(intents).toHaveLength(1)
  expect(intents[0]).toMatch(/^demo\.0 .*"sale":"demo"/)

  first.signal('SIGINT')
  expect(await first.exited).toBe(0)
  expect(leftIn(dir)).toEqual([])
  for (const address of [brokers, search]) expect(await isPortFree(Number(address.split(':').at(-1)))).toBe(true)

  const second = start(...options)
  await second.said(READY)
  expect(addresses(second)).toEqual({ brokers, search })
  expect(kcat(brokers, 'rushgate.intents')).toEqual(intents)
  const { operator } = printedCommands(second)
  const looks = () =>
    (JSON.parse(shell(operator).join('')) as Looked).items.find(({ item }) => item === 'poster')?.requests
  await expect.poll(looks, { timeout: 30_000, interval: 200 }).toBeGreaterThanOrEqual(10)
})
