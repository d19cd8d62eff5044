// Payment over the sandbox provider: real HTTP webhooks, forged and repeated ones, money that comes late or wrong.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Sale } from '../src/ledger/port'
import { SIGNATURE_HEADER, signWebhook } from '../src/payment/signature'
import { Keyring } from '../src/secrets'
import { type Reserved, until, World } from './world'

/** long enough that a stall of this machine does not let a hold run out before its payment has begun */
const HOLD_S = 2

let world: World

beforeAll(async () => {
  world = await World.start()
})

afterAll(() => world.stop())

async function confirmed(sale: Sale, user: string, quantity = 1): Promise<Reserved> {
  const reserved = await world.reserve(sale, user, 'key', quantity)
  await world.untilStatus(sale, reserved.body, 'confirmed')
  return reserved
}

/** Starts payment and answers the path of the provider's page. */
async function startPayment(user: string, { id }: Reserved): Promise<string> {
  const started = await world.call('POST', `/reservations/${id}/payment`, { bearer: world.session(user) })
  expect(started.status).toBe(200)
  return started.body.redirect.replace(world.config.public_url, '')
}

function webhook(session: string, changes: Record<string, unknown> = {}): Buffer {
  const event = { event: `e-${session}`, session, kind: 'succeeded', amount_minor: 1250, currency: 'EUR', ...changes }
  return Buffer.from(JSON.stringify(event))
}

function send(body: Buffer, signature: string) {
  return world.call('POST', '/webhooks/sandbox', {
    body: new Uint8Array(body),
    headers: { [SIGNATURE_HEADER]: signature },
  })
}

test('success: paid in ledger and Redis, the page and the start of payment may be repeated, giving back is refused', async () => {
  const sale = await world.openSale('success')
  const reserved = await confirmed(sale, 'ann', 2)
  const page = await startPayment('ann', reserved)
  expect(await startPayment('ann', reserved)).toBe(page)
  const before = (await world.ledger.order(sale.id, reserved.body))?.pay_by_ms ?? 0
  expect(before - Date.now()).toBeGreaterThan(800_000)
  const html = await world.call('GET', page)
  expect(html.status).toBe(200)
  expect(html.body).toContain('25.00 EUR')
  expect(html.body).not.toContain('<script')
  const policy = html.headers.get('content-security-policy')
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toContain('unsafe')
  const chosen = await world.call('POST', page, { body: { outcome: 'success' } })
  expect(chosen).toMatchObject({ status: 200, body: { outcome: 'success', delivered: true } })
  await world.untilStatus(sale, reserved.body, 'paid')
  expect(await world.call('POST', page, { body: { outcome: 'success' } })).toMatchObject({ status: 200 })
  expect(await world.call('POST', page, { body: { outcome: 'failure' } })).toMatchObject({ status: 409 })
  const again = await world.call('POST', `/reservations/${reserved.id}/payment`, { bearer: world.session('ann') })
  expect(again.body.code).toBe('already_paid')
  const back = await world.call('DELETE', `/reservations/${reserved.id}`, { bearer: world.session('ann') })
  expect(back).toMatchObject({ status: 409, body: { code: 'already_paid' } })
  expect(await world.balanced(sale)).toMatchObject({ paid: 2, confirmed: 0, in_redis: 8 })
  expect((await world.redis.hget(`rg1:{${sale.id}.0}:meta`, 'unpaid:thing')) ?? '0').toBe('0')
})

