// Sales that have just been made or opened: what one worker of a gate says of them, every other says too.
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Shop, startShop } from './shop'

const SALES = 5
const CONNECTIONS = 8

let shop: Shop

beforeAll(async () => {
  shop = await startShop({ workers: 2 })
})
afterAll(() => shop.close())

/** The sale's phase, or the status of what was answered instead, over a connection of its own: with any worker. */
function phaseAtAny(sale: string): Promise<string> {
  const { hostname, port } = new URL(shop.stack.urls.gate)
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(Number(port), hostname)
    socket.setTimeout(15_000, () => socket.destroy(new Error('no answer')))
    socket.on('data', (data) => {
      text += data.toString('latin1')
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(/"phase":"(\w+)"/.exec(text)?.[1] ?? text.slice(9, 12)))
    socket.write(`GET /sales/${sale}/state HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  })
}

it('are open at every worker once they are at one', async () => {
  const seen = new Map<string, number>()
  for (let i = 0; i < SALES; i++) {
    const sale = `new-${i}`
    const now = Date.now()
    await shop.stack.admin('POST', '/admin/sales', {
      id: sale,
      title: 'New',
      opens_at: new Date(now - 1000).toISOString(),
      closes_at: new Date(now + 3_600_000).toISOString(),
      skus: [{ sku: 'shoe', title: 'Shoe', price: { amount_minor: 1, currency: 'EUR' }, total: 1, user_max: 1 }],
    })
    await shop.stack.admin('POST', `/admin/sales/${sale}/open`)
    // over one connection, hence at one worker, and without a pause: the others are asked within a millisecond
    const deadline = Date.now() + 15_000
    while ((await shop.get(`/sales/${sale}/state`)).body.phase !== 'open') expect(Date.now()).toBeLessThan(deadline)
    const phases = await Promise.all(Array.from({ length: CONNECTIONS }, () => phaseAtAny(sale)))
    for (const phase of phases) seen.set(phase, (seen.get(phase) ?? 0) + 1)
  }
  expect(Object.fromEntries(seen)).toEqual({ open: SALES * CONNECTIONS })
})
