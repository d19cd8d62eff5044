// The purchase in Node: Express and ioredis, one process.
//
// The script is registered once (ioredis sends EVALSHA and falls back to EVAL). enableAutoPipelining puts all
// commands of one turn of the event loop into one write, as ioredis advises for many small commands.
import { readFileSync } from 'node:fs'
import express from 'express'
import { Redis } from 'ioredis'

const { PEER_PORT, PEER_REDIS_PORT, PEER_SCRIPT, PEER_SALE, PEER_SKU, PEER_EPOCH, PEER_SPENDS } = process.env
const QUANTITY_MAX = 100
const KEY_LENGTH = 22
const STATUS_OF = {
  replay: 202,
  sold_out: 410,
  all_held: 409,
  not_enough_left: 409,
  limit_reached: 409,
  key_reused: 422,
  not_open: 425,
  ended: 410,
  paused: 409,
  session_replaced: 409,
}

const shard = `rg1:{${PEER_SALE}.0}:`
const keys = ['meta', 'intents', 'buyers', 'reservations', 'sessions', `free:${PEER_SKU}`].map((name) => shard + name)
if (PEER_SPENDS === '1') keys.push(`${shard}spent`)
const redis = new Redis({ host: '127.0.0.1', port: Number(PEER_REDIS_PORT), enableAutoPipelining: true })
redis.defineCommand('reserve', { numberOfKeys: keys.length, lua: readFileSync(PEER_SCRIPT, 'utf8') })

// body c22, index of the SKU B, quantity H, session generation I4, user Hc0: contract/lane-scripts.ts
function packItem(key, quantity, generation, user) {
  const user_bytes = Buffer.byteLength(user)
  const item = Buffer.allocUnsafe(KEY_LENGTH + 9 + user_bytes)
  item.latin1Write(key, 0)
  item[KEY_LENGTH] = 1
  item.writeUInt16BE(quantity, KEY_LENGTH + 1)
  item.writeUInt32BE(generation, KEY_LENGTH + 3)
  item.writeUInt16BE(user_bytes, KEY_LENGTH + 7)
  item.utf8Write(user, KEY_LENGTH + 9)
  return item
}

// "p1.<key id>.<sale>.<user>.<pass id>.…", unchecked: what the first item spends, as contract/lane-scripts.ts packs it
function spendOf(pass) {
  const pass_id = pass?.split('.', 5)[4]
  return pass_id?.length === 22 ? `\0\x01\x17p${pass_id}` : undefined
}

const app = express()
app.disable('x-powered-by')
app.disable('etag')

app.get('/ready', (_request, response) => {
  response.json({ ready: redis.status === 'ready' })
})

app.post('/sales/:sale/reservations', express.json(), async (request, response) => {
  const { sku, quantity } = request.body ?? {}
  if (request.params.sale !== PEER_SALE || sku !== PEER_SKU) return response.status(404).json({ code: 'not_found' })
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > QUANTITY_MAX) {
    return response.status(400).json({ code: 'bad_request' })
  }
  const key = request.headers['idempotency-key']
  if (key?.length !== KEY_LENGTH) return response.status(400).json({ code: 'bad_request' })
  // "Bearer s1.<key id>.<user>.<generation>.…": user and generation, unchecked
  const [, , user, generation] = (request.headers.authorization ?? '').split('.', 4)
  if (user === undefined || generation === undefined) return response.status(401).json({ code: 'no_session' })

  const args = ['1', PEER_EPOCH, PEER_SKU, packItem(key, quantity, Number(generation), user)]
  if (PEER_SPENDS === '1') {
    const spends = spendOf(request.headers['x-rush-pass'])
    if (spends === undefined) return response.status(403).json({ code: 'pass_required' })
    args.push(spends)
  }

  let reply
  try {
    reply = await redis.reserve(...keys, ...args)
  } catch (error) {
    console.error('redis:', error)
    return response.status(503).json({ code: 'unavailable' })
  }
  const line = reply.split('\n', 3)[2]
  if (line === undefined) return response.status(503).json({ code: 'rebuilding' })
  const [, code, units] = line.split(' ', 3)
  if (code !== 'held') return response.status(STATUS_OF[code] ?? 400).json({ code })
  response.status(202).json({
    reservation: key,
    status: 'held',
    units: units.split(',').map(Number),
    poll: `/reservations/${key}`,
    poll_after_ms: 3000,
  })
})

// bodies that the JSON parser refuses
app.use((error, _request, response, _next) => {
  response.status(error.status ?? 500).json({ code: error.status === undefined ? 'internal' : 'bad_request' })
})

const server = app.listen({ host: '127.0.0.1', port: Number(PEER_PORT), backlog: 4096 })
server.keepAliveTimeout = 75_000
