// The client's address in a real nginx: what an untrusted peer sends changes nothing; a trusted proxy is believed; PROXY protocol.
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../scripts/ports'
import { askFrom, startOwnGate } from './own-plugin'
import type { Shop } from './shop'

interface Gate {
  shop: Shop
  proxy_port: number
}

async function startGate(clients: Record<string, unknown>): Promise<Gate> {
  const proxy_port = await freePort()
  const options = { proxy_protocol: `127.0.0.1:${proxy_port}` }
  return { shop: await startOwnGate('request.address', { clients }, [], options), proxy_port }
}

async function ask(gate: Gate, local: string, headers: Record<string, string | string[]>): Promise<string> {
  return (await askFrom(gate.shop, local, headers)).text
}

function askByProxyProtocol(gate: Gate, line: string, headers: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(gate.proxy_port, '127.0.0.1')
    let text = ''
    socket.on('data', (part) => (text += part))
    socket.on('error', reject)
    socket.on('close', () => resolve(text.slice(text.indexOf('\r\n\r\n') + 4)))
    socket.write(`${line}\r\nGET /sales HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers}\r\n`)
  })
}

it('takes the proxies that the environment names before those of the file', async () => {
  const env = { RUSHGATE_TRUSTED_PROXIES: '127.0.0.4, 10.0.0.0/8' }
  const shop = await startOwnGate('request.address', { clients: { trusted_proxies: ['127.0.0.2'] } }, [], { env })
  const word = { 'x-forwarded-for': '192.0.2.9' }
  const addressFrom = async (local: string) => (await askFrom(shop, local, word)).text
  expect(await addressFrom('127.0.0.4')).toBe('192.0.2.9')
  expect(await addressFrom('127.0.0.2')).toBe('127.0.0.2')
  await shop.close()
})

describe('behind trusted proxies', () => {
  let gate: Gate
  beforeAll(async () => {
    gate = await startGate({ trusted_proxies: ['127.0.0.2', '10.0.0.0/8'] })
  })
  afterAll(() => gate?.shop.close())

  it('ignores what an untrusted peer says', async () => {
    const headers = { 'x-forwarded-for': '6.6.6.6', 'x-real-ip': '6.6.6.6' }
    expect(await ask(gate, '127.0.0.1', headers)).toBe('127.0.0.1')
    expect(await ask(gate, '127.0.0.3', headers)).toBe('127.0.0.3')
  })

  it('believes a trusted one, from the right', async () => {
    expect(await ask(gate, '127.0.0.2', { 'x-forwarded-for': '192.0.2.9' })).toBe('192.0.2.9')
    const spoofed = { 'x-forwarded-for': '6.6.6.6, 2001:DB8::1, 10.0.0.7', 'x-real-ip': '6.6.6.6' }
    expect(await ask(gate, '127.0.0.2', spoofed)).toBe('2001:db8::1')
    expect(await ask(gate, '127.0.0.2', { 'x-forwarded-for': ['6.6.6.6', '192.0.2.9'] })).toBe('192.0.2.9')
    expect(await ask(gate, '127.0.0.2', {})).toBe('127.0.0.2')
    expect(await ask(gate, '127.0.0.2', { 'x-forwarded-for': 'x'.repeat(5000) })).toBe('127.0.0.2')
  })

  it('keeps what it worked out apart by peer and word', async () => {
    for (let i = 0; i < 5; i++) {
      const word = { 'x-forwarded-for': `192.0.2.${i % 2}` }
      expect(await ask(gate, '127.0.0.2', word)).toBe(`192.0.2.${i % 2}`)
      expect(await ask(gate, '127.0.0.1', word)).toBe('127.0.0.1')
    }
  })
})

describe('by the PROXY protocol', () => {
  let gate: Gate
  beforeAll(async () => {
    gate = await startGate({ trusted_proxies: ['127.0.0.1'], address_from: 'proxy_protocol' })
  })
  afterAll(() => gate?.shop.close())

  it('takes the address of its line, and no header for it', async () => {
    const line = 'PROXY TCP4 192.0.2.55 127.0.0.1 5000 80'
    expect(await askByProxyProtocol(gate, line, 'X-Forwarded-For: 6.6.6.6\r\n')).toBe('192.0.2.55')
    expect(await askByProxyProtocol(gate, 'PROXY TCP6 2001:db8::7 ::1 5000 80', '')).toBe('2001:db8::7')
    expect(await askByProxyProtocol(gate, 'PROXY UNKNOWN', '')).toBe('127.0.0.1')
  })

  it('at the other listener counts the peer', async () => {
    expect(await ask(gate, '127.0.0.3', { 'x-forwarded-for': '6.6.6.6' })).toBe('127.0.0.3')
    expect(await ask(gate, '127.0.0.1', { 'x-forwarded-for': '6.6.6.6' })).toBe('127.0.0.1')
  })
})

describe('without trusted proxies', () => {
  it('the peer is the client', async () => {
    const gate = await startGate({})
    expect(await ask(gate, '127.0.0.2', { 'x-forwarded-for': '6.6.6.6', 'x-real-ip': '6.6.6.6' })).toBe('127.0.0.2')
    await gate.shop.close()
  })
})
