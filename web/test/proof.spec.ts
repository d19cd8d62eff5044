// The check before a purchase, in a browser: done in the background, or waited for, and in no way of a shopper who can neither see nor compute.
import { describe, expect, it } from 'vitest'
import { button, makeSale, note, open, page, shopper, signIn, terms, ticket, useShop } from './shop-visit'

useShop()

const proofs: string[] = []

function watchProofs(): void {
  proofs.length = 0
  page.on('request', (request) => {
    const proof = request.headers()['x-rush-proof']
    if (request.method() === 'POST' && proof !== undefined) proofs.push(proof)
  })
}

describe('a sale that asks for a proof', () => {
  it('is bought in like any other: the page has the proof ready', async () => {
    const sale = await makeSale({ gate: { proof: true } })
    watchProofs()
    await open(sale)
    await signIn('prover')
    await page.locator('#proof', { hasText: 'is done' }).waitFor()
    await button().click()
    await ticket('confirmed').waitFor()
    // a second purchase needs a second proof
    await button().click()
    await page.locator('.ticket').nth(1).waitFor()
    expect(new Set(proofs).size).toBe(2)
    expect(shopper.refusals).toEqual([])
    await expect.poll(() => terms(sale)).toMatchObject({ balanced: true })
  })

  it('has the proof before the opening', async () => {
    const sale = await makeSale({ gate: { proof: true }, opens_in_ms: 60_000 })
    await open(sale)
    await signIn('early-prover')
    await page.locator('#proof', { hasText: 'is done' }).waitFor()
    expect(await button().getAttribute('aria-disabled')).toBe('true')
  })

  it('replaces a proof that does not count', async () => {
    const sale = await makeSale({ gate: { proof: true } })
    await open(sale)
    await signIn('replaced')
    await page.locator('#proof', { hasText: 'is done' }).waitFor()
    let spoiled = 0
    await page.route('**/reservations', async (route) => {
      const headers = { ...route.request().headers() }
      if (route.request().method() === 'POST' && spoiled++ === 0) headers['x-rush-proof'] = 'none'
      await route.continue({ headers })
    })
    await button().click()
    await ticket('confirmed').waitFor()
    expect(shopper.refusals).toEqual([`403 POST /sales/${sale}/reservations`])
  })

  it('says what is the matter when the device cannot compute, and lets wait instead', {
    timeout: 120_000,
  }, async () => {
    const sale = await makeSale({ gate: { proof: true } })
    watchProofs()
    // a browser without threads; the page of waiting has no script at all
    await page.addInitScript(() => Reflect.deleteProperty(window, 'Worker'))
    await open(sale)
    await signIn('waiter')
    await page.locator('#proof', { hasText: 'could not' }).waitFor()
    await button().click()
    await note().filter({ hasText: 'choose to wait' }).waitFor()
    await page.getByRole('link', { name: 'Wait instead' }).click()
    await page.getByRole('heading', { name: 'Please wait a moment' }).waitFor()
    // it comes back by itself
    await page.getByRole('heading', { name: 'You can go on' }).waitFor({ timeout: 45_000 })
    await page.getByRole('link', { name: 'Go on to the sale' }).click()
    await page.waitForSelector('body[data-ready]')
    expect(new URL(page.url()).hash).toBe('')
    await button().click()
    await ticket('confirmed').waitFor()
    expect(proofs).toHaveLength(1)
  })
})
