// The waiting room at a real gate with two workers: people take tickets, wait, are admitted in their order within the budget, and buy with
// their passes. What is no ticket and no pass is refused; Redis is emptied while people wait.
import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { metaKey } from '../../contract/keys'
import { unsignedPass } from '../../contract/pass'
import { HKDF_BYTES, HKDF_SALT } from '../../contract/secrets'
import { unsignedTicket } from '../../contract/ticket'
import { type Answer, type DemoSession, type Shop, sleep, startShop, until } from './shop'

let shop: Shop
let redis: Redis
let ada: DemoSession
let eve: DemoSession

const CHECKOUT_MAX = 3

async function openRoom(id: string, settings: object, total = 100, more: object = {}): Promise<void> {
  const gate = { waiting_room: { admit_per_s: 100, checkout_max: 1000, ...settings } }
  await shop.open(id, { total, user_max: 20 }, { gate, ...more })
}

interface Polled {
  status: string
  place: number | null
  eta_s: number | null
  chance: string | null
  poll_after_ms: number
  pass?: string
}

class Shopper {
  ticket = ''
  poll_after_ms = 0
  pass = ''
  reservation = ''

  constructor(
    readonly who: DemoSession,
    readonly sale: string,
  ) {}

  async take(): Promise<Answer> {
    const answer = await shop.call('POST', `/sales/${this.sale}/tickets`, {
      authorization: `Bearer ${this.who.session}`,
    })
    this.ticket = String(answer.body['ticket'] ?? '')
    this.poll_after_ms = Number(answer.body['poll_after_ms'] ?? 0)
    return answer
  }

  get number(): number {
    return Number(this.ticket.split('.')[4])
  }

  async poll(): Promise<Polled> {
    const answer = await shop.get(`/sales/${this.sale}/tickets/${this.ticket}`, this.who.session)
    expect([answer.status, answer.body['code']]).toEqual([200, undefined])
    const polled = answer.body as unknown as Polled
    this.poll_after_ms = polled.poll_after_ms
    this.pass = polled.pass ?? ''
    return polled
  }

  /** Polls as it is told to, until there is a pass. */
  async untilAdmitted(max_ms = 30_000): Promise<void> {
    const deadline = Date.now() + max_ms
    for (;;) {
      const { status } = await this.poll()
      if (status === 'admitted') return
      expect(status).toBe('waiting')
      if (Date.now() > deadline) throw new Error(`ticket ${this.number} was not admitted within ${max_ms} ms`)
      await sleep(this.poll_after_ms)
    }
  }

  async buy(key = 'key-1', headers: Record<string, string> = { 'x-rush-pass': this.pass }): Promise<Answer> {
    const answer = await shop.buy(this.sale, this.who.session, key, 1, headers)
    if (answer.status === 202) this.reservation = String(answer.body['reservation'])
    return answer
  }

  async untilConfirmed(): Promise<void> {
    await until(async () => (await this.status()) === 'confirmed')
  }

  async status(): Promise<unknown> {
    return (await shop.get(`/reservations/${this.reservation}`, this.who.session)).body['status']
  }

  async giveBack(): Promise<void> {
    await this.untilConfirmed()
    const authorization = `Bearer ${this.who.session}`
    expect((await shop.call('DELETE', `/reservations/${this.reservation}`, { authorization })).status).toBe(200)
  }
}

async function crowd(sale: string, count: number): Promise<Shopper[]> {
  const people = (await shop.sessions(count, sale)).map((who) => new Shopper(who, sale))
  // one after the other, so that their order is known
  for (const person of people) expect((await person.take()).status).toBe(201)
  return people
}

function signed(purpose: string, unsigned: string, key_id_of = shop.stack.secret): string {
  const [, secret = ''] = (key_id_of.split(',')[0] ?? '').split(':')
  const subkey = Buffer.from(hkdfSync('sha256', secret, HKDF_SALT, purpose, HKDF_BYTES))
  return `${unsigned}.${createHmac('sha256', subkey).update(unsigned).digest('base64url')}`
}

const keyId = () => (shop.stack.secret.split(',')[0] ?? '').split(':')[0] ?? ''
const base64url = (text: string) => Buffer.from(text).toString('base64url')

function passFor(who: DemoSession, sale: string, left_ms = 60_000, purpose = 'pass', key_id = keyId()): string {
  const pass_id = randomBytes(16).toString('base64url')
  return signed(purpose, unsignedPass(key_id, sale, base64url(who.user), pass_id, Date.now() + left_ms))
}

