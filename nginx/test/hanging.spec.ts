// A gate that hangs: it takes connections and answers none, which no refused connect betrays. Its users go on at the other gate after
// the time-outs of nginx/outer.conf.template, and nothing is sold twice when it wakes.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DemoSession, sleep, until } from '../../edge/test/shop'
import type { Nginx } from '../../scripts/nginx'
import { type Front, startFront } from './front'

/** proxy_read_timeout of what a gate answers by itself, and of the rest */
const QUICK_MS = 5000
const REST_MS = 20_000
/** on a machine that is busy with other things */
const SLACK_MS = 4000
/** of whom eight of each gate are taken: where a user goes is drawn with the gates' ports */
const USERS = 64
const USERS_EACH = 8
/** longer than an answer takes on a busy machine, shorter than the outer tier waits for the gate */
const PATIENCE_MS = 3000

let all: Front

beforeAll(async () => {
  all = await startFront()
  await all.open('hanging', { total: 20_000, user_max: 2000 }, { hold_attempts_max: 2000 })
})

afterAll(() => all?.close())

function signalAll(gate: Nginx, signal: NodeJS.Signals): void {
  const workers = gate.workers()
  gate.kill(signal)
  for (const pid of workers) process.kill(pid, signal)
}

interface Bought {
  at_ms: number
  took_ms: number
  status: number
  reservation: unknown
}

/** Buys again and again; each purchase once, as a person does who waits for the answer. */
async function buyUntil(done: () => boolean, { session, user }: DemoSession): Promise<Bought[]> {
  const bought: Bought[] = []
  for (let i = 0; !done(); i++) {
    const at_ms = performance.now()
    const answer = await all.front.buy('hanging', session, `${user}-${i}`)
    const took_ms = performance.now() - at_ms
    bought.push({ at_ms, took_ms, status: answer.status, reservation: answer.body.reservation })
    await sleep(40)
  }
  return bought
}

async function timed(call: () => Promise<{ status: number }>): Promise<{ status: number; took_ms: number }> {
  const from_ms = performance.now()
  const { status } = await call()
  return { status, took_ms: performance.now() - from_ms }
}

function cartOf({ session }: DemoSession, patience_ms: number): Promise<Response> {
  const headers = { authorization: `Bearer ${session}` }
  const signal = AbortSignal.timeout(patience_ms)
  return fetch(`${all.front.stack.urls.gate}/sales/hanging/reservations`, { headers, signal })
}

/** Users of the second gate: what they ask reaches nobody else while it stands. */
async function usersOfSecond(users: DemoSession[]): Promise<DemoSession[]> {
  const found: DemoSession[] = []
  signalAll(all.second.gate, 'SIGSTOP')
  await Promise.all(
    users.map(async (user) => {
      await cartOf(user, PATIENCE_MS).catch(() => found.push(user))
    }),
  )
  signalAll(all.second.gate, 'SIGCONT')
  return found
}

test('its users wait for the time-out once, and go on at the other gate', { timeout: 120_000 }, async () => {
  const users = await all.shop.sessions(USERS, 'hanging')
  const of_second = await usersOfSecond(users)
  const theirs = of_second.slice(0, USERS_EACH)
  const others = users.filter((user) => !of_second.includes(user)).slice(0, USERS_EACH)
  expect([theirs.length, others.length]).toEqual([USERS_EACH, USERS_EACH])

  let done = false
  const load = [...theirs, ...others].map((each) => buyUntil(() => done, each))
  await sleep(500)
  signalAll(all.second.gate, 'SIGSTOP')
  const stopped_ms = performance.now()
  const first = theirs[0] as DemoSession
  const cart = timed(() => cartOf(first, REST_MS + 2 * SLACK_MS))
  await sleep(2 * QUICK_MS + SLACK_MS)
  done = true
  const bought = await Promise.all(load)
  const cart_answer = await cart
  signalAll(all.second.gate, 'SIGCONT')

  const purchases = bought.flat()
  expect(new Set(purchases.map(({ status }) => status))).toEqual(new Set([202]))
  // who waits for the gate that hangs waits for the time-out
  const late = (each: Bought) => each.took_ms > QUICK_MS - 500
  const waits = bought.map((each) => each.filter(late).length)
  const longest_ms = Math.max(...purchases.map(({ took_ms }) => took_ms))
  const after = purchases.filter(({ at_ms }) => at_ms > stopped_ms + QUICK_MS + 500)
  const said = { theirs: theirs.length, waits, longest_ms, cart_ms: cart_answer.took_ms, after: after.length }
  console.log(`a gate hangs: ${JSON.stringify(said)}`)
  expect(longest_ms).toBeGreaterThan(QUICK_MS - 500)
  expect(longest_ms).toBeLessThan(QUICK_MS + SLACK_MS)
  // once the gate is out, one purchase in five seconds tries whether it is back
  expect(after.filter(late).length).toBeLessThanOrEqual(4)
  expect(after.length).toBeGreaterThan(theirs.length * 10)
  for (const each of waits.slice(theirs.length)) expect(each).toBe(0)
  // what may wait for the backend is given more time
  expect(cart_answer.status).toBe(200)
  expect(cart_answer.took_ms).toBeGreaterThan(REST_MS - 500)
  expect(cart_answer.took_ms).toBeLessThan(REST_MS + SLACK_MS)

  // the gate wakes and sells what waits in its sockets: the same purchases
  const reservations = new Set(purchases.map(({ reservation }) => reservation)).size
  expect(reservations).toBe(purchases.length)
  await until(async () => (await fetch(`${all.second.urls.gate}/livez`)).ok)
  await sleep(1000)
  await until(async () => {
    const ledger = await all.shop.stack.admin<{
      balanced: boolean
      skus: { held: number; confirmed: number }[]
    }>('GET', '/admin/sales/hanging/ledger')
    return ledger.balanced && (ledger.skus[0]?.held ?? 0) + (ledger.skus[0]?.confirmed ?? 0) === reservations
  }, 30_000)
})
