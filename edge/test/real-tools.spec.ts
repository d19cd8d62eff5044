// What the score says of real tools as they are on the wire, over HTTP/1.1 and HTTP/2, and of what they pretend to be.
//
// Every expectation was measured. Where a tool gets no points though no person drives it, that is said, and is how it is.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TlsFiles, trialCertificate } from '../../scripts/nginx'
import { launchBrowser } from '../../web/test/browser'
import { type Shop, startShop } from './shop'
import { Http2Client } from './tls'
import * as tools from './tools'

let dir: string
let files: TlsFiles
let shop: Shop
let session: string
let purchases = 0
let browser: Browser | undefined

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-tools-'))
  files = trialCertificate(join(dir, 'tls'))
  shop = await startShop({ tls: files })
  // whoever has any point is refused, and the receipt says why
  await shop.open('strict', { total: 1000, user_max: 1000 }, { gate: { score: { refuse_from: 1 } } })
  await shop.open('plain', { total: 1000, user_max: 1000 })
  await shop.open('wary', { total: 1000, user_max: 1000 }, { gate: { score: { challenge_from: 30, refuse_from: 80 } } })
  session = (await shop.sessions(1, 'tools'))[0]?.session ?? ''
})

afterAll(async () => {
  await browser?.close()
  await shop?.close()
  rmSync(dir, { recursive: true, force: true })
})

type Over = 'http' | 'https'

function purchase(over: Over, sale = 'strict'): tools.Purchase {
  purchases += 1
  return {
    url: `${over === 'http' ? shop.stack.urls.gate : shop.stack.urls.shop}/sales/${sale}/reservations`,
    body: '{"sku":"shoe","quantity":1}',
    headers: {
      authorization: `Bearer ${session}`,
      'content-type': 'application/json',
      'idempotency-key': `purchase-${purchases}`,
    },
    certificate: files.certificate,
  }
}

/** "0" for who was sold to, else points and reasons as the operator reads them from the receipt, which has 32 letters for them. */
async function judged(sent: tools.Sent): Promise<string> {
  const answer = JSON.parse(sent.text) as { status: unknown; code?: string; receipt?: string }
  if (answer.status === 'held') return '0'
  expect([answer.code, sent.text]).toEqual(['refused', expect.stringContaining('"receipt"')])
  const { rule } = await shop.stack.admin<{ rule: { limit: string } }>('GET', `/admin/receipts/${answer.receipt}`)
  return rule.limit
}

const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36'
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'
const HINTS = '"Not:A-Brand";v="8", "Chromium";v="156", "Google Chrome";v="156"'

/** What a tool is when it says so, and when it says that it is Chrome: over plain HTTP/1.1, and over TLS by its own choice. */
interface Case {
  tool: (sent: tools.Purchase, more?: Record<string, string>) => Promise<tools.Sent>
  /** over TLS */
  protocol: string
  as_chrome: string
}

const NOTHING_OF_CHROME = '95 metadata hints language enco~'

async function check({ tool, protocol, as_chrome }: Case): Promise<void> {
  for (const over of ['http', 'https'] as const) {
    const sent = await tool(purchase(over))
    expect([over, await judged(sent)]).toEqual([over, '30 tool'])
    if (over === 'https') expect(sent.protocol).toBe(protocol)
    expect([over, await judged(await tool(purchase(over), { 'user-agent': CHROME }))]).toEqual([over, as_chrome])
  }
}

