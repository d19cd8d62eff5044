// Crawlers told from those who use their names, by a real gate, backend and DNS server: reading is never held up by the DNS, what it
// says counts from then on, and nobody is false because it was silent.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DnsServer, startDnsServer } from './dns-server'
import { askFrom } from './own-plugin'
import { type Shop, startShop, until } from './shop'

const GOOGLE = { 'user-agent': 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)' }
const BING = { 'user-agent': 'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)' }
const OTHER = { 'user-agent': 'Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)' }
const KEEP_S = 6

let dir: string
let dns: DnsServer
let shop: Shop
const rangesFile = () => join(dir, 'bing.json')

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-crawlers-'))
  dns = await startDnsServer()
  dns.table.set('PTR 1.66.0.127.in-addr.arpa', ['crawl-1.googlebot.test'])
  dns.table.set('A crawl-1.googlebot.test', ['127.0.66.9', '127.0.66.1'])
  // a name of theirs that does not lead back
  dns.table.set('PTR 2.66.0.127.in-addr.arpa', ['crawl-1.googlebot.test'])
  dns.table.set('PTR 3.66.0.127.in-addr.arpa', ['crawl-1.notgooglebot.test', 'googlebot.test.example.org'])
  dns.table.set('PTR 5.66.0.127.in-addr.arpa', 'silence')
  dns.table.set('PTR 6.66.0.127.in-addr.arpa', 'failure')
  dns.table.set('PTR 7.66.0.127.in-addr.arpa', ['gone.googlebot.test'])
  dns.table.set('A gone.googlebot.test', 'failure')
  writeFileSync(rangesFile(), JSON.stringify({ prefixes: [{ ipv4Prefix: '127.0.77.0/24' }] }))
  const crawlers = [
    { agent: 'Googlebot', domains: ['googlebot.test', 'google.test'], ranges: ['127.0.88.0/24'] },
    { agent: 'bingbot', ranges_file: rangesFile() },
  ]
  const thresholds = [{ routes: ['state'], refuse_from: 100 }]
  const config = join(dir, 'rushgate.json')
  const plugins = { 'bot-score': { crawlers, thresholds, crawlers_keep_s: KEEP_S } }
  const routes = { state: { plugins: ['bot-score', 'sale-state'] } }
  writeFileSync(config, JSON.stringify({ version: 1, plugins, routes }))
  shop = await startShop({ config, env: { RUSHGATE_DNS: dns.address }, workers: 2 })
  await shop.open('crawled', { total: 5, user_max: 1 })
})

afterAll(async () => {
  await shop?.close()
  dns?.close()
  rmSync(dir, { recursive: true, force: true })
})

const read = (address: string, headers: Record<string, string>) =>
  askFrom(shop, address, headers, '/sales/crawled/state')
const statusOf = async (address: string, headers: Record<string, string>) => (await read(address, headers)).status
const lookups = (standing: string) => shop.metric(`rushgate_crawler_lookups_total{standing="${standing}"}`)

describe('a crawler that the DNS has to tell', () => {
  it('reads at once and for ever when its name leads back to it', async () => {
    expect(await statusOf('127.0.66.1', GOOGLE)).toBe(200)
    await until(async () => (await lookups('verified')) === 1)
    for (let i = 0; i < 20; i++) expect(await statusOf('127.0.66.1', GOOGLE)).toBe(200)
    expect(dns.asked).toEqual(['PTR 1.66.0.127.in-addr.arpa', 'A crawl-1.googlebot.test'])
  })

  it.each([
    ['127.0.66.2', 'whose name does not lead back'],
    ['127.0.66.3', 'whose names are in no domain of theirs'],
    ['127.0.66.4', 'who has no name'],
  ])('%s, %s, is refused from then on', async (address) => {
    expect(await statusOf(address, GOOGLE)).toBe(200)
    await until(async () => (await statusOf(address, GOOGLE)) === 403)
    const refused = await read(address, GOOGLE)
    expect(JSON.parse(refused.text)).toMatchObject({ code: 'refused' })
    // somebody else there who does not use the name
    expect(await statusOf(address, { 'user-agent': 'curl/8.5.0' })).toBe(200)
  })

  it.each([
    ['127.0.66.5', 'silent'],
    ['127.0.66.6', 'out of order'],
    ['127.0.66.7', 'out of order for the way back'],
  ])('%s is unverified while the DNS is %s, and waits for nothing', async (address) => {
    const before = await lookups('unverified')
    const began = performance.now()
    expect(await statusOf(address, GOOGLE)).toBe(200)
    // the first try alone is longer
    expect(performance.now() - began).toBeLessThan(1400)
    await until(async () => (await lookups('unverified')) > before, 30_000)
    expect(await statusOf(address, GOOGLE)).toBe(200)
  })

  it('is looked up once for as long as the word is kept, by all workers, and then again', async () => {
    const asked = () => dns.asked.filter((each) => each.startsWith('PTR 1.')).length
    const before = asked()
    await until(async () => {
      await read('127.0.66.1', GOOGLE)
      return asked() === before + 1
    })
    const began = Date.now()
    while (Date.now() - began < (KEEP_S * 1000) / 2) await read('127.0.66.1', GOOGLE)
    expect(asked()).toBe(before + 1)
  })
})

describe('a crawler with published ranges', () => {
  it('is known by them, without the DNS', async () => {
    const before = dns.asked.length
    for (const [address, headers] of [
      ['127.0.77.3', BING],
      ['127.0.88.200', GOOGLE],
    ] as const) {
      expect(await statusOf(address, headers)).toBe(200)
    }
    expect(await statusOf('127.0.78.3', BING)).toBe(403)
    expect(dns.asked.length).toBe(before)
  })

  it('is followed as its file changes, and a file that is wrong changes nothing', async () => {
    writeFileSync(rangesFile(), JSON.stringify({ prefixes: [{ ipv4Prefix: '0.0.0.0/0' }] }))
    await until(async () =>
      shop.stack.gate.errorLog().includes('prefixes[0]: is more than a /8; the last good ranges stay'),
    )
    expect(await statusOf('127.0.78.3', BING)).toBe(403)
    writeFileSync(rangesFile(), JSON.stringify({ prefixes: [{ ipv4Prefix: '127.0.78.0/24' }] }))
    // each worker reads it
    await until(
      async () => (await statusOf('127.0.78.3', BING)) === 200 && (await statusOf('127.0.77.3', BING)) === 403,
    )
  })
})

it('a crawler that no setting names reads, and none of them buys', async () => {
  expect(await statusOf('127.0.66.2', OTHER)).toBe(200)
  const [{ session } = { session: '' }] = await shop.sessions(1, 'crawler-')
  const bought = await shop.buy('crawled', session, 'k', 1, GOOGLE)
  expect([bought.status, bought.body.code]).toEqual([403, 'refused'])
})
