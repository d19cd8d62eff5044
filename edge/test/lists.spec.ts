// Allow and deny lists with a real backend and two real gates: who is refused, how soon, and for how long.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FollowedLists, LIST_ENTRIES_MAX, type ListChange, type ListUse } from '../../contract/followed-lists'
import { type AnotherGate, startAnotherGate } from '../../scripts/stack'
import { type DemoSession, type Shop, sleep, startShop, until } from './shop'

const DENIED = '127.0.7.1'
const LAG_MS_MAX = 1000
const CHANGES = 9

interface Answer {
  status: number
  body: Record<string, unknown>
}

/** Asks a gate from one of loopback's addresses. */
function ask(
  gate: string,
  path: string,
  local = '127.0.0.1',
  { session, method = 'GET', headers = {}, body }: AskOptions = {},
): Promise<Answer> {
  const all = { ...headers, ...(session === undefined ? {} : { authorization: `Bearer ${session}` }) }
  return new Promise((resolve, reject) => {
    const asked = request(gate + path, { localAddress: local, method, headers: all, agent: false }, (answer) => {
      let text = ''
      answer.on('data', (part) => (text += part))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text === '' ? {} : JSON.parse(text) }))
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

interface AskOptions {
  session?: string
  method?: string
  headers?: Record<string, string>
  body?: string
}

function buy(gate: string, { session }: DemoSession, key: string): Promise<Answer> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key }
  const body = JSON.stringify({ sku: 'shoe', quantity: 1 })
  return ask(gate, '/sales/lists/reservations', undefined, { session, method: 'POST', headers, body })
}

/** 0 when it is not there. */
async function metric(url: string, series: string): Promise<number> {
  const lines = (await (await fetch(url)).text()).split('\n')
  return Number(lines.find((line) => line.startsWith(`${series} `))?.slice(series.length + 1) ?? 0)
}

/** A gate whose lists are in a dry run. */
async function dryRun(shop: Shop, dir: string, [eve, ann]: [DemoSession, DemoSession]): Promise<void> {
  const config = join(dir, 'dry.json')
  const dry = { dry_run: true }
  writeFileSync(config, JSON.stringify({ version: 1, plugins: { 'address-list': dry, 'user-list': dry } }))
  const { gate, urls } = await startAnotherGate(shop.stack, 'gate-dry', { config })
  try {
    await until(async () => (await ask(urls.gate, '/sales/lists/state')).body['phase'] === 'open')
    await shop.stack.admin('PUT', `/admin/deny/address/${DENIED}`)
    await shop.stack.admin('PUT', `/admin/deny/user/${eve.user}`)
    const refused = 'rushgate_refusals_total{plugin="address-list",code="refused"}'
    const seriesOf = (plugin: string) => `rushgate_would_refuse_total{plugin="${plugin}",code="refused"}`
    const byAddress = () => metric(urls.metrics, seriesOf('address-list'))
    const byUser = () => metric(urls.metrics, seriesOf('user-list'))
    // until the lists are known, one entry after the other
    await until(async () => (await ask(urls.gate, '/sales', DENIED)).status === 200 && (await byAddress()) > 0)
    await until(async () => (await buy(urls.gate, eve, 'probe')).status === 202 && (await byUser()) > 0)
    const before = await byAddress()
    const users_before = await byUser()
    for (let i = 0; i < 7; i++) {
      expect((await ask(urls.gate, '/sales', DENIED)).status).toBe(200)
      expect((await ask(urls.gate, '/sales')).status).toBe(200)
    }
    for (let i = 0; i < 2; i++) expect((await buy(urls.gate, eve, `e${i}`)).status).toBe(202)
    for (let i = 0; i < 3; i++) expect((await buy(urls.gate, ann, `a${i}`)).status).toBe(202)
    await until(async () => (await byAddress()) === before + 7)
    expect(await byUser()).toBe(users_before + 2)
    expect(await metric(urls.metrics, refused)).toBe(0)
  } finally {
    await gate.stop()
    await shop.stack.admin('DELETE', `/admin/deny/address/${DENIED}`)
    await shop.stack.admin('DELETE', `/admin/deny/user/${eve.user}`)
  }
}

