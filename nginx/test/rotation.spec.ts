// Secrets are rotated while people sign in, buy with signed requests, poll and look at their carts, and while others hold tickets, passes
// and proofs that they use in a later state of the rotation than they got them in, through the outer tier and two gates: in the order of
// docs/OPERATING.md nobody is refused, and afterwards the old secret opens nothing.
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Challenge } from '../../contract/challenge'
import { encodeProof, solve } from '../../edge/test/proving'
import { type DemoSession, type Shop, sleep, until } from '../../edge/test/shop'
import { signatureOf } from '../../edge/test/signing'
import { type Front, startFront } from './front'

const OLD = `old:${randomBytes(24).toString('base64url')}`
const NEW = `new:${randomBytes(24).toString('base64url')}`
const SHOPPERS = 12
/** of them, who buy where a ticket, a pass, a proof and a signature are asked for */
const GUARDED = 4
/** how long the load goes on in each state of the rotation */
const STEP_MS = 1200

interface Shopper extends DemoSession {
  signing_key: string
}

let dir: string
let file: string
let all: Front
let shop: Shop
let front: Shop

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-rotation-'))
  file = join(dir, 'secrets')
  put(OLD)
  // the file counts, whatever stands in the variable
  const env = { RUSHGATE_SECRET: 'wrong:0123456789abcdef', RUSHGATE_SECRET_FILE: file }
  all = await startFront({ env, config: configWithEasyProofs(), outer: { secret: '', secret_file: file } })
  shop = all.shop
  front = all.front
  const limits = { gate: { signature: true }, hold_attempts_max: 900 }
  await all.open('rotation', { total: 20_000, user_max: 900 }, limits)
  const gate = { signature: true, proof: true, waiting_room: { admit_per_s: 1000, checkout_max: 10_000 } }
  await all.open('guarded', { total: 20_000, user_max: 900 }, { ...limits, gate })
})

afterAll(async () => {
  await all?.close()
  rmSync(dir, { recursive: true, force: true })
})

/** All of them are computed in this one process. */
function configWithEasyProofs(): string {
  const settings = JSON.parse(readFileSync(join(import.meta.dirname, '../../rushgate.json'), 'utf8')) as {
    plugins: Record<string, unknown>
  }
  settings.plugins.challenge = { number_base: 2000, number_max: 2000 }
  const config = join(dir, 'rushgate.json')
  writeFileSync(config, JSON.stringify(settings))
  return config
}

/** Whole or not at all, as the outer tier needs it. */
function put(secrets: string): void {
  writeFileSync(`${file}.new`, `${secrets}\n`, { mode: 0o640 })
  renameSync(`${file}.new`, file)
}

const log = () => readFileSync(join(shop.stack.dir, 'backend.log'), 'utf8')
const readAgain = () => log().split('secrets read again').length

async function rotate(secrets: string, order: 'backend first' | 'gates first'): Promise<void> {
  put(secrets)
  const backend = async () => {
    const before = readAgain()
    shop.stack.backend.kill('SIGHUP')
    await until(async () => readAgain() > before)
  }
  const gates = async () => {
    await shop.stack.gate.reload()
    await all.second.gate.reload()
  }
  for (const part of order === 'backend first' ? [backend, gates] : [gates, backend]) await part()
}

async function signIn(users: string[]): Promise<Shopper[]> {
  const shoppers: Shopper[] = []
  for (const user of users) {
    const body = JSON.stringify({ user, secret: 'demo' })
    // with a key, so that the outer tier may ask again where a reloaded gate closes the connection under a login
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomBytes(9).toString('base64url') }
    const answer = await front.call('POST', '/sessions', headers, body)
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([201, expect.stringContaining('signing_key')])
    shoppers.push({ user, ...(answer.body as { session: string; signing_key: string }) })
    await sleep(120)
  }
  return shoppers
}

/** What everybody does until stopped; what was answered, other than with success. */
class Load {
  answers = 0
  /** raised when secrets change */
  state = 0
  /** purchases in the full gate, and of their tickets, passes and proofs those that were made in an earlier state */
  guarded = 0
  crossed = { ticket: 0, pass: 0, proof: 0 }
  readonly wrong: string[] = []
  private stopped = false
  private readonly running: Promise<void>[]
  private readonly newcomers: Promise<void>

  constructor(shoppers: Shopper[]) {
    this.running = shoppers.map((shopper, i) => (i < GUARDED ? this.wait(i) : this.shop(shopper)))
    this.newcomers = this.arrive()
  }

  async stop(): Promise<void> {
    this.stopped = true
    await Promise.all([...this.running, this.newcomers])
  }

  private async shop(shopper: Shopper, rounds = Number.POSITIVE_INFINITY): Promise<void> {
    const authorization = `Bearer ${shopper.session}`
    for (let i = 0; !this.stopped && i < rounds; i++) {
      const path = '/sales/rotation/reservations'
      const bought = await this.buy(shopper, path, randomBytes(9).toString('base64url'), { authorization })
      await this.expect(200, 'GET', `/reservations/${bought}`, { authorization })
      if (i % 3 === 0) await this.expect(200, 'GET', path, { authorization })
      await sleep(60)
    }
  }

