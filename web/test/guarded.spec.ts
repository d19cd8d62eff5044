// The demo sale with the full gate, as `npm start` makes it: a person signs in, presses two buttons, and has bought; the page does the rest.
import { expect, it } from 'vitest'
import { makeDemoSales } from '../../scripts/demo-sale'
import { open, page, shopper, signIn, terms, theStack, ticket, useShop } from './shop-visit'

useShop()

const room = () => page.locator('#room')
const titled = (text: string) => room().locator('h2', { hasText: text }).waitFor({ timeout: 40_000 })
const button = () => page.locator('[data-sku="print"] [data-part="button"]')

/** Pictures for whoever wants to look: SHOTS names a folder. */
async function picture(name: string): Promise<void> {
  await page.screenshot({ path: `${process.env.SHOTS ?? theStack().dir}/${name}`, fullPage: true })
}

it('the guarded demo sale: into the draw, in at the opening, bought with signature, proof and pass', {
  timeout: 90_000,
}, async () => {
  // opens in 15 s
  expect(await makeDemoSales(theStack(), Date.now() - 45_000)).toContain('guarded')
  const gate_state = `${theStack().urls.gate}/sales/guarded/state`
  await expect.poll(async () => (await (await fetch(gate_state)).json()).queue?.open, { timeout: 10_000 }).toBe(true)
  const sent: Record<string, string>[] = []
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().endsWith('/reservations')) sent.push(request.headers())
  })
  await open('guarded')
  await signIn('guest')
  await room().locator('[data-part="room-button"]').click()
  await titled('You are in the draw')
  await picture('guarded-draw.png')
  await titled('It’s your turn')
  await page.locator('#proof', { hasText: 'is done' }).waitFor()
  await picture('guarded-turn.png')
  await button().click()
  await ticket('confirmed').waitFor()
  await picture('guarded.png')
  expect(shopper.refusals).toEqual([])
  expect(sent).toHaveLength(1)
  expect(Object.keys(sent[0] ?? {})).toEqual(
    expect.arrayContaining(['x-rush-signature', 'x-rush-proof', 'x-rush-pass', 'idempotency-key']),
  )
  await expect.poll(() => terms('guarded')).toMatchObject({ balanced: true, skus: [{ confirmed: 1 }] })
})

it('and one program that signs nothing, proves nothing and waits for nothing buys nothing', async () => {
  const { sessions } = await theStack().admin<{ sessions: { session: string }[] }>('POST', '/admin/demo-sessions', {
    count: 1,
    prefix: 'program',
  })
  const answer = await fetch(`${theStack().urls.gate}/sales/guarded/reservations`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${sessions[0]?.session}`,
      'content-type': 'application/json',
      'idempotency-key': 'program-1',
    },
    body: JSON.stringify({ sku: 'print', quantity: 1 }),
  })
  expect([answer.status, (await answer.json()).code]).toEqual([403, 'signature_required'])
})
