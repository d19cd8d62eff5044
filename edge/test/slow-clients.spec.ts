// Clients that take their time: cut off by nginx where they stop, bounded by address where they drip; others do not notice. What is
// counted in progress is right again after a worker was killed.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../../scripts/stack'
import { type Shop, sleep, startShop, until } from './shop'

const ADDRESS_MAX = 20
/** the template's time-outs are 10 s */
const CUT_OFF_MS = 25_000
const PATIENT_MS = 60_000

let folder: string
let shop: Shop

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rushgate-slow-'))
  const config = JSON.parse(readFileSync(join(ROOT, 'rushgate.json'), 'utf8'))
  config.plugins = { 'in-progress': { address_max: ADDRESS_MAX }, 'rate-limit': { limits: [] } }
  config.routes.login = { plugins: ['in-progress'] }
  writeFileSync(join(folder, 'rushgate.json'), JSON.stringify(config))
  shop = await startShop({ workers: 2, config: join(folder, 'rushgate.json') })
})

afterAll(async () => {
  await shop?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** One connection that sends what it is told, and remembers what it heard. */
class Client {
  readonly socket: Socket
  heard = ''
  bytes = 0
  closed_after_ms = 0
  private readonly began = Date.now()

  constructor(localAddress = '127.0.0.1') {
    this.socket = connect({ host: '127.0.0.1', port: Number(new URL(shop.stack.urls.gate).port), localAddress })
    this.socket.on('data', (data) => {
      this.bytes += data.length
      if (this.heard.length < 2000) this.heard += data.toString('latin1')
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.closed_after_ms = Date.now() - this.began
    })
    clients.push(this)
  }

  /** `more` each so often, for as long as the connection is there. */
  drip(more: string, every_ms: number): void {
    const timer = setInterval(() => this.socket.write(more), every_ms)
    this.socket.on('close', () => clearInterval(timer))
  }

  get is_open(): boolean {
    return this.closed_after_ms === 0
  }

  get is_refused(): boolean {
    return this.heard.startsWith('HTTP/1.1 429')
  }
}

let clients: Client[] = []

afterEach(() => {
  for (const client of clients) client.socket.destroy()
  clients = []
})

const LOGIN = 'POST /sessions HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 600\r\n\r\n{'

function largestAsset(): { path: string; bytes: number } {
  const dir = join(ROOT, 'dist/web/assets')
  const files = readdirSync(dir).filter((name) => !name.endsWith('.gz'))
  const all = files.map((name) => ({ path: `/assets/${name}`, bytes: readFileSync(join(dir, name)).length }))
  return all.reduce((largest, each) => (each.bytes > largest.bytes ? each : largest))
}

describe('a client that stops, or never comes to the end', () => {
  it(
    'is cut off in its header, in its body and where it does not read; others are answered meanwhile',
    async () => {
      const headers = Array.from({ length: 200 }, () => {
        const client = new Client()
        client.socket.write('GET /sales HTTP/1.1\r\nHost: shop\r\nX-Slow: ')
        client.drip('a', 1000)
        return client
      })
      const body = new Client()
      body.socket.write(LOGIN)
      const reader = new Client()
      const asset = largestAsset()
      const count = Math.ceil(24_000_000 / asset.bytes)
      reader.socket.write(`GET ${asset.path} HTTP/1.1\r\nHost: shop\r\n\r\n`.repeat(count))
      reader.socket.pause()
      for (let i = 0; i < 5; i++) {
        expect((await shop.get('/sales')).status).toBe(200)
        await sleep(500)
      }
      await until(async () => [...headers, body].every((client) => !client.is_open), CUT_OFF_MS)
      // a header is due as a whole, however it drips
      for (const client of headers) expect(client.closed_after_ms).toBeGreaterThan(8000)
      await sleep(3000)
      reader.socket.resume()
      await until(async () => !reader.is_open, CUT_OFF_MS)
      expect(reader.bytes).toBeLessThan(count * asset.bytes)
      expect(shop.stack.error_log()).not.toMatch(/\[(error|crit|alert|emerg)\]/)
    },
    PATIENT_MS,
  )
})

/** Opens so many that drip and waits until each is held or refused; returns those that are held. */
async function open(count: number, request = LOGIN): Promise<Client[]> {
  const opened = Array.from({ length: count }, () => {
    const client = new Client()
    client.socket.write(request)
    client.drip(' ', 2000)
    return client
  })
  await until(async () => opened.filter((each) => each.is_refused).length >= count - ADDRESS_MAX)
  await sleep(500)
  return opened.filter((each) => !each.is_refused && each.is_open)
}

describe('clients that drip', () => {
  it('hold no more than their address may; who comes from another is served', async () => {
    const held = await open(30)
    expect(held.length).toBeLessThanOrEqual(ADDRESS_MAX)
    expect(held.length).toBeGreaterThan(ADDRESS_MAX - 4)
    const refused = clients.find((each) => each.is_refused)
    expect(refused?.heard).toContain('"code":"rate_limited"')
    expect(refused?.heard).toContain('in-progress.address_max')
    expect(refused?.heard.toLowerCase()).toContain('\r\nretry-after: ')
    const other = new Client('127.0.0.2')
    const login = '{"user":"ann","secret":"demo"}'
    other.socket.write(LOGIN.replace('600', String(login.length)).replace(/\{$/, login))
    await until(async () => other.heard.startsWith('HTTP/1.1 200') || other.heard.startsWith('HTTP/1.1 201'))
  })

  it.each(['POST /webhooks/sandbox', 'POST /sandbox/pay/some', 'GET /sales/demo/draw'])(
    'hold no more by %s either, and all of it counts together',
    async (line) => {
      let held: Client[] = []
      // those of the test before may not all have gone yet
      await until(async () => {
        for (const client of clients) client.socket.destroy()
        clients = []
        held = await open(30, LOGIN.replace('POST /sessions', line))
        return held.length > ADDRESS_MAX - 4
      })
      expect(held.length).toBeLessThanOrEqual(ADDRESS_MAX)
      expect(clients.find((each) => each.is_refused)?.heard).toContain('in-progress.address_max')
      const login = new Client()
      login.socket.write(LOGIN)
      await until(async () => login.is_refused)
    },
  )

  it('are taken off when the backend fails them', async () => {
    const body = JSON.stringify({ user: 'ann', secret: 'demo' })
    const login = () => shop.call('POST', '/sessions', { 'content-type': 'application/json' }, body)
    // those of the test above have hung up, of which the gate may yet have to hear
    await until(async () => (await login()).status === 201)
    shop.stack.backend.kill('SIGKILL')
    for (let i = 0; i < ADDRESS_MAX + 5; i++) {
      const answer = await login()
      expect([answer.status, answer.body.code]).toEqual([503, 'unavailable'])
    }
    await shop.stack.backend.start()
    await until(async () => (await shop.get('/sales')).status === 200)
  })

  it('are counted right after a worker was killed, and after all have gone', async () => {
    for (const kill of [true, false, true]) {
      const before = await open(30)
      expect(before.length).toBeGreaterThan(ADDRESS_MAX - 4)
      if (kill) {
        // either may hold them all
        const killed = shop.stack.gate.workers()
        for (const pid of killed) process.kill(pid, 'SIGKILL')
        await until(async () => {
          const workers = shop.stack.gate.workers()
          return workers.length === 2 && workers.every((pid) => !killed.includes(pid))
        })
        await until(async () => before.every((each) => !each.is_open))
        await until(async () => (await shop.get('/sales')).status === 200)
        const after = await open(30)
        expect(after.length).toBeLessThanOrEqual(ADDRESS_MAX)
        expect(after.length).toBeGreaterThan(ADDRESS_MAX - 4)
      }
      for (const client of clients) client.socket.destroy()
      clients = []
      await sleep(500)
    }
  })
})