test('a form post leads back to the shop', async () => {
  const sale = await world.openSale('form')
  const reserved = await confirmed(sale, 'ann')
  const page = await startPayment('ann', reserved)
  const posted = await world.call('POST', page, {
    body: 'outcome=success',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  expect(posted.status).toBe(303)
  expect(posted.headers.get('location')).toBe(`${world.config.public_url}/sales/form?reservation=${reserved.id}`)
})

test('failure: the order does not become paid and its units are sold again', async () => {
  const sale = await world.openSale('failure', { total: 1, hold_s: HOLD_S, payment_extension_s: 0.2 })
  const reserved = await confirmed(sale, 'ann')
  const page = await startPayment('ann', reserved)
  expect((await world.call('POST', page, { body: { outcome: 'failure' } })).status).toBe(200)
  await until('the unit is back', async () => (await world.balanced(sale)).in_redis === 1)
  expect(['expired', 'cancelled']).toContain(await world.published(sale, reserved.body))
  const next = await confirmed(sale, 'bob')
  expect(next.code).toBe('held')
})

test('the same webhook twice pays once', async () => {
  const sale = await world.openSale('replay')
  const reserved = await confirmed(sale, 'ann')
  const page = await startPayment('ann', reserved)
  await world.call('POST', page, { body: { outcome: 'replay' } })
  await world.untilStatus(sale, reserved.body, 'paid')
  const session = page.split('/').at(-1) as string
  const body = webhook(session, { event: `evt-${session}` })
  const third = await send(body, signWebhook(world.keyring, body, Date.now()))
  expect(third).toMatchObject({ status: 200, body: { outcome: 'seen_before' } })
  expect(await world.balanced(sale)).toMatchObject({ paid: 1 })
  expect(await world.ledger.pendingRefunds(10)).toEqual([])
})

test('a wrong amount pays nothing and is refunded', async () => {
  const sale = await world.openSale('amount', { hold_s: HOLD_S, payment_extension_s: 0.2 })
  const reserved = await confirmed(sale, 'ann')
  const page = await startPayment('ann', reserved)
  await world.call('POST', page, { body: { outcome: 'wrong_amount' } })
  const session = page.split('/').at(-1) as string
  await until('the money is refunded', async () =>
    (await world.backend.sandbox.store.refunds()).some(
      (each) => each.session === session && each.amount_minor === 1251,
    ),
  )
  await world.untilStatus(sale, reserved.body, 'expired')
  expect(await world.balanced(sale)).toMatchObject({ paid: 0, confirmed: 0, in_redis: 10 })
})

test('a success after the hold: takes a free unit where there is one', async () => {
  const sale = await world.openSale('late', { hold_s: HOLD_S, payment_extension_s: 0.1, total: 3 })
  const reserved = await confirmed(sale, 'ann')
  const page = await startPayment('ann', reserved)
  await world.call('POST', page, { body: { outcome: 'late_success' } })
  await world.untilStatus(sale, reserved.body, 'expired')
  await world.untilStatus(sale, reserved.body, 'paid')
  expect(await world.balanced(sale)).toMatchObject({ paid: 1, confirmed: 0, in_redis: 2, granted: 3 })
  const poll = await world.call('GET', `/reservations/${reserved.id}`, { bearer: world.session('ann') })
  expect(poll.body).toMatchObject({ status: 'paid', order: expect.any(String) })
})

test('a success after the hold is refunded when nothing is left', async () => {
  const sale = await world.openSale('too-late', { hold_s: HOLD_S, payment_extension_s: 0.1, total: 1 })
  const reserved = await confirmed(sale, 'ann')
  const page = await startPayment('ann', reserved)
  const session = page.split('/').at(-1) as string
  // the hold ends, and somebody else is quicker than the money
  await world.untilStatus(sale, reserved.body, 'expired')
  await world.ledger.changeSale(sale.id, { hold_ms: 600_000 })
  let next: Reserved | undefined
  await until('somebody else has it', async () => {
    next = await world.reserve(sale, 'bob', 'key')
    return next.code === 'held' || next.code === 'replay'
  })
  const body = webhook(session)
  expect(await send(body, signWebhook(world.keyring, body, Date.now()))).toMatchObject({ status: 200 })
  await world.untilStatus(sale, reserved.body, 'refunded')
  await until('the money is refunded', async () =>
    (await world.backend.sandbox.store.refunds()).some((each) => each.session === session),
  )
  await world.untilStatus(sale, next?.body ?? '', 'confirmed')
  expect(await world.balanced(sale)).toMatchObject({ paid: 0, confirmed: 1, in_redis: 0 })
})

test('giving back closes the payment session: paying afterwards is too late', async () => {
  const sale = await world.openSale('closed')
  const reserved = await confirmed(sale, 'ann')
  const page = await startPayment('ann', reserved)
  const back = await world.call('DELETE', `/reservations/${reserved.id}`, { bearer: world.session('ann') })
  expect(back).toMatchObject({ status: 200, body: { status: 'cancelled' } })
  expect(await world.call('POST', page, { body: { outcome: 'success' } })).toMatchObject({ status: 409 })
  expect((await world.call('GET', page)).body).toContain('closed')
})

describe('webhooks that are refused', () => {
  const session = 'x'.repeat(43)

  test('forged, altered, of another secret, too old, from the future, without signature', async () => {
    const body = webhook(session)
    const good = signWebhook(world.keyring, body, Date.now())
    const stranger = new Keyring([{ id: 'k1', text: 'another-secret-altogether' }])
    const bad: [string, Buffer, string][] = [
      ['another body', webhook(session, { amount_minor: 1 }), good],
      ['another secret', body, signWebhook(stranger, body, Date.now())],
      ['too old', body, signWebhook(world.keyring, body, Date.now() - 10 * 60_000)],
      ['from the future', body, signWebhook(world.keyring, body, Date.now() + 10 * 60_000)],
      ['another time', body, good.replace(/t=\d+/, `t=${Date.now() + 5}`)],
      ['none', body, ''],
      ['nonsense', body, 't=1,v1=zz'],
    ]
    for (const [what, sent, signature] of bad) {
      const answer = await send(sent, signature)
      expect([what, answer.status, answer.body.code]).toEqual([what, 403, 'signature_required'])
    }
  })

  test('signed nonsense, an unknown session and an unknown provider', async () => {
    for (const text of [
      '',
      '[]',
      '{"event":1}',
      JSON.stringify({ ...JSON.parse(String(webhook(session))), extra: 1 }),
    ]) {
      const body = Buffer.from(text)
      expect(await send(body, signWebhook(world.keyring, body, Date.now()))).toMatchObject({ status: 400 })
    }
    const body = webhook(session)
    const signature = signWebhook(world.keyring, body, Date.now())
    expect(await send(body, signature)).toMatchObject({ status: 404, body: { code: 'not_found' } })
    const elsewhere = await world.call('POST', '/webhooks/paypal', { body: new Uint8Array(body) })
    expect(elsewhere.status).toBe(404)
  })

  test('the sandbox page knows only its own sessions and choices', async () => {
    expect((await world.call('GET', `/sandbox/pay/${session}`)).status).toBe(404)
    expect((await world.call('GET', '/sandbox/pay/..%2f..%2fetc')).status).toBe(404)
    const sale = await world.openSale('choices')
    const page = await startPayment('ann', await confirmed(sale, 'ann'))
    expect((await world.call('POST', page, { body: { outcome: 'steal' } })).status).toBe(400)
    expect((await world.call('POST', page, { body: { outcome: 'success', more: 1 } })).status).toBe(400)
    expect((await world.call('PUT', page)).headers.get('allow')).toBe('GET, HEAD, POST')
  })
})

test('a webhook that found nobody is delivered after the restart', async () => {
  const sale = await world.openSale('outage')
  const reserved = await confirmed(sale, 'ann')
  const page = await startPayment('ann', reserved)
  await world.backend.stop()
  // decided at the provider while the shop was down
  await world.backend.sandbox.store.decide(page.split('/').at(-1) as string, 'success', Date.now())
  await world.restart()
  await world.untilStatus(sale, reserved.body, 'paid')
})
