// The waiting room in a browser: into the draw before the opening, back into the same place after a reload, and through to a purchase.
import { describe, expect, it } from 'vitest'
import { button, MINUTE_MS, makeSale, open, page, shopper, signIn, theStack, ticket, useShop } from './shop-visit'

useShop()

const room = () => page.locator('#room')
const join = () => room().locator('[data-part="room-button"]')
const titled = (text: string) => room().locator('h2', { hasText: text }).waitFor()

async function saleWithRoom(draw: boolean, opens_in_ms: number, total = 10): Promise<string> {
  const gate = { waiting_room: { admit_per_s: 10, checkout_max: 10, draw } }
  const sale = await makeSale({ opens_in_ms, total, gate })
  // loaded, and the gate has heard of it
  await expect
    .poll(async () => (await (await fetch(`${theStack().urls.gate}/sales/${sale}/state`)).json()).queue.open)
    .toBe(true)
  return sale
}

function ticketsTaken(): string[] {
  const taken: string[] = []
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().endsWith('/tickets')) taken.push(request.url())
  })
  return taken
}

describe('a sale with a waiting room', () => {
  it('draws early comers by lot, keeps the place over a reload, and lets buy when it is one’s turn', async () => {
    const sale = await saleWithRoom(true, 30 * MINUTE_MS)
    await page.setViewportSize({ width: 360, height: 740 })
    const taken = ticketsTaken()
    await open(sale)
    await titled('The order is drawn by lot')
    // who is not signed in is asked to, and is entered then
    await join().click()
    await page.fill('#user', 'drawn')
    await page.keyboard.press('Enter')
    await titled('You are in the draw')
    await room().locator('li', { hasText: '1 person in the draw' }).waitFor()
    await page.screenshot({ path: shot('room-drawn.png') })
    expect(await button().getAttribute('aria-disabled')).toBe('true')
    await page.reload()
    await titled('You are in the draw')
    expect(taken).toHaveLength(1)

    const entrant = await room().locator('[data-part="room-entrant"]').textContent()
    await theStack().admin('POST', `/admin/sales/${sale}/open`)
    // the gate lets an address ask so often, and then every other second
    const often = { interval: 1000, timeout: 30_000 }
    await expect
      .poll(async () => (await (await fetch(`${theStack().urls.gate}/sales/${sale}/draw`)).json()).order, often)
      .toEqual([entrant])
    // the server had asked for a poll in half a minute; a page loaded anew asks at once
    await page.reload()
    await titled('It’s your turn')
    await room().locator('li', { hasText: 'left to reserve' }).waitFor()
    await page.screenshot({ path: shot('room-turn.png'), fullPage: true })
    expect(taken).toHaveLength(1)
    await button().click()
    await ticket('confirmed').waitFor()
    await titled('You have had your turn')
    expect(shopper.refusals).toEqual([])
  })

  it('takes later comers in line, with place, chance and no more polls than the server asks for', async () => {
    const sale = await saleWithRoom(false, -1000)
    // nobody is let in for now
    let is_held = true
    const polls: number[] = []
    await page.route('**/tickets/*', async (route) => {
      polls.push(Date.now())
      const waiting = { status: 'waiting', place: 42, eta_s: 130, chance: 'fair', poll_after_ms: 1500 }
      if (is_held) await route.fulfill({ json: waiting })
      else await route.continue()
    })
    await open(sale)
    await signIn('later')
    expect(await button().textContent()).toBe('Join the queue first')
    await join().click()
    await room().locator('[data-part="room-place"]', { hasText: '42' }).waitFor()
    await room().locator('li', { hasText: 'About 3 minutes to go' }).waitFor()
    expect(await button().textContent()).toBe('Wait for your turn')
    await page.screenshot({ path: shot('room-waiting.png') })
    await expect.poll(() => polls.length).toBeGreaterThan(1)
    is_held = false
    await titled('It’s your turn')
    expect((polls[1] as number) - (polls[0] as number)).toBeGreaterThanOrEqual(1400)
    await button().click()
    await ticket('confirmed').waitFor()
  })

  it('says in plain words how it ended', async () => {
    const sale = await saleWithRoom(false, -1000)
    let status = 'expired'
    await page.route('**/tickets/*', (route) =>
      route.fulfill({ json: { status, place: null, eta_s: null, chance: 'none', poll_after_ms: 60_000 } }),
    )
    await open(sale)
    await signIn('unlucky')
    await join().click()
    await titled('Your turn has passed')
    status = 'sold_out'
    await join().click()
    await titled('Sold out')
    expect(await join().isVisible()).toBe(false)
    await room().filter({ hasText: 'You owe nothing' }).waitFor()
  })
})

/** Pictures for whoever wants to look: SHOTS names a folder. */
function shot(name: string): string {
  return `${process.env.SHOTS ?? theStack().dir}/${name}`
}
