// The shopper's pages in a real browser, against the real gate, backend and Redis.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Stack, startStack } from '../../scripts/stack'
import { REFUSAL_WORDS } from '../shop/messages'
import { DESKTOP, launchBrowser, PHONE, type Visit, visit } from './browser'

const MINUTE_MS = 60_000

interface LedgerTerms {
  skus: { sku: string; free: number; held: number; confirmed: number; paid: number }[]
  balanced: boolean
}

const dir = mkdtempSync(join(tmpdir(), 'rush-pages-'))
let stack: Stack
let browser: Browser
let shopper: Visit
let page: Page
let sales = 0

interface SaleWish {
  opens_in_ms?: number
  total?: number
  user_max?: number
  hold_s?: number
}

/** A sale of one SKU, loaded, under an id of its own. */
async function makeSale({
  opens_in_ms = -1000,
  total = 10,
  user_max = 2,
  hold_s = 600,
}: SaleWish = {}): Promise<string> {
  sales += 1
  const id = `pages-${sales}`
  const now_ms = Date.now()
  await stack.admin('POST', '/admin/sales', {
    id,
    title: `Page test ${sales}`,
    opens_at: new Date(now_ms + opens_in_ms).toISOString(),
    closes_at: new Date(now_ms + 60 * MINUTE_MS).toISOString(),
    hold_s,
    skus: [{ sku: 'lamp', title: 'Reading lamp', price: { amount_minor: 4950, currency: 'EUR' }, total, user_max }],
  })
  await stack.admin('POST', `/admin/sales/${id}/prewarm`)
  // the gate follows the backend: a moment later it knows the sale
  await expect.poll(async () => (await fetch(`${stack.urls.gate}/sales/${id}/state`)).status).toBe(200)
  return id
}

async function terms(sale: string): Promise<LedgerTerms> {
  return stack.admin<LedgerTerms>('GET', `/admin/sales/${sale}/ledger`)
}

const button = () => page.locator('[data-sku="lamp"] [data-part="button"]')
const ticket = (status: string) => page.locator(`.ticket[data-status="${status}"]`)
const note = () => page.locator('[data-sku="lamp"] [data-part="note"]')

async function open(sale: string): Promise<void> {
  await page.goto(`/sales/${sale}`)
  await page.waitForSelector('body[data-ready]')
}

async function signIn(name: string): Promise<void> {
  await page.locator('[data-part="sign-in"]').click()
  await page.fill('#user', name)
  await page.keyboard.press('Enter')
  await page.locator('#account [data-part="user"]', { hasText: name }).waitFor()
}

async function forgetAllButUser(): Promise<void> {
  await page.evaluate(() => {
    for (const name of Object.keys(localStorage)) if (!name.endsWith('user')) localStorage.removeItem(name)
  })
}

