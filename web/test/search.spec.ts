// Looking for something in the shop: the search page and a product's page through the gate, with scripts and without, on a phone and
// on a wide screen; and search switched off by the level of degradation.
import { expect, it } from 'vitest'
import { makeDemoProducts } from '../../scripts/demo-products'
import { makeDemoSales } from '../../scripts/demo-sale'
import { PHONE } from './browser'
import { open, page, shopper, signIn, theStack, useShop } from './shop-visit'

useShop()

/** Pictures for whoever wants to look: SHOTS names a folder. */
async function picture(name: string): Promise<void> {
  await page.screenshot({ path: `${process.env.SHOTS ?? theStack().dir}/${name}`, fullPage: true })
}

const titles = () => page.locator('.product h3').allTextContents()

it('from the front page to a product, and on to its sale', async () => {
  await makeDemoProducts(theStack())
  await makeDemoSales(theStack())
  await expect
    .poll(async () => (await (await fetch(`${theStack().urls.gate}/search?on_sale=1`)).json()).total, {
      timeout: 20_000,
    })
    .toBe(2)
  await page.goto('/')
  await page.getByRole('link', { name: 'Products' }).click()
  await expect.poll(async () => (await titles()).length).toBe(20)
  await picture('search-all.png')
  await page.getByLabel('Search products').fill('lmap')
  await page.getByRole('button', { name: 'Search' }).click()
  await expect.poll(async () => (await titles()).slice(0, 2)).toEqual(['Clip-on lamp', 'Desk lamp, brass'])
  await page.getByRole('link', { name: 'brass 1' }).first().click()
  await expect.poll(titles).toEqual(['Desk lamp, brass'])
  await picture('search-filtered.png')
  await page.getByRole('link', { name: 'Desk lamp, brass' }).click()
  await page.waitForURL((url) => url.pathname === '/web/item/lamp')
  await page.locator('.item-offers a').waitFor()
  await picture('item.png')
  await page.getByRole('link', { name: 'Opens in two minutes' }).click()
  await page.waitForURL((url) => url.pathname === '/sales/soon')
  expect(shopper.faults).toEqual([])
})

it('a search with nothing found, with markup in it, and on a phone', async () => {
  await page.setViewportSize(PHONE)
  await page.goto(`/search?q=${encodeURIComponent('"><script>alert(1)</script>')}`)
  await page.getByText('Nothing was found').waitFor()
  expect(await page.getByLabel('Search products').inputValue()).toBe('"><script>alert(1)</script>')
  await page.goto('/search?q=oak&on_sale=1')
  await picture('search-phone.png')
  await page.goto('/web/item/poster')
  await picture('item-phone.png')
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width)
  expect(shopper.faults).toEqual([])
})

it('who has signed in finds what they looked at in their own history, and nobody else does', async () => {
  const visited = () =>
    page.evaluate(async () => {
      const answer = await fetch('/users/me/history')
      return answer.ok ? (await answer.json()).visits.map(({ item }: { item: string }) => item) : [answer.status]
    })
  const posted: string[] = []
  page.on('request', (request) => {
    if (request.method() === 'POST') posted.push(new URL(request.url()).pathname)
  })
  await page.goto('/web/item/clock')
  expect(posted).toEqual([])
  await open('demo')
  await signIn('looker')
  await page.goto('/web/item/lamp')
  await expect.poll(visited, { timeout: 20_000 }).toEqual(['lamp'])
  await page.goto('/web/item/clock')
  await expect.poll(visited, { timeout: 20_000 }).toEqual(['clock', 'lamp'])
  await page.context().clearCookies()
  expect(await visited()).toEqual([401])
  expect(shopper.faults).toEqual([])
})

it('is refused in words while it is switched off, and buying goes on', async () => {
  const search = () => fetch(`${theStack().urls.gate}/search?q=lamp`)
  await theStack().admin('PUT', '/admin/degrade', { level: 2 })
  await expect.poll(async () => (await search()).status).toBe(503)
  const refused = await search()
  expect(refused.headers.get('retry-after')).not.toBe(null)
  expect(await refused.json()).toMatchObject({ code: 'busy', detail: expect.stringContaining('switched off') })
  expect((await fetch(`${theStack().urls.gate}/sales/demo/state`)).status).toBe(200)
  await theStack().admin('PUT', '/admin/degrade', { level: 'auto' })
  await expect.poll(async () => (await search()).status).toBe(200)
  const long = await fetch(`${theStack().urls.gate}/search?q=${'x'.repeat(1600)}`)
  expect([long.status, (await long.json()).code]).toEqual([400, 'bad_request'])
})
