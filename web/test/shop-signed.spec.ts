// A sale that asks for signatures, in a real browser: the page signs, also after a reload, and says what to do without its key.
import { describe, expect, it } from 'vitest'
import { button, makeSale, open, page, shopper, signIn, ticket, useShop } from './shop-visit'

describe('a sale that asks for signatures', () => {
  useShop()

  it('sells to the page, before and after a reload, and to a new login where the key is gone', async () => {
    const sale = await makeSale({ user_max: 3, gate: { signature: true } })
    const signed: (string | undefined)[] = []
    page.on('request', (request) => {
      if (request.method() === 'POST' && request.url().endsWith('/reservations')) {
        signed.push(request.headers()['x-rush-signature'])
      }
    })
    await open(sale)
    await signIn('signer')
    await button().click()
    await expect.poll(() => ticket('confirmed').count()).toBe(1)
    await page.reload()
    await page.waitForSelector('body[data-ready]')
    await button().click()
    await expect.poll(() => ticket('confirmed').count(), { timeout: 10_000 }).toBe(2)
    expect(signed).toHaveLength(2)
    for (const header of signed) expect(header).toMatch(/^v1\.\d{13}\.[\w-]{43}$/)

    // no script can take the key away
    const extractable = await page.evaluate(async () => {
      const opening = indexedDB.open('rush1')
      const database = await new Promise<IDBDatabase>((resolve) => {
        opening.onsuccess = () => resolve(opening.result)
      })
      const store = database.transaction('signing-keys').objectStore('signing-keys')
      const reading = store.get('signer')
      const key = await new Promise<CryptoKey>((resolve) => {
        reading.onsuccess = () => resolve(reading.result as CryptoKey)
      })
      database.close()
      return key.extractable
    })
    expect(extractable).toBe(false)

    await page.evaluate(() => indexedDB.deleteDatabase('rush1'))
    await page.reload()
    await page.waitForSelector('body[data-ready]')
    await button().click()
    await page.locator('#sign-in[open]').waitFor()
    expect(await page.locator('#sign-in [data-part="reason"]').textContent()).toContain('signed with a key')
    await page.fill('#user', 'signer')
    await page.keyboard.press('Enter')
    await expect.poll(() => ticket('confirmed').count(), { timeout: 15_000 }).toBe(3)
    // the browser's own note of the one refusal
    shopper.faults.splice(0, shopper.faults.length, ...shopper.faults.filter((fault) => !fault.includes('403')))
  })
})