/** A session of the API, for what another shopper does meanwhile. */
async function otherShopper(user: string): Promise<(sale: string, quantity: number) => Promise<Response>> {
  const { sessions } = await stack.admin<{ sessions: { session: string }[] }>('POST', '/admin/demo-sessions', {
    count: 1,
    prefix: user,
  })
  return (sale, quantity) =>
    fetch(`${stack.urls.gate}/sales/${sale}/reservations`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${sessions[0]?.session}`,
        'content-type': 'application/json',
        'idempotency-key': crypto.randomUUID(),
      },
      body: JSON.stringify({ sku: 'lamp', quantity }),
    })
}

describe('the shop in a browser', () => {
  beforeAll(async () => {
    stack = await startStack({ dir })
    browser = await launchBrowser()
  })

  afterAll(async () => {
    await browser?.close()
    await stack?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  beforeEach(async () => {
    shopper = await visit(browser, stack.urls.gate)
    page = shopper.page
  })

  afterEach(async () => {
    const { faults } = shopper
    await shopper.context.close()
    expect(faults).toEqual([])
  })

  it('lists the sales and leads to one', async () => {
    const sale = await makeSale()
    await page.goto('/')
    await page.locator(`a[href="/sales/${sale}"]`).click()
    await page.locator('h1', { hasText: 'Page test' }).waitFor()
  })

  it('is served under a policy that stops what does not belong to the page', async () => {
    const sale = await makeSale()
    const answer = await page.goto(`/sales/${sale}`)
    const policy = answer?.headers()['content-security-policy'] ?? ''
    for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]) {
      expect(policy).toContain(rule)
    }
    expect(policy).not.toMatch(/unsafe|\*/)
    const asset = await page.request.get((await page.locator('script[src]').getAttribute('src')) ?? '')
    expect(asset.headers()['cache-control']).toContain('immutable')
    // the watch that every other test relies on does see a violation
    await page.evaluate(() => {
      const style = document.createElement('style')
      style.textContent = 'body { display: none }'
      document.head.append(style)
    })
    await expect.poll(() => shopper.faults.join()).toContain('CSP: style-src-elem forbids inline')
    shopper.faults.length = 0
  })

  it('sells: held, confirmed, paid through the provider', async () => {
    const sale = await makeSale()
    await open(sale)
    // what a screen reader is told, in order
    await page.evaluate(() => {
      const told: string[] = []
      Object.assign(window, { told })
      const region = document.querySelector('#said')
      if (region === null) throw new Error('no live region')
      new MutationObserver(() => region.textContent && told.push(region.textContent)).observe(region, {
        childList: true,
      })
    })
    const told = () => page.evaluate(() => (window as unknown as { told: string[] }).told.join(' | '))
    expect(await button().textContent()).toBe('Sign in and reserve')
    await button().click()
    await page.fill('#user', 'ada')
    await page.keyboard.press('Enter')
    await ticket('confirmed').waitFor()
    expect(await ticket('confirmed').locator('[data-part="title"]').textContent()).toBe('Reading lamp')
    expect(await ticket('confirmed').locator('[data-part="time-left"]').textContent()).toMatch(/^(10:00|9:5\d)$/)
    await expect.poll(told).toMatch(/Signed in as ada.*Reading lamp: Confirmed/)
    await ticket('confirmed').locator('[data-part="pay"]').click()
    await page.waitForURL(/\/sandbox\/pay\//)
    await page.getByRole('button', { name: /^pay/i }).first().click()
    await page.waitForURL(new RegExp(`/sales/${sale}`))
    await ticket('paid').waitFor()
    await expect.poll(() => terms(sale)).toMatchObject({ balanced: true, skus: [{ paid: 1, confirmed: 0 }] })
  })

  it('shows the reservation that a link names, and cleans the address', async () => {
    const sale = await makeSale()
    await open(sale)
    await signIn('linked')
    await button().click()
    await ticket('confirmed').waitFor()
    const reservation = await ticket('confirmed').getAttribute('data-reservation')
    await forgetAllButUser()
    await page.route('**/reservations', (route) => route.fulfill({ json: { reservations: [] } }))
    await page.goto(`/sales/${sale}?reservation=${reservation}`)
    await ticket('confirmed').waitFor()
    // a copied address says nothing of the reservation
    expect(new URL(page.url()).search).toBe('')
  })

  it('buys once on a double click', async () => {
    const sale = await makeSale()
    await open(sale)
    await signIn('double')
    await button().dblclick()
    await ticket('confirmed').waitFor()
    expect(await page.locator('.ticket').count()).toBe(1)
    await expect.poll(() => terms(sale)).toMatchObject({ skus: [{ confirmed: 1, free: 9 }] })
  })

  it('asks about the same purchase after the answer was lost, and after a reload', async () => {
    const sale = await makeSale()
    await open(sale)
    await signIn('cut-off')
    const keys: string[] = []
    const retries: (string | undefined)[] = []
    let lost = 1
    await page.route('**/reservations', async (route) => {
      if (route.request().method() !== 'POST') return route.continue()
      keys.push(route.request().headers()['idempotency-key'] ?? '')
      retries.push(route.request().headers()['x-rush-retry'])
      if (lost > 0) {
        lost -= 1
        // the gate gets it and reserves; only the answer dies
        await route.fetch()
        return route.fulfill({ status: 200, contentType: 'text/html', body: 'a proxy in between' })
      }
      return route.continue()
    })
    await button().click()
    await note().filter({ hasText: 'No answer yet' }).waitFor()
    await page.reload()
    await ticket('confirmed').waitFor()
    await expect.poll(() => keys.length).toBeGreaterThanOrEqual(2)
    expect(new Set(keys).size).toBe(1)
    expect(retries[0]).toBeUndefined()
    expect(retries.at(-1)).toBe('1')
    expect(await page.locator('.ticket').count()).toBe(1)
    await expect.poll(() => terms(sale)).toMatchObject({ skus: [{ confirmed: 1, free: 9 }] })
  })

  it('keeps the reservation over a reload, and gives it back when asked twice', async () => {
    const sale = await makeSale()
    await open(sale)
    await signIn('reload')
    await button().click()
    await ticket('held').or(ticket('confirmed')).first().waitFor()
    // the list may not have it yet: the device remembers
    await page.route('**/reservations', (route) => route.fulfill({ json: { reservations: [] } }))
    await page.reload()
    await ticket('confirmed').waitFor()
    // and the other way round: a device that remembers nothing asks for the list
    await page.unroute('**/reservations')
    await forgetAllButUser()
    await page.reload()
    await ticket('confirmed').waitFor()
    await ticket('confirmed').locator('[data-part="give-back"]').click()
    await ticket('confirmed').locator('[data-part="really"]').click()
    await ticket('cancelled').waitFor()
    await expect.poll(() => terms(sale)).toMatchObject({ balanced: true, skus: [{ confirmed: 0, free: 10 }] })
  })

  it('holds the button off until the opening and switches it on by itself, without a reload', async () => {
    const sale = await makeSale({ opens_in_ms: 6000 })
    await open(sale)
    await signIn('early')
    expect(await button().getAttribute('aria-disabled')).toBe('true')
    expect(await button().textContent()).toMatch(/^Opens in 0:0\d$/)
    // a click that comes too early does nothing
    await button().click({ force: true })
    expect(await page.locator('.ticket').count()).toBe(0)
    await page.locator('[data-sku="lamp"] [data-part="button"]:not([aria-disabled])').waitFor()
    await button().click()
    await ticket('confirmed').waitFor()
  })

  it('goes by the server’s clock where the device’s is wrong', async () => {
    await page.clock.setFixedTime(Date.now() + 3 * 60 * MINUTE_MS)
    const sale = await makeSale({ opens_in_ms: 5 * MINUTE_MS })
    await open(sale)
    expect(await button().textContent()).toMatch(/^Opens in [45]:\d\d$/)
    expect(await page.locator('[data-part="clock"]').textContent()).toContain('This device is 2 hours 59 minutes ahead')
  })

  it('can be used with the keyboard alone', async () => {
    const sale = await makeSale({ opens_in_ms: 3000 })
    await open(sale)
    const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '')
    const tabTo = async (name: RegExp) => {
      for (let i = 0; i < 20 && !name.test(await focused()); i++) await page.keyboard.press('Tab')
      expect(await focused()).toMatch(name)
    }
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to what is on sale')
    await page.keyboard.press('Enter')
    // the button can be waited on: the focus stays while it switches itself on
    await tabTo(/^Opens in/)
    await expect.poll(focused).toBe('Sign in and reserve')
    await page.keyboard.press('Enter')
    await page.keyboard.type('keys')
    await page.keyboard.press('Enter')
    await ticket('confirmed').waitFor()
    await tabTo(/^Pay €49.50/)
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/sandbox\/pay\//)
    for (let i = 0; i < 20 && !/^pay/i.test(await focused()); i++) await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await ticket('paid').waitFor()
  })

  it('says in plain words why something did not work, and what is left', async () => {
    const sale = await makeSale({ total: 2, user_max: 1 })
    await open(sale)
    await signIn('late')
    const buy = await otherShopper('fast')
    // the page still shows two; meanwhile others take them
    shopper.cut_off = true
    await page.route('**/state', (route) => route.abort())
    expect((await buy(sale, 1)).status).toBe(202)
    expect((await (await otherShopper('faster'))(sale, 1)).status).toBe(202)
    await button().click()
    await note().filter({ hasText: REFUSAL_WORDS.all_held.title }).waitFor()
    await page.unroute('**/state')
    await page.locator('.left', { hasText: 'None left' }).waitFor()
    await page.locator('[data-part="phase"]', { hasText: 'All held' }).waitFor()
    expect(shopper.refusals.some((refusal) => refusal.startsWith('409 POST'))).toBe(true)
  })

  it('tells the limit and shows what the shopper has', async () => {
    const sale = await makeSale({ user_max: 1 })
    await open(sale)
    await signIn('greedy')
    await button().click()
    await ticket('confirmed').waitFor()
    await expect.poll(() => button().textContent()).toBe('You have yours')
    // a page that has lost everything it knew, list included, still learns it from the refusal
    await forgetAllButUser()
    let hide_list = true
    await page.route('**/reservations', (route) => {
      const list = route.request().method() === 'GET'
      if (list && hide_list) return route.fulfill({ json: { reservations: [] } })
      hide_list = hide_list && list
      return route.continue()
    })
    await open(sale)
    await button().click()
    await note().filter({ hasText: REFUSAL_WORDS.limit_reached.title }).waitFor()
    await ticket('confirmed').waitFor()
  })

  it('waits visibly when the shop is busy, then goes on by itself', async () => {
    const sale = await makeSale()
    await open(sale)
    await signIn('patient')
    let refusals = 1
    await page.route('**/reservations', (route) => {
      if (route.request().method() !== 'POST' || refusals === 0) return route.continue()
      refusals -= 1
      return route.fulfill({
        status: 429,
        contentType: 'application/problem+json',
        headers: { 'retry-after': '3' },
        body: JSON.stringify({ code: 'rate_limited', status: 429, title: 't', detail: 'd', receipt: 'ref-1' }),
      })
    })
    await button().click()
    await page.locator('[data-part="button"]', { hasText: 'Trying again in 0:03' }).waitFor()
    expect(await note().textContent()).toContain('Reference: ref-1')
    await ticket('confirmed').waitFor()
  })

  it('says when the shop cannot be reached, and recovers', async () => {
    const sale = await makeSale()
    await open(sale)
    shopper.cut_off = true
    await shopper.context.setOffline(true)
    await page.locator('#trouble', { hasText: 'You are offline' }).waitFor()
    await shopper.context.setOffline(false)
    await page.locator('#trouble').waitFor({ state: 'hidden' })
  })

  it('asks to sign in again when the session is gone, and finishes what was wanted', async () => {
    const sale = await makeSale()
    await open(sale)
    await signIn('forgotten')
    await shopper.context.clearCookies()
    await button().click()
    await page.locator('#sign-in[open]').waitFor()
    await page.fill('#user', 'forgotten')
    await page.keyboard.press('Enter')
    await ticket('confirmed').waitFor()
  })

  it('shows several: chooses a quantity up to the limit', async () => {
    const sale = await makeSale({ user_max: 3 })
    await open(sale)
    await signIn('family')
    const more = page.locator('[data-part="more"]')
    for (let i = 0; i < 5; i++) await more.click({ force: true })
    expect(await page.locator('[data-part="quantity"]').textContent()).toBe('3')
    expect(await button().textContent()).toBe('Reserve 3')
    await button().click()
    await ticket('confirmed').waitFor()
    expect(await ticket('confirmed').locator('[data-part="price"]').textContent()).toBe('€148.50')
  })

  it('lets the time to pay run out, says so, and the unit is there for others', async () => {
    const sale = await makeSale({ total: 1, hold_s: 2 })
    await open(sale)
    await signIn('slow')
    await button().click()
    await ticket('expired').waitFor()
    await expect.poll(() => button().textContent(), { timeout: 20_000 }).toBe('Reserve')
  })

  it('says that a sale does not exist', async () => {
    await page.goto('/sales/no-such-sale')
    await page.locator('#trouble', { hasText: 'This sale does not exist' }).waitFor()
  })

  it.each([
    ['phone', PHONE],
    ['desktop', DESKTOP],
  ])('fits the %s: nothing is wider than the screen, no target is too small', async (_, size) => {
    await page.setViewportSize(size)
    const sale = await makeSale()
    await open(sale)
    await signIn(`a-rather-long-name-for-a-small-screen-${size.width}`)
    await button().click()
    await ticket('confirmed').waitFor()
    for (const path of [`/sales/${sale}`, '/']) {
      await page.goto(path)
      await page.waitForSelector('body[data-ready]')
      const width = await page.evaluate(() => document.documentElement.scrollWidth)
      expect(width).toBeLessThanOrEqual(size.width)
      for (const target of await page.locator('button:visible, main a:visible').all()) {
        const box = await target.boundingBox()
        expect(box?.height).toBeGreaterThanOrEqual(44)
      }
    }
  })
})
