// What is in the pages for programs: no person meets it, and who falls in is known afterwards. And a proof that only some are asked for.
import { describe, expect, it } from 'vitest'
import { button, makeSale, open, page, shopper, signIn, ticket, useShop } from './shop-visit'

useShop()

describe('the traps', () => {
  it('are met by nobody: not with the keyboard, not with the eyes, not by ear', async () => {
    const sale = await makeSale()
    for (const address of ['/', `/sales/${sale}`]) {
      await page.goto(address)
      await page.waitForSelector('body[data-ready]')
      const link = page.locator('a[href="/early-access"]')
      const box = await link.boundingBox()
      expect([box?.width, box?.height]).toEqual([1, 1])
      for (let press = 0; press < 30; press++) {
        await page.keyboard.press('Tab')
        expect(await link.evaluate((one) => one === document.activeElement)).toBe(false)
      }
      expect(await page.getByRole('link', { name: 'Early access' }).count()).toBe(0)
    }
    await page.locator('[data-part="sign-in"]').click()
    expect(await page.getByRole('textbox').count()).toBe(1)
    const robots = await page.request.get('/robots.txt')
    expect([robots.status(), robots.headers()['content-type']]).toEqual([200, 'text/plain'])
    expect(await robots.text()).toContain('Disallow: /early-access')
  })

  it('catch a program that follows every link', async () => {
    // headless Chromium says that it is: 40 points
    const sale = await makeSale({ gate: { score: { refuse_from: 90 } } })
    await open(sale)
    await signIn('follower')
    await button().click()
    await ticket('confirmed').waitFor()
    const links = await page.locator('a').evaluateAll((all) => all.map((one) => (one as HTMLAnchorElement).pathname))
    for (const link of new Set(links)) await page.goto(link)
    await open(sale)
    await button().click()
    await expect.poll(() => shopper.refusals).toContain(`403 POST /sales/${sale}/reservations`)
  })

  it('catch a program that fills in every field, and say nothing', async () => {
    const sale = await makeSale({ gate: { score: { refuse_from: 90 } } })
    await open(sale)
    await page.locator('[data-part="sign-in"]').click()
    const login = page.waitForRequest('**/sessions')
    await page.evaluate(() => {
      for (const field of document.querySelectorAll('input')) field.value = 'filler'
    })
    await page.keyboard.press('Enter')
    expect((await login).postDataJSON()).toMatchObject({ user: 'filler', referral_note: 'filler' })
    await page.locator('#account [data-part="user"]', { hasText: 'filler' }).waitFor()
  })
})

describe('a sale that asks only some for a proof', () => {
  it('is bought in by a shopper who is asked: the page computes and sends the purchase again', async () => {
    const sale = await makeSale({ gate: { score: { challenge_from: 30 } } })
    await open(sale)
    await signIn('asked')
    await button().click()
    await ticket('confirmed').waitFor()
    expect(shopper.refusals).toEqual([`403 POST /sales/${sale}/reservations`])
    // from then on the page has one ready
    await button().click()
    await page.locator('.ticket').nth(1).waitFor()
    expect(shopper.refusals).toHaveLength(1)
  })
})