/** A gate that is told of as many entries as there may be, with the longest names, by a backend of the test's own. */
async function fillUp(shop: Shop): Promise<void> {
  const none: ListUse = { address: 0, cidr: 0, user: 0, fingerprint: 0, v4_bits: [], v6_bits: [] }
  const change = (kind: 'user' | 'address', value: string): ListChange => ({
    list: 'deny',
    kind,
    value,
    until_ms: 0,
    removed: false,
  })
  const listsOf = (version: number, changes: ListChange[]): FollowedLists => ({
    version,
    complete: true,
    changes,
    in_use: { deny: { ...none, address: 1, user: changes.length - 1 }, allow: none },
  })
  const long = (n: number) => change('user', `${n}`.padEnd(256, 'x'))
  const full = [change('address', DENIED), ...Array.from({ length: LIST_ENTRIES_MAX - 1 }, (_, n) => long(n))]
  let told = listsOf(1, full)
  // stands between the gate and the backend, with lists of its own
  const between = createServer(async (asked, answer) => {
    const url = new URL(asked.url ?? '/', 'http://between')
    if (url.pathname === '/internal/lists') {
      const before = told
      const is_news = Number(url.searchParams.get('after')) < before.version
      if (!is_news) await new Promise((done) => setTimeout(done, 200))
      answer.end(JSON.stringify(is_news ? before : { ...before, complete: false, changes: [] }))
      return
    }
    const { authorization = '' } = asked.headers
    // polls of a gate that is stopped wait on, for a backend that is stopped later
    const passed = await fetch(shop.stack.urls.backend + asked.url, { headers: { authorization } }).catch(
      () => undefined,
    )
    if (passed === undefined) asked.socket.destroy()
    else answer.end(await passed.text().catch(() => ''))
  })
  await new Promise<void>((done) => between.listen(0, '127.0.0.1', done))
  const backend = `127.0.0.1:${(between.address() as AddressInfo).port}`
  const gate = await startAnotherGate(shop.stack, 'gate-full', { env: { RUSHGATE_BACKEND: backend } })
  try {
    const at = async () => (await ask(gate.urls.gate, '/sales/none/state', DENIED)).status
    await until(async () => (await at()) === 403)
    // every one of them anew, and the first gone
    told = listsOf(2, [change('user', 'eve'), ...full.slice(1).map((_, n) => long(n + LIST_ENTRIES_MAX))])
    await until(async () => (await at()) === 404)
    told = listsOf(3, full)
    await until(async () => (await at()) === 403)
    expect(gate.gate.errorLog()).not.toContain('no room')
    expect(await metric(gate.urls.metrics, 'rushgate_lists_lost_total')).toBe(0)
  } finally {
    await gate.gate.stop()
    between.closeAllConnections()
    between.close()
  }
}