  /** Takes a ticket, gets a pass and a proof for it, and keeps each for a while, some longer than a state lasts. */
  private async wait(index: number): Promise<void> {
    const key = () => randomBytes(9).toString('base64url')
    for (let i = index; !this.stopped; i++) {
      // a pass is good for one purchase, and as long as it is there nobody gets another
      const [shopper] = (await signIn([`guarded-${index}-${i}-${Date.now()}`])) as [Shopper]
      const authorization = `Bearer ${shopper.session}`
      const hold = (part: number) => sleep(STEP_MS * 1.5 * ((part + i) % 3))
      const made = { ticket: this.state, pass: 0, proof: 0 }
      const headers = { authorization, 'idempotency-key': key() }
      let { ticket } = await this.expect(201, 'POST', '/sales/guarded/tickets', headers)
      await hold(0)
      let pass: unknown
      while (pass === undefined) {
        if (this.state > made.ticket) this.crossed.ticket++
        made.pass = this.state
        const polled = await this.expect(200, 'GET', `/sales/guarded/tickets/${ticket}`, { authorization })
        pass = polled.pass
        ticket = polled.ticket ?? ticket
        if (polled.status !== 'waiting' && pass === undefined) throw new Error(JSON.stringify(polled))
        if (pass === undefined) await sleep(Math.min(1000, Number(polled.poll_after_ms)))
      }
      made.proof = this.state
      const challenge = await this.expect(200, 'GET', '/sales/guarded/challenge', { authorization })
      const proof = encodeProof(solve(challenge as unknown as Challenge))
      await hold(1)
      if (this.state > made.pass) this.crossed.pass++
      if (this.state > made.proof) this.crossed.proof++
      const more = { authorization, 'x-rush-pass': String(pass), 'x-rush-proof': proof }
      await this.buy(shopper, '/sales/guarded/reservations', key(), more)
      this.guarded++
    }
  }

  private async buy(shopper: Shopper, path: string, key: string, more: Record<string, string>): Promise<unknown> {
    const body = '{"sku":"shoe","quantity":1}'
    const signature = signatureOf(shopper.signing_key, { method: 'POST', path, time_ms: Date.now(), key, body })
    const headers = { 'content-type': 'application/json', 'idempotency-key': key, 'x-rush-signature': signature }
    return (await this.expect(202, 'POST', path, { ...headers, ...more }, body)).reservation
  }

  private async arrive(): Promise<void> {
    for (let i = 0; !this.stopped; i++) {
      const [newcomer] = await signIn([`newcomer-${i}-${Date.now()}`])
      await this.shop(newcomer as Shopper, 2)
    }
  }

  private async expect(status: number, ...call: Parameters<Shop['call']>): Promise<Record<string, unknown>> {
    // a connection that was kept and is closed as it is used costs a browser a second try too; nothing here is done twice by it
    const answer = await front.call(...call).catch((error: Error & { cause?: { code?: string } }) => {
      if (error.cause?.code !== 'UND_ERR_SOCKET') throw error
      return front.call(...call)
    })
    this.answers++
    if (answer.status !== status)
      this.wrong.push(`${call[0]} ${call[1]}: ${answer.status} ${answer.body.code} ${answer.body.detail}`)
    return answer.body
  }
}

test('secrets rotated under load: nobody is refused', { timeout: 180_000 }, async () => {
  const users = Array.from({ length: SHOPPERS }, (_, i) => `shopper-${i}`)
  const early = await signIn(users)
  let load = new Load(early)
  await sleep(STEP_MS)
  load.state++
  await rotate(`${OLD},${NEW}`, 'gates first')
  await sleep(STEP_MS)
  load.state++
  await rotate(`${NEW}\n${OLD}`, 'backend first')
  load.state++
  await sleep(STEP_MS)
  // whatever the machine's speed: each kind was used in a later state than it was made in
  await until(async () => Object.values(load.crossed).every((count) => count > 0), 60_000)
  // twelve hours later: whoever signed in with the old one has signed in again
  await load.stop()
  expect([load.wrong, load.answers > SHOPPERS * 10, load.guarded > 0]).toEqual([[], true, true])
  const late = await signIn(users)
  for (const { session } of late) expect(session).toMatch(/^s1\.new\./)
  load = new Load(late)
  await rotate(NEW, 'gates first')
  await sleep(STEP_MS)
  await until(async () => load.answers > SHOPPERS * 5)
  await load.stop()
  expect(load.wrong).toEqual([])

  const { session } = early[0] as Shopper
  const at_gate = await shop.buy('rotation', session, 'old')
  expect([at_gate.status, at_gate.body.code]).toEqual([401, 'no_session'])
  expect((await front.get('/sales/rotation/state', session)).status).toBe(401)
  const headers = { authorization: `Bearer ${session}` }
  expect((await fetch(`${shop.stack.urls.backend}/sales/rotation/reservations`, { headers })).status).toBe(401)
})

test('a file that is wrong, or open to everybody, changes nothing and is named', async () => {
  const [{ session }] = (await shop.sessions(1, 'steady')) as [DemoSession]
  const wrongs: [string, () => void][] = [
    ['at least 16 characters', () => put(`${NEW},short:x`)],
    ['is there twice', () => put(`${NEW},${NEW}`)],
    ['open to every user', () => chmodSync(file, 0o644)],
    ['No such file', () => rmSync(file)],
  ]
  for (const [i, [words, spoil]] of wrongs.entries()) {
    put(NEW)
    spoil()
    const workers = shop.stack.gate.workers()
    shop.stack.gate.kill('SIGHUP')
    shop.stack.backend.kill('SIGHUP')
    await until(async () => new RegExp(`RUSHGATE_SECRET_FILE: [^\n]*${words}`).test(shop.stack.gate.errorLog()))
    expect(shop.stack.gate.workers()).toEqual(workers)
    expect((await shop.get('/sales/rotation/reservations', session)).status).toBe(200)
    // before the next signal: of two that wait a process hears one
    await until(async () => log().split('secrets not read again').length > i + 1)
  }
  put(NEW)
})

test('no secret is in any log', () => {
  const logs = [log(), shop.stack.gate.errorLog(), all.second.gate.errorLog(), all.outer.errorLog()].join('\n')
  for (const secret of [OLD, NEW]) expect(logs).not.toContain(secret.substring(4))
})
