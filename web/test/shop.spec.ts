// The shopper's pages in a real browser, against the real gate, backend and Redis: what goes well.
import { describe, expect, it } from 'vitest'
import { DESKTOP, PHONE } from './browser'
import { button, forgetAllButUser, makeSale, open, page, shopper, signIn, terms, ticket, useShop } from './shop-visit'

describe('the shop in a browser', () => {
  useShop()

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
    // before, so that only one page has to come in the time that is left
    await open(await makeSale())
    await signIn('early')
    const sale = await makeSale({ opens_in_ms: 8000 })
    await open(sale)
    expect(await button().getAttribute('aria-disabled')).toBe('true')
    expect(await button().textContent()).toMatch(/^Opens in 0:0\d$/)
    // a click that comes too early does nothing
    await button().click({ force: true })
    expect(await page.locator('.ticket').count()).toBe(0)
    await page.locator('[data-sku="lamp"] [data-part="button"]:not([aria-disabled])').waitFor()
    await button().click()
    await ticket('confirmed').waitFor()
  })

  it('can be used with the keyboard alone', async () => {
    const sale = await makeSale({ opens_in_ms: 12_000 })
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
    await expect.poll(focused, { timeout: 20_000 }).toBe('Sign in and reserve')
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