describe('a tool is told apart, and all the more so when it lies', () => {
  test('curl, HTTP/1.1', () => check({ tool: tools.curl, protocol: '1.1', as_chrome: NOTHING_OF_CHROME }))

  test('curl, HTTP/2 where TLS offers it', () =>
    check({ tool: tools.curlHttp2, protocol: '2', as_chrome: NOTHING_OF_CHROME }))

  test.skipIf(!tools.isThere('wget', ['--version']))('wget', () =>
    check({ tool: tools.wget, protocol: '', as_chrome: '80 metadata hints language orig~' }),
  )

  test.skipIf(!tools.isThere('python3', ['--version']))('urllib of Python', () =>
    check({ tool: tools.pythonUrllib, protocol: '', as_chrome: '80 metadata hints language orig~' }),
  )

  test.skipIf(!tools.hasRequests())('requests of Python', () =>
    // it sends Accept-Encoding before Accept
    check({ tool: tools.pythonRequests, protocol: '', as_chrome: '105 metadata hints order langua~' }),
  )

  test('fetch of Node', () =>
    // it sends Sec-Fetch-Mode and Accept-Language, and User-Agent after Accept
    check({ tool: tools.nodeFetch, protocol: '', as_chrome: '90 metadata hints order origin' }))

  const has_go = tools.isThere('go', ['version'])
  test.skipIf(!has_go)("Go's client, HTTP/1.1 and HTTP/2", () =>
    check({
      tool: tools.goClient(tools.buildGoTool()),
      protocol: 'HTTP/2.0',
      as_chrome: '80 metadata hints language orig~',
    }),
  )

  test.skipIf(!has_go)("Go's client with all of Chrome's headers: it sorts them", async () => {
    const copied = {
      'user-agent': CHROME,
      'sec-ch-ua': HINTS,
      accept: '*/*',
      origin: shop.stack.urls.gate,
      'sec-fetch-site': 'same-origin',
      'sec-fetch-mode': 'cors',
      'sec-fetch-dest': 'empty',
      'accept-encoding': 'gzip, deflate, br, zstd',
      'accept-language': 'en-US,en;q=0.9',
    }
    const tool = tools.goClient(tools.buildGoTool())
    expect(await judged(await tool(purchase('http'), copied))).toBe('25 order')
  })
})

const FETCH = 'async ({ url, body, headers }) => (await fetch(url, { method: "POST", body, headers })).text()'

async function inChromium(over: Over, options: Record<string, unknown> = {}): Promise<tools.Sent> {
  browser ??= await launchBrowser()
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options })
  const page = await context.newPage()
  const bought = purchase(over)
  await page.goto(new URL('/', bought.url).href)
  const text = (await page.evaluate(`(${FETCH})(${JSON.stringify(bought)})`)) as string
  const protocol = String(await page.evaluate('performance.getEntriesByType("navigation")[0].nextHopProtocol'))
  await context.close()
  return { protocol, text }
}

describe('headless Chromium, driven by a script', () => {
  test.each([
    ['http', 'http/1.1'],
    ['https', 'h2'],
  ] as const)('over %s says what it is unless it is told not to', async (over, protocol) => {
    const sent = await inChromium(over)
    expect([sent.protocol, await judged(sent)]).toEqual([protocol, '40 automation'])
    const another = await inChromium(over, { userAgent: CHROME.replace('156', '130') })
    expect(await judged(another)).toBe('20 hints')
    expect(await judged(await inChromium(over, { userAgent: FIREFOX }))).toBe('55 other_hints order')
  })

  test('with the User-Agent of its own version has no points: by headers it is a browser, for it is one', async () => {
    browser ??= await launchBrowser()
    const version = browser.version()
    const own = CHROME.replace('156', version.slice(0, version.indexOf('.')))
    expect(await judged(await inChromium('http', { userAgent: own }))).toBe('0')
    expect(await judged(await inChromium('https', { userAgent: own }))).toBe('0')
  })
})