function ticketFor(who: DemoSession, sale: string, left_ms = 60_000, purpose = 'ticket', key_id = keyId()): string {
  return signed(purpose, unsignedTicket(key_id, sale, base64url(who.user), 1, Date.now() - 1000, Date.now() + left_ms))
}

beforeAll(async () => {
  shop = await startShop({ workers: 2 })
  redis = new Redis(shop.stack.urls.redis)
  await openRoom('tokens', {})
  await openRoom('tokens-too', {})
  await openRoom('small', { admit_per_s: 20, checkout_max: CHECKOUT_MAX })
  const sessions = await shop.sessions(2, 'token')
  ada = sessions[0] as DemoSession
  eve = sessions[1] as DemoSession
})

afterAll(async () => {
  redis?.disconnect()
  await shop?.close()
})

describe('a small crowd', () => {
  it('is admitted in its order, never beyond the ceiling, and buys', { timeout: 90_000 }, async () => {
    const people = await crowd('small', 12)
    expect(people.map(({ number }) => number)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
    for (const { poll_after_ms } of people) expect(poll_after_ms).toBeLessThanOrEqual(3000)
    const state = await shop.get('/sales/small/state')
    expect(state.body['queue']).toMatchObject({ open: true })
    const admitted: number[] = []
    let in_checkout = 0
    let most = 0
    await Promise.all(
      people.map(async (person) => {
        await person.untilAdmitted()
        admitted.push(person.number)
        in_checkout += 1
        most = Math.max(most, in_checkout)
        const bought = await person.buy()
        expect([bought.status, bought.body['status']]).toEqual([202, 'held'])
        // an unpaid reservation is still in checkout
        await person.untilConfirmed()
        in_checkout -= 1
        await person.giveBack()
      }),
    )
    expect(most).toBeLessThanOrEqual(CHECKOUT_MAX)
    // whoever was passed was passed by those alone for whom there was a place beside
    for (const [i, number] of admitted.entries()) {
      const before = Array.from({ length: number - 1 }, (_, k) => k + 1).filter(
        (n) => !admitted.slice(0, i).includes(n),
      )
      expect(before.length).toBeLessThan(CHECKOUT_MAX)
    }
    // workers pour their counters together once a second
    const series = 'rushgate_plugin_events_total{plugin="waiting-room",event="admitted"}'
    await until(async () => (await shop.metric(series)) === 12)
    // the turn is over
    await until(async () => (await (people[0] as Shopper).poll()).status === 'expired')
  })
})

describe('a ticket', () => {
  it('is for sessions, and for sales with a waiting room', async () => {
    await shop.open('roomless', { total: 5, user_max: 5 })
    expect((await shop.call('POST', '/sales/tokens/tickets', {})).body['code']).toBe('no_session')
    const person = new Shopper(ada, 'roomless')
    expect((await person.take()).body['code']).toBe('not_found')
    // the other worker hears of the sale a moment later
    await until(async () => (await person.buy('no-pass', {})).status === 202)
    expect((await shop.get('/sales/roomless/state')).body['queue']).toEqual({ open: false })
    const get = await shop.get('/sales/tokens/tickets', ada.session)
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
  })

  it('forged, cut off, of another user, sale, purpose or key is none', async () => {
    const person = new Shopper(ada, 'tokens')
    await person.take()
    const good = person.ticket
    const bad: [string, string][] = [
      [good.slice(0, -1), 'is not one of ours'],
      [`${good.slice(0, -1)}${good.endsWith('A') ? 'Q' : 'A'}`, 'is not one of ours'],
      [good.replace(/\.\d+\.(\d+\.\d+\.[^.]+)$/, '.9999.$1'), 'is not one of ours'],
      [good.slice(0, good.lastIndexOf('.')), 'is not one of ours'],
      ['x', 'is not one of ours'],
      [ticketFor(ada, 'tokens', 60_000, 'pass'), 'is not one of ours'],
      [ticketFor(ada, 'tokens', 60_000, 'ticket', 'nokey'), 'is not one of ours'],
      [passFor(ada, 'tokens'), 'is not one of ours'],
      [ticketFor(eve, 'tokens'), 'is somebody else’s'],
      [ticketFor(ada, 'tokens-too'), 'is for another sale'],
    ]
    for (const [ticket, why] of bad) {
      // the limit on asking is five a second
      await sleep(220)
      const answer = await shop.get(`/sales/tokens/tickets/${ticket}`, ada.session)
      expect([answer.status, answer.body['code'], answer.body['detail']]).toEqual([404, 'not_found', `ticket: ${why}`])
    }
    expect((await shop.get(`/sales/tokens/tickets/${good}`)).body['code']).toBe('no_session')
    const expired = await shop.get(`/sales/tokens/tickets/${ticketFor(ada, 'tokens', -5000)}`, ada.session)
    expect([expired.status, expired.body['status']]).toEqual([200, 'expired'])
    expect((await person.poll()).status).toMatch(/waiting|admitted/)
  })
})

describe('a pass', () => {
  it('missing, forged, cut off, expired, of another user, sale, purpose or key buys nothing', async () => {
    const person = new Shopper(ada, 'tokens')
    const good = passFor(ada, 'tokens')
    const bad: [string | undefined, string][] = [
      [undefined, 'is missing: POST /sales/tokens/tickets'],
      [good.slice(0, -1), 'is not one of ours'],
      [`${good.slice(0, -1)}${good.endsWith('A') ? 'Q' : 'A'}`, 'is not one of ours'],
      ['x', 'is not one of ours'],
      [passFor(ada, 'tokens', 60_000, 'ticket'), 'is not one of ours'],
      [passFor(ada, 'tokens', 60_000, 'pass', 'nokey'), 'is not one of ours'],
      [ticketFor(ada, 'tokens'), 'is not one of ours'],
      [passFor(eve, 'tokens'), 'is somebody else’s'],
      [passFor(ada, 'tokens-too'), 'is for another sale'],
      // by Redis' clock, as the gate has last heard it
      [passFor(ada, 'tokens', -5000), 'has expired'],
    ]
    for (const [pass, why] of bad) {
      const answer = await person.buy('bad', pass === undefined ? {} : { 'x-rush-pass': pass })
      const { code, detail } = answer.body
      expect([answer.status, code, detail]).toEqual([403, 'pass_required', `X-Rush-Pass: ${why}`])
    }
    expect((await person.buy('good', { 'x-rush-pass': good })).status).toBe(202)
  })

  it('buys once, and a repeat is answered whatever has become of the pass', async () => {
    const person = new Shopper(ada, 'tokens')
    const pass = passFor(ada, 'tokens', 4000)
    const first = await person.buy('repeated', { 'x-rush-pass': pass })
    expect(first.status).toBe(202)
    const spent = await person.buy('another', { 'x-rush-pass': pass })
    expect([spent.status, spent.body['code']]).toEqual([403, 'pass_required'])
    const same = async (headers: Record<string, string>) => {
      const answer = await person.buy('repeated', headers)
      expect([answer.status, answer.body['reservation']]).toEqual([202, first.body['reservation']])
    }
    await same({ 'x-rush-pass': pass })
    await same({ 'x-rush-pass': pass, 'x-rush-retry': '1' })
    await same({ 'x-rush-pass': passFor(ada, 'tokens') })
    await same({ 'x-rush-retry': '1' })
    await until(
      async () => (await person.buy('fresh', { 'x-rush-pass': pass })).body['detail'] === 'X-Rush-Pass: has expired',
    )
    await same({ 'x-rush-pass': pass })
    await same({ 'x-rush-pass': pass, 'x-rush-retry': '1' })
    // nothing is to be had by calling it a retry
    for (const headers of [{}, { 'x-rush-pass': pass }] as Record<string, string>[]) {
      const answer = await person.buy('never-made', { ...headers, 'x-rush-retry': '1' })
      expect([answer.status, answer.body['code']]).toEqual([403, 'pass_required'])
    }
  })
})

describe('the truth', () => {
  it('is told when all is gone; while something may come back, and in a pause, places are kept', {
    timeout: 60_000,
  }, async () => {
    await openRoom('scarce', {}, 1)
    const people = await crowd('scarce', 2)
    const [first, second] = people as [Shopper, Shopper]
    await first.untilAdmitted()
    expect((await first.buy()).status).toBe(202)
    await until(async () => (await shop.get('/sales/scarce/state')).body['phase'] === 'all_held')
    await sleep(300)
    expect(await second.poll()).toMatchObject({
      status: 'waiting',
      place: 1,
      eta_s: null,
      chance: 'waiting_for_returns',
    })
    await shop.stack.admin('POST', '/admin/sales/scarce/pause')
    await until(async () => (await shop.get('/sales/scarce/state')).body['phase'] === 'paused')
    expect(await second.poll()).toMatchObject({ status: 'waiting', place: 1 })
    await shop.stack.admin('POST', '/admin/sales/scarce/resume')
    await first.giveBack()
    await second.untilAdmitted()
    expect((await second.buy()).status).toBe(202)
    await second.untilConfirmed()
    // paid for: nothing can come back
    const { pay } = (await shop.get(`/reservations/${second.reservation}`, second.who.session)).body
    expect(pay).toBeDefined()
    await payFor(second)
    await until(async () => (await second.status()) === 'paid')
    await until(async () => (await first.poll()).status === 'sold_out')
    const late = new Shopper(eve, 'scarce')
    // each worker hears of it in its own moment
    await until(async () => (await late.take()).body['code'] === 'sold_out')
  })
})

async function payFor(person: Shopper): Promise<void> {
  const authorization = `Bearer ${person.who.session}`
  const started = await shop.call('POST', `/reservations/${person.reservation}/payment`, { authorization })
  expect(started.status).toBe(200)
  const url = new URL(String(started.body['redirect']), shop.stack.urls.gate)
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  await shop.call('POST', url.pathname, form, 'outcome=success')
}

describe('Redis emptied while people wait', () => {
  it('gives no number twice, keeps the places, and admits nobody beyond the budget', { timeout: 90_000 }, async () => {
    await openRoom('emptied', { checkout_max: 2 })
    const people = await crowd('emptied', 5)
    const [buyer, holder, third, fourth] = people as [Shopper, Shopper, Shopper, Shopper]
    await buyer.untilAdmitted()
    await holder.untilAdmitted()
    expect((await buyer.buy()).status).toBe(202)
    await buyer.untilConfirmed()
    expect((await third.poll()).status).toBe('waiting')
    const epoch = Number(await redis.hget(metaKey('emptied', 0), 'epoch'))
    await redis.flushall()
    await until(async () => Number(await redis.hget(metaKey('emptied', 0), 'epoch')) > epoch)
    await until(async () => (await shop.get('/sales/emptied/state')).body['phase'] === 'open')
    // its owner is the first to get another pass, and beside the buyer there is one place
    const old_pass = holder.pass
    let others = 0
    const watching = Promise.all(
      [third, fourth].map(async (person) => {
        for (let i = 0; i < 6; i++) {
          if ((await person.poll()).status === 'admitted') others += 1
          await sleep(500)
        }
      }),
    )
    // a second later than they: the room waits for all who are there
    await sleep(1000)
    await holder.untilAdmitted()
    await watching
    expect(others).toBe(0)
    expect(holder.pass).not.toBe(old_pass)
    // the pass of before is over
    await until(async () => (await holder.buy('old', { 'x-rush-pass': old_pass })).body['code'] === 'pass_required')
    expect((await holder.buy('new')).status).toBe(202)
    const late = new Shopper(eve, 'emptied')
    expect((await late.take()).status).toBe(201)
    for (const { number } of people) expect(late.number).toBeGreaterThan(number)
    expect(late.number).toBeGreaterThanOrEqual(100_001)
    // two leave: two come up, in their order
    await buyer.giveBack()
    await holder.giveBack()
    await Promise.all([third.untilAdmitted(), fourth.untilAdmitted()])
    expect((await buyer.poll()).status).toBe('expired')
    expect((await third.buy()).status).toBe(202)
    // the numbers that nobody can have are stepped over
    await third.giveBack()
    await late.untilAdmitted()
  })
})

describe('several sales at once', () => {
  it('have rooms of their own', { timeout: 60_000 }, async () => {
    const sales = ['one', 'two', 'three']
    await Promise.all(sales.map((sale) => openRoom(sale, { checkout_max: 1 })))
    const crowds = await Promise.all(sales.map((sale) => crowd(sale, 3)))
    for (const people of crowds) expect(people.map(({ number }) => number)).toEqual([1, 2, 3])
    await Promise.all(crowds.map((people) => (people[0] as Shopper).untilAdmitted()))
    const firsts = crowds.map((people) => people[0] as Shopper)
    const [one, two] = firsts as [Shopper, Shopper]
    expect((await one.buy('cross', { 'x-rush-pass': two.pass })).body['code']).toBe('pass_required')
    for (const first of firsts) expect((await first.buy()).status).toBe(202)
    for (const people of crowds) expect((await (people[1] as Shopper).poll()).status).toBe('waiting')
  })
})
