// Each peer sells for real: the same answers, by the same script, from the same Redis. Needs `npm run build`.
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startBare } from '../peers/bare/peer'
import { startExpress } from '../peers/express/peer'
import { startGo } from '../peers/go/peer'
import { startHandwritten } from '../peers/handwritten/peer'
import type { Peer, PeerPlan } from '../peers/peer'
import { countSold, RedisImage, soldWrongly } from '../sale'
import { openShop, type Shop } from '../shop'
import { guardMint, idempotencyKey, purchaseRequest, sessionMint } from '../stream'

const UNITS = 3
const SECRET = 'test:a-secret-of-enough-length'
const mint = sessionMint(SECRET)

let dir: string
let shop: Shop
let image: RedisImage

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'bench-peers-'))
  shop = await openShop(dir, UNITS, { with_gate: false })
  image = await RedisImage.capture(shop.redis)
})
afterAll(async () => {
  await shop.stop()
  rmSync(dir, { recursive: true })
})
beforeEach(() => image.restore(shop.redis))

function plan(name: string, sale = shop.sale): PeerPlan {
  const script_file = join(import.meta.dirname, '../../dist/redis/reserve.lua')
  return { dir: join(dir, name), redis_port: shop.redis_port, sale, script_file }
}

/** Sends the very bytes that a slice sends, changed where a test says so. */
function send(peer: Peer, text: string): Promise<{ status: number; body: Record<string, unknown> | undefined }> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(peer.port, '127.0.0.1', () => socket.write(text.replace('keep-alive', 'close')))
    socket.on('data', (data) => {
      answer += data
    })
    socket.on('error', reject)
    socket.on('close', () => {
      const body = answer.slice(answer.indexOf('\r\n\r\n') + 4)
      const is_json = /^content-type: application\/json/im.test(answer)
      resolve({ status: Number(answer.slice(9, 12)), body: is_json && body !== '' ? JSON.parse(body) : undefined })
    })
  })
}

function buy(peer: Peer, user: string, key = idempotencyKey()) {
  return send(peer, purchaseRequest(shop.sale, mint(user), key))
}

describe.each([
  ['handwritten', startHandwritten],
  ['express', startExpress],
  ['go', startGo],
])('peer %s', (name, start) => {
  let peer: Peer
  beforeAll(async () => {
    peer = await start(plan(name))
  })
  afterAll(() => peer.stop())

  it('sells distinct units, and leaves in Redis what the gate leaves', async () => {
    const key = idempotencyKey()
    const first = await buy(peer, 'anna', key)
    expect(first).toEqual({
      status: 202,
      body: { reservation: key, status: 'held', units: [1], poll: `/reservations/${key}`, poll_after_ms: 3000 },
    })
    expect((await buy(peer, 'bert')).body?.['units']).toEqual([2])
    expect(soldWrongly(await countSold(shop.redis, shop.sale), 2, UNITS)).toBeUndefined()
  })

  it('says who is refused, and why', async () => {
    expect(await buy(peer, 'anna')).toMatchObject({ status: 202 })
    expect(await buy(peer, 'anna')).toEqual({ status: 409, body: { code: 'limit_reached' } })
    await buy(peer, 'bert')
    await buy(peer, 'carl')
    expect(await buy(peer, 'dora')).toEqual({ status: 409, body: { code: 'all_held' } })
    await shop.redis.hset(`rg1:{${shop.sale.id}.0}:meta`, 'epoch', shop.sale.epoch + 1)
    expect(await buy(peer, 'emil')).toEqual({ status: 503, body: { code: 'rebuilding' } })
  })

  it('does not let a replay pass for a purchase', async () => {
    const key = idempotencyKey()
    await buy(peer, 'anna', key)
    expect((await buy(peer, 'anna', key)).body).toEqual({ code: 'replay' })
  })

  it('refuses what is no purchase, without asking Redis', async () => {
    const good = purchaseRequest(shop.sale, mint('anna'), idempotencyKey())
    const status = async (from: string | RegExp, to: string) => (await send(peer, good.replace(from, to))).status
    expect(await status('{"sku":"phone","quantity":1}', '{"sku":"phone","quantity":0}')).toBe(400)
    expect(await status('{"sku":"phone","quantity":1}', '{"sku":"phone","quantity":*}')).toBe(400)
    expect(await status('{"sku":"phone",', '{"sku":"spoon",')).toBe(404)
    expect(await status('/sales/bench/', '/sales/other/')).toBe(404)
    expect(await status(/Authorization: .*\r\n/, '')).toBe(401)
    expect(await status(/Idempotency-Key: .*\r\n/, '')).toBe(400)
    expect((await countSold(shop.redis, shop.sale)).free).toBe(UNITS)
  })

  it('sends the script again when Redis has forgotten it', async () => {
    await buy(peer, 'anna')
    await shop.redis.script('FLUSH')
    expect(await buy(peer, 'bert')).toMatchObject({ status: 202 })
  })
})

describe.each([
  ['handwritten', startHandwritten],
  ['express', startExpress],
  ['go', startGo],
])('peer %s at a guarded sale', (name, start) => {
  it('spends the pass with the purchase, as the gate does, and wants one', async () => {
    const sale = { ...shop.sale, guarded: true }
    const makeGuard = guardMint(SECRET, sale)
    const peer = await start(plan(`${name}-guarded`, sale))
    const buyFor = (user: string, pass?: string) => {
      const session = mint(user)
      const key = idempotencyKey()
      const guard = makeGuard(session, key)
      return send(peer, purchaseRequest(sale, session, key, { ...guard, pass: pass ?? guard.pass }))
    }
    const { pass } = makeGuard(mint('anna'), '')
    const answers = [
      await buyFor('anna', pass),
      await buyFor('bert'),
      await buyFor('carl', pass),
      await buyFor('dora', 'none'),
    ]
    await peer.stop()
    expect(answers.map(({ status, body }) => body?.['code'] ?? status)).toEqual([
      202,
      202,
      'pass_required',
      'pass_required',
    ])
    expect(soldWrongly(await countSold(shop.redis, sale), 2, UNITS, true)).toBeUndefined()
  })
})

describe('peer bare', () => {
  it('answers 202 with nothing, and sells nothing', async () => {
    const peer = await startBare(plan('bare'))
    const answer = await buy(peer, 'anna')
    await peer.stop()
    expect(answer).toEqual({ status: 202, body: undefined })
    expect((await countSold(shop.redis, shop.sale)).free).toBe(UNITS)
  })
})