describe('browsers as people use them have no points', () => {
  const ask = ({ headers }: tools.Purchase) => Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const metadata = ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: empty']
  const encoding = 'Accept-Encoding: gzip, deflate, br, zstd'

  test('Chrome', async () => {
    const bought = purchase('http')
    const lines = ['Connection: keep-alive', 'sec-ch-ua-platform: "Linux"', ...ask(bought), `sec-ch-ua: ${HINTS}`]
    const rest = [`User-Agent: ${CHROME}`, 'Accept: */*', `Origin: ${shop.stack.urls.gate}`, ...metadata, encoding]
    const all = [...lines, 'sec-ch-ua-mobile: ?0', ...rest, 'Accept-Language: de']
    expect(await judged(await tools.rawHttp1(bought, all))).toBe('0')
    // a friend's words are not enough: the same in another order
    const again = purchase('http')
    const mixed = [...rest, 'Accept-Language: de', ...ask(again), `sec-ch-ua: ${HINTS}`].reverse()
    expect(await judged(await tools.rawHttp1(again, mixed))).toBe('25 order')
  })

  test('Chrome, HTTP/2', async () => {
    const bought = purchase('https')
    const client = new Http2Client(shop.stack.urls.shop, files.certificate)
    const headers = { 'sec-ch-ua-platform': '"Linux"', ...bought.headers, 'user-agent': CHROME, 'sec-ch-ua': HINTS }
    const rest = { accept: '*/*', ...client.fromOurPage, 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }
    const last = { 'accept-encoding': 'gzip, deflate, br, zstd', 'accept-language': 'de', priority: 'u=1, i' }
    const path = new URL(bought.url).pathname
    const { text } = await client.call('POST', path, { ...headers, ...rest, ...last }, bought.body)
    client.close()
    expect(await judged({ protocol: '2', text })).toBe('0')
  })

  test('Firefox and Safari, in the order that is known of them', async () => {
    const fox = purchase('http')
    const first = [`User-Agent: ${FIREFOX}`, 'Accept: */*', 'Accept-Language: de', encoding]
    const fox_lines = [...first, ...ask(fox), 'Origin: http://127.0.0.1', 'Connection: keep-alive', ...metadata]
    expect(await judged(await tools.rawHttp1(fox, fox_lines))).toBe('0')
    const phone = purchase('http')
    const lines = ['Accept: */*', ...metadata, 'Accept-Language: de', 'Accept-Encoding: gzip, deflate, br']
    const all = [...lines, ...ask(phone), 'Origin: http://127.0.0.1', `User-Agent: ${SAFARI}`]
    expect(await judged(await tools.rawHttp1(phone, all))).toBe('0')
  })
})

describe('what follows from it', () => {
  test('by default nothing: a first purchase is a line of curl', async () => {
    const { text } = await tools.curl(purchase('http', 'plain'))
    expect(JSON.parse(text)).toMatchObject({ status: 'held' })
  })

  test('a proof, or a refusal, where the sale says so', async () => {
    const code = async (sent: Promise<tools.Sent>) => (JSON.parse((await sent).text) as { code?: string }).code
    expect(await code(tools.curl(purchase('http', 'wary')))).toBe('proof_required')
    expect(await code(tools.curl(purchase('http', 'wary'), { 'user-agent': CHROME }))).toBe('refused')
    const session_header = { authorization: `Bearer ${session}` }
    const challenge = await shop.call('GET', '/sales/wary/challenge', session_header)
    // node has 30 points: at 20 points a step two and a half times the work
    expect(challenge.body).toMatchObject({ algorithm: 'SHA-256', maxnumber: 1_250_000 })
    expect((await shop.call('GET', '/sales/plain/challenge', session_header)).status).toBe(404)
  })

  test('crawlers read and do not buy', async () => {
    const googlebot = { 'user-agent': 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)' }
    expect((await shop.call('GET', '/sales/plain/state', googlebot)).status).toBe(200)
    expect((await shop.call('GET', '/', googlebot)).status).toBe(200)
    const { status, body } = await shop.call('POST', '/sessions', googlebot, '{"user":"bot","secret":"demo"}')
    expect([status, body.code]).toEqual([403, 'refused'])
    expect((await shop.buy('plain', session, 'bot', 1, googlebot)).body.code).toBe('refused')
  })

  test('who follows the link that no person sees is known from then on, and counted', async () => {
    const count = (name: string) => shop.metric(`rushgate_plugin_events_total{plugin="bot-score",event="${name}"}`)
    const mine = { authorization: `Bearer ${session}`, 'user-agent': 'trapped/1.0' }
    const { status, body } = await shop.call('GET', '/early-access', mine)
    expect([status, body.text]).toEqual([200, expect.stringContaining('nothing here for people')])
    // 30 for saying that it is a program, 60 for the trap
    const caught = await shop.buy('wary', session, 'trapped', 1, { 'user-agent': 'trapped/1.0' })
    expect(caught.body.code).toBe('refused')
    await expect.poll(() => count('trap_link')).toBe(1)
    await expect.poll(() => count('score_70_to_99')).toBeGreaterThan(0)
    await expect.poll(() => count('tool')).toBeGreaterThan(0)
    expect(shop.stack.error_log()).not.toMatch(/\[(error|alert|crit|emerg)\]/)
  })
})