describe('lists, followed by two gates', () => {
  let shop: Shop
  let other: AnotherGate
  let dir: string
  let gates: string[]
  let people: DemoSession[]
  const person = () => people.pop() as DemoSession

  const put = (path: string, body: object = {}) => shop.stack.admin('PUT', `/admin/${path}`, body)
  const remove = (path: string) => shop.stack.admin('DELETE', `/admin/${path}`)
  const statusAt = async (gate: string, local: string) => (await ask(gate, '/sales', local)).status
  /** Each worker looks every 100 ms at what its gate has heard, and on many connections at once all of them answer. */
  const everywhere = (local: string, status: number) =>
    until(async () => {
      await sleep(150)
      // of a sale's state, which no gate here limits
      const stateAt = async (gate: string) => (await ask(gate, '/sales/lists/state', local)).status
      const asked = gates.flatMap((gate) => Array.from({ length: 12 }, () => stateAt(gate)))
      return (await Promise.all(asked)).every((one) => one === status)
    })

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'rushgate-lists-'))
    const limit = { name: 'address', by: 'address', rate: 5, per_s: 3600, burst: 5, routes: ['sales'] }
    const config = join(dir, 'strict.json')
    const plugins = { 'rate-limit': { limits: [limit] } }
    writeFileSync(config, JSON.stringify({ version: 1, plugins }))
    shop = await startShop({ workers: 2 })
    other = await startAnotherGate(shop.stack, 'gate-2', { config, workers: 2 })
    gates = [shop.stack.urls.gate, other.urls.gate]
    await shop.open('lists', { total: 100, user_max: 3 })
    people = await shop.sessions(20, 'person-')
  })
  afterAll(async () => {
    await other?.gate.stop()
    await shop?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  it('refuse an address at both, with a receipt that says why to the operator alone', async () => {
    expect(await statusAt(shop.stack.urls.gate, DENIED)).toBe(200)
    await put(`deny/address/${DENIED}`, { reason: 'scraper' })
    await everywhere(DENIED, 403)
    const refused = await ask(shop.stack.urls.gate, '/sales/lists/state', DENIED)
    expect(refused).toMatchObject({ status: 403, body: { code: 'refused' } })
    expect(JSON.stringify(refused.body)).not.toMatch(/list|address|127|scraper/)
    const receipt = await shop.stack.admin('GET', `/admin/receipts/${refused.body['receipt']}`)
    expect(receipt).toMatchObject({
      rule: { plugin: 'address-list', code: 'refused', limit: 'address' },
      inputs: { address: DENIED, route: 'state' },
    })
    expect(await statusAt(shop.stack.urls.gate, '127.0.0.1')).toBe(200)
    await remove(`deny/address/${DENIED}`)
    await everywhere(DENIED, 200)
  })

  it('refuse networks, but for those in them who are allowed', async () => {
    await put('deny/cidr/127.0.7.0%2F24')
    await everywhere('127.0.7.200', 403)
    expect(await statusAt(shop.stack.urls.gate, '127.0.8.1')).toBe(200)
    await put('allow/address/127.0.7.3')
    await everywhere('127.0.7.3', 200)
    expect(await statusAt(shop.stack.urls.gate, '127.0.7.4')).toBe(403)
    const refused = await ask(shop.stack.urls.gate, '/sales', '127.0.7.4')
    const receipt = await shop.stack.admin('GET', `/admin/receipts/${refused.body['receipt']}`)
    expect(receipt).toMatchObject({ rule: { limit: 'cidr 127.0.7.0/24' } })
    await remove('deny/cidr/127.0.7.0/24')
    await remove('allow/address/127.0.7.3')
    await everywhere('127.0.7.200', 200)
  })

  it('exempt who is allowed from limits by rate', async () => {
    const strict = other.urls.gate
    const passed = async (local: string) => {
      let count = 0
      for (let i = 0; i < 12; i++) if ((await statusAt(strict, local)) === 200) count += 1
      return count
    }
    expect(await passed('127.0.9.1')).toBe(5)
    await put('allow/cidr/127.0.9.0%2F24')
    // each worker hears of it in its own moment
    await until(async () => (await passed('127.0.9.1')) === 12)
    await remove('allow/cidr/127.0.9.0%2F24')
    await until(async () => (await statusAt(strict, '127.0.9.1')) === 429)
  })

  it('refuse a user what buys, and leave what is held to be seen and given back', async () => {
    const [gate] = gates as [string]
    const eve = person()
    const held = await buy(gate, eve, 'before')
    expect(held.status).toBe(202)
    const path = `/reservations/${held.body['reservation']}`
    await until(async () => (await ask(gate, path, undefined, eve)).body['status'] === 'confirmed')
    await put(`deny/user/${eve.user}`, { reason: 'scalper' })
    await until(async () => {
      await sleep(150)
      const answers = await Promise.all(Array.from({ length: 12 }, () => buy(gate, eve, 'after')))
      return answers.every(({ status }) => status === 403)
    })
    expect((await buy(gate, person(), 'another')).status).toBe(202)
    const pay = await ask(gate, `${path}/payment`, undefined, { ...eve, method: 'POST' })
    expect(pay).toMatchObject({ status: 403, body: { code: 'refused' } })
    const receipt = await shop.stack.admin('GET', `/admin/receipts/${pay.body['receipt']}`)
    expect(receipt).toMatchObject({ rule: { plugin: 'user-list', limit: 'user' }, inputs: { user: eve.user } })
    expect((await ask(gate, path, undefined, eve)).body['status']).toBe('confirmed')
    expect((await ask(gate, path, undefined, { ...eve, method: 'DELETE' })).status).toBe(200)
    await remove(`deny/user/${eve.user}`)
    await until(async () => (await buy(gate, eve, 'later')).status === 202)
  })

  it('reach both gates within a second', async () => {
    const lags: number[] = []
    for (let change = 0; change < CHANGES; change++) {
      const is_put = change % 2 === 0
      await (is_put ? put(`deny/address/${DENIED}`) : remove(`deny/address/${DENIED}`))
      const since = Date.now()
      // each asks on connections of its own, so now one worker answers and now the other
      await Promise.all(gates.map((gate) => until(async () => ((await statusAt(gate, DENIED)) !== 403) === !is_put)))
      lags.push(Date.now() - since)
    }
    await remove(`deny/address/${DENIED}`)
    lags.sort((a, b) => a - b)
    expect(lags[Math.floor(CHANGES / 2)], `${lags}`).toBeLessThan(LAG_MS_MAX)
  })

  it('in a dry run refuse nobody, and count exactly whom they would have refused', () =>
    dryRun(shop, dir, [person(), person()]))

  it('find room at a gate with the longest names, and give it back', () => fillUp(shop))

  it('are kept without a backend, over reloads, and to their end', async () => {
    const lasting = '127.0.7.5'
    const ending = '127.0.7.6'
    await put(`deny/address/${lasting}`)
    const end_ms = Date.now() + 6000
    await put(`deny/address/${ending}`, { until: new Date(end_ms).toISOString() })
    // a state needs no backend
    const at = async (gate: string, local: string) => (await ask(gate, '/sales/lists/state', local)).status
    const both = async (local: string) => Promise.all(gates.map((gate) => at(gate, local)))
    await until(async () => (await both(lasting)).join() === '403,403')
    await until(async () => (await both(ending)).join() === '403,403')
    await shop.stack.backend.stop()
    await Promise.all([shop.stack.gate.reload(), other.gate.reload()])
    for (let i = 0; i < 5; i++) expect(await both(lasting)).toEqual([403, 403])
    await until(async () => (await both(ending)).join() === '200,200')
    expect(Date.now()).toBeGreaterThanOrEqual(end_ms - 50)
    expect(await both(lasting)).toEqual([403, 403])
    await shop.stack.backend.start()
    await remove(`deny/address/${lasting}`)
    await until(async () => (await both(lasting)).join() === '200,200')
  })
})
