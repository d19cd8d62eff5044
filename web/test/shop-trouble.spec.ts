// The shopper's pages in a real browser when something is in the way: refusals, lost answers, wrong clocks, time that runs out.
import { describe, expect, it } from 'vitest'
import { REFUSAL_WORDS } from '../shop/messages'
import {
  button,
  forgetAllButUser,
  MINUTE_MS,
  makeSale,
  note,
  open,
  otherShopper,
  page,
  shopper,
  signIn,
  terms,
  ticket,
  useShop,
} from './shop-visit'

describe('the shop in trouble', () => {
  useShop()

  it('asks about the same purchase after the answer was lost, and after a reload', async () => {
    const sale = await makeSale()
    await open(sale)
    await signIn('cut-off')
    const keys: string[] = []
    const retries: (string | undefined)[] = []
    let is_losing = true
    await page.route('**/reservations', async (route) => {
      if (route.request().method() !== 'POST') return route.continue()
      keys.push(route.request().headers()['idempotency-key'] ?? '')
      retries.push(route.request().headers()['x-rush-retry'])
      if (is_losing) {
        // the gate gets it and reserves; only the answer dies
        await route.fetch()
        return route.fulfill({ status: 200, contentType: 'text/html', body: 'a proxy in between' })
      }
      return route.continue()
    })
    await button().click()
    await note().filter({ hasText: 'No answer yet' }).waitFor()
    is_losing = false
    await page.reload()
    await ticket('confirmed').waitFor()
    await expect.poll(() => keys.length).toBeGreaterThanOrEqual(2)
    expect(new Set(keys).size).toBe(1)
    expect(retries[0]).toBeUndefined()
    expect(retries.at(-1)).toBe('1')
    expect(await page.locator('.ticket').count()).toBe(1)
    await expect.poll(() => terms(sale)).toMatchObject({ skus: [{ confirmed: 1, free: 9 }] })
  })

  it('goes by the server’s clock where the device’s is wrong', async () => {
    await page.clock.setFixedTime(Date.now() + 3 * 60 * MINUTE_MS)
    const sale = await makeSale({ opens_in_ms: 5 * MINUTE_MS })
    await open(sale)
    expect(await button().textContent()).toMatch(/^Opens in [45]:\d\d$/)
    // the page's clock stands still: it is a little less than three hours ahead when it is compared
    const clock = await page.locator('[data-part="clock"]').textContent()
    expect(clock).toMatch(/This device is (3 hours|2 hours 59 minutes) ahead/)
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
        headers: { 'retry-after': '5' },
        body: JSON.stringify({ code: 'rate_limited', status: 429, title: 't', detail: 'd', receipt: 'ref-1' }),
      })
    })
    await button().click()
    await page.locator('[data-part="button"]', { hasText: /Trying again in 0:0[1-5]/ }).waitFor()
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
})
