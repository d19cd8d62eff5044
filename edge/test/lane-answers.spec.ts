// Answers of Redis that a lane loses or gets late: a shopper who may hold something is never told that nothing happened.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Cable, type Fate } from '../../backend/test/cable'
import { metaKey } from '../../contract/keys'
import { freePort } from '../../scripts/ports'
import { type DemoSession, type Shop, startShop, until } from './shop'

const RETRY = { 'x-rush-retry': '1' }
const UNKNOWN = { code: 'unavailable', outcome: 'unknown' }

let shop: Shop
let cable: Cable
let folder: string

async function start(lane: Record<string, number>): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'rushgate-answers-'))
  const config = join(folder, 'rushgate.json')
  const routes = { state: { plugins: ['sale-state'] }, reserve: { plugins: ['session', 'reservation'] } }
  writeFileSync(config, JSON.stringify({ version: 1, routes, lane }))
  const redis_port = await freePort()
  cable = await Cable.to(`redis://127.0.0.1:${redis_port}`)
  shop = await startShop({ config, redis_port, env: { RUSHGATE_REDIS_URL: cable.url } })
}

async function stop(): Promise<void> {
  await shop.close()
  await cable.remove()
  rmSync(folder, { recursive: true, force: true })
}

/** Only the reservation script has the stream of intents among its keys. */
function isPurchase(request: string, sale: string): boolean {
  return request.includes(sale) && /:intents\r\n/.test(request)
}

function isEval(request: string): boolean {
  return /^\*\d+\r\n\$4\r\neval\r\n/i.test(request)
}

/** The answer to the next EVAL of the sale's purchases meets the first fate, those to what is sent after it the others. */
function loseFromEval(sale: string, ...fates: Fate[]): { met: string[] } {
  const seen = { met: [] as string[] }
  execFileSync('redis-cli', ['-u', shop.stack.urls.redis, 'SCRIPT', 'FLUSH'])
  cable.fate = (request) => {
    if (!isPurchase(request, sale) || (seen.met.length === 0 && !isEval(request))) return 'pass'
    const fate = fates[seen.met.length] ?? 'pass'
    seen.met.push(isEval(request) ? 'eval' : 'evalsha')
    return fate
  }
  return seen
}

async function owners(sale: string): Promise<string[]> {
  const page = await shop.stack.admin<{ orders: { user: string }[] }>('GET', `/admin/sales/${sale}/orders?limit=100`)
  return page.orders.map((order) => order.user).sort()
}

async function expectOwners(sale: string, ...sessions: DemoSession[]): Promise<void> {
  await until(async () => (await owners(sale)).length >= sessions.length)
  expect(await owners(sale)).toEqual(sessions.map((each) => each.user).sort())
}

describe('a lane whose Redis did not know the script', () => {
  beforeAll(() => start({ reply_ms_max: 3000, wait_ms_max: 20_000 }))
  afterAll(stop)

  it('sends again when the answer to the script is lost, and says unknown when that is lost too', async () => {
    for (const how of ['break', 'hang'] as const) {
      const sale = `lost-${how}`
      await shop.open(sale, { total: 10, user_max: 1 })
      const [first, second] = (await shop.sessions(2, how)) as [DemoSession, DemoSession]

      const once = loseFromEval(sale, how)
      const answer = await shop.buy(sale, first.session, 'key-first')
      expect([answer.status, once.met]).toEqual([202, ['eval', 'evalsha']])

      const twice = loseFromEval(sale, how, how)
      const unknown = await shop.buy(sale, second.session, 'key-second')
      expect([unknown.status, twice.met]).toEqual([503, ['eval', 'evalsha']])
      expect(unknown.body).toMatchObject(UNKNOWN)
      // held all the same, before anybody asks again
      await expectOwners(sale, first, second)

      await until(async () => (await shop.buy(sale, second.session, 'key-second', 1, RETRY)).status === 202)
      const again = await shop.buy(sale, first.session, 'key-first', 1, RETRY)
      expect([again.status, again.body.reservation]).toEqual([202, answer.body.reservation])
      await expectOwners(sale, first, second)
    }
  })
})

describe('a lane that Redis refuses after an answer was lost', () => {
  beforeAll(() => start({ reply_ms_max: 3000, wait_ms_max: 20_000 }))
  afterAll(stop)

  const redisCli = (...args: string[]) => execFileSync('redis-cli', ['-u', shop.stack.urls.redis, ...args])

  it('says unknown, because the shopper may hold units since the first time', async () => {
    const refusals = {
      forbidden: { begin: ['ACL', 'SETUSER', 'default', '-evalsha'], end: ['ACL', 'SETUSER', 'default', '+evalsha'] },
      closed: {
        begin: ['HSET', metaKey('closed', 0), 'state', 'closed'],
        end: ['HSET', metaKey('closed', 0), 'state', 'open'],
      },
    }
    for (const [sale, { begin, end }] of Object.entries(refusals)) {
      await shop.open(sale, { total: 10, user_max: 1 })
      const [shopper] = (await shop.sessions(1, sale)) as [DemoSession]
      let sent = 0
      cable.fate = (request) => {
        if (!isPurchase(request, sale)) return 'pass'
        sent += 1
        redisCli(...(sent === 1 ? begin : end))
        return sent === 1 ? 'break' : 'pass'
      }
      const answer = await shop.buy(sale, shopper.session, 'key')
      expect([answer.status, sent]).toEqual([503, 2])
      expect(answer.body).toMatchObject(UNKNOWN)

      cable.fate = () => 'pass'
      await until(async () => (await shop.buy(sale, shopper.session, 'key', 1, RETRY)).status === 202)
      await expectOwners(sale, shopper)
    }
  })
})

describe('a request whose time is over before its batch is sent', () => {
  beforeAll(() => start({ reply_ms_max: 30_000, wait_ms_max: 1500 }))
  afterAll(stop)

  it('is told that its outcome is unknown, because it is sent all the same', async () => {
    await shop.open('late', { total: 10, user_max: 1 })
    const [ahead, behind] = (await shop.sessions(2, 'late')) as [DemoSession, DemoSession]
    let release = () => {}
    const released = new Promise<void>((done) => {
      release = done
    })
    let purchases = 0
    cable.fate = (request) => {
      if (!isPurchase(request, 'late')) return 'pass'
      purchases += 1
      return released
    }
    const first = shop.buy('late', ahead.session, 'key-ahead')
    await until(async () => purchases === 1)
    const answer = await shop.buy('late', behind.session, 'key-behind')
    expect([answer.status, purchases]).toEqual([503, 1])
    expect(answer.body).toMatchObject(UNKNOWN)
    expect((await first).body).toMatchObject(UNKNOWN)

    release()
    // nobody has asked again
    await expectOwners('late', ahead, behind)
    for (const [each, key] of [
      [ahead, 'key-ahead'],
      [behind, 'key-behind'],
    ] as const) {
      expect((await shop.buy('late', each.session, key, 1, RETRY)).status).toBe(202)
    }
    await expectOwners('late', ahead, behind)
  })
})
