// A draw's transcript through the real gate: it is sent no faster than it is read, and an address gets only so many.
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type AnotherGate, startAnotherGate } from '../../scripts/stack'
import { type Shop, sleep, startShop, until } from './shop'

const CHUNK = Buffer.alloc(256 * 1024, 'x')
/** more than all the sockets' buffers between here and there */
const TRANSCRIPT_BYTES = 96 * 1024 * 1024

let shop: Shop
/** stands in for the role that serves draws */
let product: Server
let gate: AnotherGate
let sent_bytes = 0

async function sendTranscript(response: ServerResponse): Promise<void> {
  response.setHeader('content-length', TRANSCRIPT_BYTES)
  while (sent_bytes < TRANSCRIPT_BYTES && !response.destroyed) {
    sent_bytes += CHUNK.length
    if (!response.write(CHUNK)) await Promise.race([once(response, 'drain'), once(response, 'close')])
  }
  response.end()
}

beforeAll(async () => {
  product = createServer((request, response) => {
    if (request.method === 'GET' && request.url === '/sales/demo/draw') void sendTranscript(response.setMaxListeners(0))
    else response.end()
  })
  product.listen(0, '127.0.0.1')
  await once(product, 'listening')
  shop = await startShop()
  const all = new URL(shop.stack.urls.backend).host
  const backends = { all, product: `127.0.0.1:${(product.address() as AddressInfo).port}` }
  gate = await startAnotherGate(shop.stack, 'gate-transcripts', { backends })
})

afterAll(async () => {
  await gate?.gate.stop()
  product?.closeAllConnections()
  product?.close()
  await shop?.close()
})

it('is not taken from the backend faster than it is read, and not kept on disk', async () => {
  const reader = connect({ host: '127.0.0.1', port: Number(new URL(gate.urls.gate).port) })
  let read_bytes = 0
  reader.on('data', (data) => (read_bytes += data.length))
  reader.pause()
  reader.write('GET /sales/demo/draw HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n')
  await until(async () => sent_bytes > 0)
  let before_bytes = 0
  await until(async () => {
    before_bytes = sent_bytes
    await sleep(1000)
    return sent_bytes === before_bytes
  }, 30_000)
  expect(sent_bytes).toBeLessThan(TRANSCRIPT_BYTES / 2)
  reader.resume()
  await once(reader, 'close')
  expect(read_bytes).toBeGreaterThan(TRANSCRIPT_BYTES)
})

it('is limited by address', async () => {
  const ask = async () => {
    const answer = await fetch(`${gate.urls.gate}/sales/demo/draw`, { method: 'HEAD' })
    return [answer.status, answer.headers.get('ratelimit-policy')]
  }
  const answers = await Promise.all(Array.from({ length: 50 }, ask))
  const passed = answers.filter(([status]) => status === 200).length
  expect(passed).toBeGreaterThan(20)
  expect(passed).toBeLessThan(45)
  expect(answers).toContainEqual([429, '"draw";q=30;w=60'])
})
