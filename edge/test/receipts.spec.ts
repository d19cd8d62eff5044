// Receipts as they are on the wire: sealed by the gate and by the backend, opened by the operator, nothing to anybody else.
import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AdminError } from '../../scripts/stack'
import { type Shop, startShop, until } from './shop'

let shop: Shop
let session: string

interface Opened {
  time: string
  node: string
  rule: { plugin: string; code: string; limit?: string }
  inputs: { address: string; route: string; subject: string; user: string }
}

function opened(receipt: unknown): Promise<Opened> {
  return shop.stack.admin<Opened>('GET', `/admin/receipts/${encodeURIComponent(String(receipt))}`)
}

async function problemOf(receipt: string): Promise<string> {
  try {
    await opened(receipt)
  } catch (error) {
    if (error instanceof AdminError) return `${error.status} ${(error.body as { code?: string }).code}`
    throw error
  }
  return 'opened'
}

beforeAll(async () => {
  shop = await startShop({ workers: 2 })
  await shop.open('demo', { total: 1, user_max: 1 })
  await shop.open('plenty', { total: 10, user_max: 1 })
  session = (await shop.sessions(1, 'receipt-zoë-'))[0]?.session ?? ''
})

afterAll(async () => {
  await shop.close()
})

describe('a refusal of the gate', () => {
  it('carries a receipt that tells the operator rule, inputs and time', async () => {
    const before_ms = Date.now()
    expect((await shop.buy('plenty', session, 'first')).status).toBe(202)
    const refused = await shop.buy('plenty', session, 'second')
    expect(refused.body.code).toBe('limit_reached')
    const receipt = await opened(refused.body.receipt)
    expect(receipt).toMatchObject({
      rule: { plugin: 'reservation', code: refused.body.code },
      inputs: { address: '127.0.0.1', route: 'reserve', subject: 'plenty', user: 'receipt-zoë-0' },
    })
    expect(Date.parse(receipt.time)).toBeGreaterThan(before_ms - 1000)
    expect(Date.parse(receipt.time)).toBeLessThan(Date.now() + 1000)
    expect(receipt.node).not.toBe('')
  })

  it('names the gate where no plugin refused, and nobody where there is no session', async () => {
    const nowhere = await opened((await shop.get('/nothing')).body.receipt)
    expect(nowhere.rule).toEqual({ plugin: 'gate', code: 'not_found' })
    const nobody = await opened((await shop.buy('plenty', 'no-token', 'x')).body.receipt)
    expect(nobody).toMatchObject({ rule: { plugin: 'session', code: 'no_session' }, inputs: { user: '' } })
  })

  it('names nobody where all are refused: that is said before anybody asks who it is', async () => {
    expect((await shop.buy('demo', session, 'last')).status).toBe(202)
    let refused = await shop.buy('demo', 'no-token', 'x')
    await until(async () => {
      refused = await shop.buy('demo', 'no-token', 'x')
      return refused.body.code !== 'no_session'
    })
    expect(['sold_out', 'all_held']).toContain(refused.body.code)
    const { rule, inputs } = await opened(refused.body.receipt)
    expect(rule).toEqual({ plugin: 'reservation', code: refused.body.code })
    expect(inputs).toMatchObject({ address: '127.0.0.1', route: 'reserve', subject: 'demo', user: '' })
  })

  it('cuts what is too long, and leaves nothing of it behind for the next', async () => {
    const name = 'n'.repeat(60)
    const long = (await shop.sessions(1, name))[0]?.session ?? ''
    const sale = 's'.repeat(64)
    const cut = await opened((await shop.buy(sale, long, 'x')).body.receipt)
    expect(cut).toMatchObject({
      rule: { plugin: 'reservation', code: 'not_found' },
      inputs: { address: '127.0.0.1', route: 'reserve', subject: `${'s'.repeat(39)}~`, user: `${'n'.repeat(47)}~` },
    })
    const short = await opened((await shop.buy('x', session, 'x')).body.receipt)
    expect(short.inputs).toMatchObject({ subject: 'x', user: 'receipt-zoë-0' })
  })

  it('has a receipt of the same length whatever the reason, never the same twice', async () => {
    const receipts = new Set<string>()
    for (let i = 0; i < 600; i++) {
      const answer = await shop.get(i % 2 === 0 ? '/nothing' : '/sales/unknown/state')
      receipts.add(String(answer.body.receipt))
    }
    expect(receipts.size).toBe(600)
    expect(new Set([...receipts].map((each) => each.length)).size).toBe(1)
    for (const receipt of [...receipts].slice(-3)) expect((await opened(receipt)).rule.code).toBe('not_found')
  })
})

describe('a refusal of the backend', () => {
  it('carries one too', async () => {
    const answer = await shop.call('POST', '/sessions', { 'content-type': 'application/json' }, '{"user":1}')
    expect(answer.status).toBe(400)
    expect(await opened(answer.body.receipt)).toMatchObject({
      rule: { plugin: 'backend', code: 'bad_request' },
      inputs: { address: '127.0.0.1', route: 'POST', subject: '/sessions' },
    })
  })
})

describe('what is not a receipt', () => {
  it('is said to be none, and is never a fault', async () => {
    const receipt = String((await shop.get('/nothing')).body.receipt)
    const [head, key_id, sealed = ''] = receipt.split('.')
    const forged = createHmac('sha512', 'x').update('y').digest('base64url').repeat(5).substring(0, sealed.length)
    expect(await problemOf(`${head}.${key_id}.${forged}`)).toBe('404 not_found')
    expect(await problemOf(`${head}.other.${sealed}`)).toBe('404 not_found')
    const other = sealed.startsWith('B') ? 'C' : 'B'
    expect(await problemOf(`${head}.${key_id}.${other}${sealed.substring(1)}`)).toBe('404 not_found')
    for (const wrong of [
      receipt.slice(0, -1),
      `${receipt}A`,
      'x',
      'e1..',
      '\u0000',
      'é'.repeat(500),
      `${head}.${key_id}`,
    ]) {
      expect([wrong, await problemOf(wrong)]).toEqual([wrong, '400 bad_request'])
    }
    const unsigned = await fetch(`${shop.stack.urls.backend}/admin/receipts/${receipt}`)
    expect(unsigned.status).toBe(401)
    expect(shop.stack.error_log()).not.toMatch(/\[error\]|\[crit\]/)
  })
})
