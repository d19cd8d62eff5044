// The backend's roles apart over one PostgreSQL, two processes of each behind one gate: what is killed or hangs is noticed, and
// nobody who retries, as everyone may, is left with an error of ours.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { postgresAvailable, startTestPostgres } from '../../backend/test/postgres'
import { freePort } from '../../scripts/ports'
import type { Postgres } from '../../scripts/postgres'
import type { ManagedProcess } from '../../scripts/processes'
import { anotherBackend } from '../../scripts/stack'
import { type Answer, type DemoSession, type Shop, sleep, startShop, until } from './shop'

/** each twice */
const GROUPS = ['operations,product,settler,sweeper', 'user,transaction', 'order'] as const
const RETRY_MS = 250
const BROWSE_MS = 100
const TRIES_MAX = 80
const WHOLE_TEST_MS = 180_000

let postgres: Postgres
let shop: Shop
let people: DemoSession[]
/** by group, the two of it */
const servers: { process: ManagedProcess; url: string }[][] = []

beforeAll(async () => {
  if (!postgresAvailable) return
  postgres = await startTestPostgres()
  const database_url = await postgres.createDatabase('apart')
  const ports: number[] = []
  while (ports.length < 2 * GROUPS.length) ports.push(await freePort())
  const pair = (group: number) => `127.0.0.1:${ports[2 * group]},127.0.0.1:${ports[2 * group + 1]}`
  const [operations, users, orders] = [pair(0), pair(1), pair(2)]
  shop = await startShop({
    workers: 2,
    database_url,
    backend_port: ports[0],
    roles: GROUPS[0],
    backends: { all: operations, user: users, transaction: users, order: orders },
  })
  servers.push([{ process: shop.stack.backend, url: shop.stack.urls.backend }])
  for (let n = 1; n < ports.length; n++) {
    const group = Math.floor(n / 2)
    // what the sandbox provider remembers is one for all
    const options = { database_url, backend_port: ports[n], env: { RUSHGATE_DATA: shop.stack.dir } }
    const process = await anotherBackend(shop.stack, `backend-${n}`, GROUPS[group] as string, options)
    await process.start()
    servers[group] = [...(servers[group] ?? []), { process, url: `http://127.0.0.1:${ports[n]}` }]
  }
  await shop.open('apart', { total: 50, user_max: 2 })
  people = await shop.sessions(20, 'apart')
}, WHOLE_TEST_MS)

afterAll(async () => {
  if (!postgresAvailable) return
  for (const { process } of servers.flat().reverse()) if (process !== shop.stack.backend) await process.stop()
  await shop.close()
  await postgres.stop()
})

function server(group: number, which: number): { process: ManagedProcess; url: string } {
  const found = servers[group]?.[which]
  if (found === undefined) throw new Error(`there is no server ${which} of ${GROUPS[group]}`)
  return found
}

const seen = { answers: 0, retries: 0 }

/** As a shopper's page does: what is 503, or breaks off, is asked again. Any other 5xx is a fault. */
async function insist(ask: () => Promise<Answer>): Promise<Answer> {
  for (let n = 0; n < TRIES_MAX; n++) {
    const answer = await ask().catch(() => undefined)
    if (answer !== undefined && answer.status < 500) {
      seen.answers++
      return answer
    }
    if (answer !== undefined) expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    seen.retries++
    await sleep(RETRY_MS)
  }
  throw new Error(`no answer after ${TRIES_MAX} tries`)
}

function as({ session }: DemoSession): Record<string, string> {
  return { authorization: `Bearer ${session}`, 'content-type': 'application/json' }
}

/** What the roles serve, by one shopper, over and over, within what one user may ask (`user-limit`). */
async function browse(person: DemoSession, until_ms: number): Promise<void> {
  while (Date.now() < until_ms) {
    const asked = [
      await insist(() => shop.get('/sales')),
      await insist(() => shop.get('/sales/apart/reservations', person.session)),
      // refused by the role itself, which is an answer
      await insist(() => shop.call('POST', '/reservations/none/payment', as(person), '{}')),
    ]
    expect(asked.map(({ status }) => status)).toEqual([200, 200, 404])
    await sleep(BROWSE_MS)
  }
}

async function load(ms: number): Promise<void> {
  const until_ms = Date.now() + ms
  await Promise.all(people.slice(0, 16).map((person) => browse(person, until_ms)))
}

async function buyAndPay(person: DemoSession): Promise<void> {
  const held = await shop.buyForSure('apart', person.session, 'first')
  expect(held.status).toBe(202)
  const path = `/reservations/${held.body.reservation}`
  const statusIs = (wanted: string) => async () => (await shop.get(path, person.session)).body.status === wanted
  await until(statusIs('confirmed'), 60_000)
  const started = await insist(() => shop.call('POST', `${path}/payment`, as(person), '{}'))
  const page = new URL(String(started.body.redirect)).pathname
  const form = { 'content-type': 'application/x-www-form-urlencoded', origin: shop.stack.urls.gate }
  await insist(() => shop.call('POST', page, form, 'outcome=success'))
  await until(statusIs('paid'), 60_000)
}

test.skipIf(!postgresAvailable)(
  'a purchase goes through all of them, and each serves what is its own',
  async () => {
    await buyAndPay(people[8] as DemoSession)
    const refused = await fetch(`${server(2, 0).url}/sales`)
    expect(refused.status).toBe(404)
    expect(await refused.json()).toMatchObject({ detail: expect.stringContaining('the role product serves this path') })
  },
  WHOLE_TEST_MS,
)

test.skipIf(!postgresAvailable)(
  'one of each killed under load: whoever retries is answered',
  async () => {
    const loaded = load(8000)
    await sleep(2000)
    for (const group of [0, 1, 2]) server(group, 1).process.kill('SIGKILL')
    await sleep(1000)
    await buyAndPay(people[9] as DemoSession)
    await loaded
    console.log(`one of each killed: ${seen.answers} answers, ${seen.retries} of them asked again`)
    for (const group of [0, 1, 2]) {
      await server(group, 1).process.wait()
      await server(group, 1).process.start()
    }
  },
  WHOLE_TEST_MS,
)

test.skipIf(!postgresAvailable)(
  'one that hangs is noticed: after a while nobody waits for it',
  async () => {
    const { process } = server(2, 0)
    process.kill('SIGSTOP')
    try {
      await load(6000)
      const began_ms = Date.now()
      for (let n = 0; n < 20; n++) await insist(() => shop.get('/sales/apart/reservations', people[0]?.session))
      // one request in 5 s is what a server that hangs is tried with
      expect(Date.now() - began_ms).toBeLessThan(15_000)
    } finally {
      process.kill('SIGCONT')
    }
  },
  WHOLE_TEST_MS,
)

test.skipIf(!postgresAvailable)(
  'gates follow the other one when the one that they follow hangs',
  async () => {
    const { process } = server(0, 0)
    const other = server(0, 1)
    process.kill('SIGSTOP')
    try {
      const paused = await fetch(`${other.url}/admin/sales/apart/pause`, {
        method: 'POST',
        headers: { authorization: `Bearer ${shop.stack.admin_token}` },
      })
      expect(paused.status).toBe(200)
      await until(async () => (await shop.get('/sales/apart/state')).body.phase === 'paused', 30_000)
      expect((await shop.get('/healthz')).status).toBe(200)
      expect(shop.stack.error_log()).toContain('operations asks the next')
    } finally {
      process.kill('SIGCONT')
    }
  },
  WHOLE_TEST_MS,
)
