// What item pages are tried with: a counting stand-in before the backend, crowds that ask at the same moment, floods of unknown ids.
import { createServer, request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Random } from '../scripts/random'

/** Stands between a gate and the backend: counts what is asked, and is slow, silent or away when told so. */
export interface Between {
  /** host:port */
  address: string
  /** requests by path, without the query */
  asked: Map<string, number>
  /** requests for pages of items, of any id */
  itemsAsked: () => number
  /** how long a page takes longer */
  delay_ms: number
  /** passes it on; keeps what is asked for ever; cuts the connection */
  mode: 'pass' | 'silent' | 'cut'
  /** a path that is answered as if the backend were starting; '' for none */
  hidden: string
  close: () => Promise<void>
}

export async function standBetween(backend_url: string): Promise<Between> {
  const backend = new URL(backend_url)
  const asked = new Map<string, number>()
  const server = createServer((incoming, answer) => {
    const path = (incoming.url ?? '').split('?')[0] ?? ''
    asked.set(path, (asked.get(path) ?? 0) + 1)
    if (between.mode === 'cut') incoming.socket.destroy()
    if (between.mode !== 'pass') return
    if (path === between.hidden) {
      answer.writeHead(503, { 'content-length': 0 }).end()
      return
    }
    const pass = () => {
      const { method, headers } = incoming
      const passed = request({ host: backend.hostname, port: backend.port, path: incoming.url, method, headers })
      passed.on('response', (got) => {
        answer.writeHead(got.statusCode ?? 502, got.headers)
        got.pipe(answer)
      })
      passed.on('error', () => incoming.socket.destroy())
      answer.on('close', () => passed.destroy())
      incoming.pipe(passed)
    }
    if (between.delay_ms > 0 && path.startsWith('/item/')) setTimeout(pass, between.delay_ms)
    else pass()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const between: Between = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    itemsAsked: () => {
      let sum = 0
      for (const [path, count] of asked) if (path.startsWith('/item/')) sum += count
      return sum
    },
    delay_ms: 0,
    mode: 'pass',
    hidden: '',
    close: () =>
      new Promise((done) => {
        server.closeAllConnections()
        server.close(() => done())
      }),
  }
  return between
}

interface CrowdAnswers {
  /** by status, "failed" for a connection without an answer */
  statuses: Record<string, number>
  /** by Cache-Status */
  cache: Record<string, number>
  /** by ETag */
  tags: Record<string, number>
  ms: number
}

const CONNECT_AT_ONCE = 500
const CROWD_WAIT_MS = 60_000

/** `count` connections, all there before the first request is sent; then one GET on each. */
export async function crowd(gate_url: string, path: string, count: number): Promise<CrowdAnswers> {
  const { hostname, port } = new URL(gate_url)
  const sockets: Socket[] = []
  const answers: CrowdAnswers = { statuses: {}, cache: {}, tags: {}, ms: 0 }
  const add = (to: Record<string, number>, key: string) => {
    to[key] = (to[key] ?? 0) + 1
  }
  for (let from = 0; from < count; from += CONNECT_AT_ONCE) {
    const some = Array.from({ length: Math.min(CONNECT_AT_ONCE, count - from) }, () =>
      connected(hostname, Number(port)),
    )
    sockets.push(...(await Promise.all(some)))
  }
  const since = performance.now()
  const bytes = `GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`
  const read = (socket: Socket) =>
    new Promise<void>((done) => {
      const parts: Buffer[] = []
      const end = () => {
        const text = Buffer.concat(parts).toString('latin1')
        add(answers.statuses, /^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 'failed')
        add(answers.cache, /^cache-status: (.*)\r$/im.exec(text)?.[1] ?? 'none')
        add(answers.tags, /^etag: (.*)\r$/im.exec(text)?.[1] ?? 'none')
        done()
      }
      socket.setTimeout(CROWD_WAIT_MS, () => socket.destroy())
      socket.on('data', (part) => parts.push(part))
      socket.on('error', () => {})
      socket.on('close', end)
    })
  const all = sockets.map(read)
  for (const socket of sockets) socket.write(bytes)
  await Promise.all(all)
  answers.ms = Math.round(performance.now() - since)
  return answers
}

function connected(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true })
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', reject)
  })
}

interface Flood {
  statuses: Record<string, number>
  ms: number
}

const FLOOD_CONNECTIONS = 8
const PIPELINED = 50
/** nginx closes a connection after 100,000 */
const REQUESTS_EACH = 50_000

/** GETs `count` ids that nobody has made, each once. */
export async function floodUnknown(gate_url: string, count: number, seed: number): Promise<Flood> {
  const { hostname, port } = new URL(gate_url)
  const random = new Random(seed)
  const statuses: Record<string, number> = {}
  let next = 0
  const since = performance.now()
  const runConnection = async () => {
    const socket = await connected(hostname, Number(port))
    let text = ''
    let got = 0
    let wake = () => {}
    let failure: Error | undefined
    socket.on('data', (part) => {
      text += part.toString('latin1')
      let at = text.indexOf('HTTP/1.1 ')
      while (at >= 0) {
        const head_end = text.indexOf('\r\n\r\n', at)
        if (head_end < 0) break
        const head = text.slice(at, head_end)
        const end = head_end + 4 + Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
        if (text.length < end) break
        const status = head.slice(9, 12)
        statuses[status] = (statuses[status] ?? 0) + 1
        got += 1
        text = text.slice(end)
        at = text.indexOf('HTTP/1.1 ')
      }
      wake()
    })
    socket.on('close', () => {
      failure ??= new Error('the gate closed a connection')
      wake()
    })
    while (next < count && got < REQUESTS_EACH) {
      const some = Math.min(PIPELINED, count - next)
      let batch = ''
      for (let i = 0; i < some; i++) {
        // a counter keeps them apart, the random part spreads them
        const id = `${random.between(0, 2 ** 32 - 1).toString(36)}-${(next + i).toString(36)}-${seed.toString(36)}`
        batch += `GET /web/item/${id} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`
      }
      next += some
      const wanted = got + some
      socket.write(batch)
      while (got < wanted) {
        if (failure !== undefined) throw failure
        await new Promise<void>((done) => {
          wake = done
        })
      }
    }
    socket.destroy()
  }
  const run = async () => {
    while (next < count) await runConnection()
  }
  await Promise.all(Array.from({ length: FLOOD_CONNECTIONS }, run))
  return { statuses, ms: Math.round(performance.now() - since) }
}

/** How many of `count` unknown ids may get through a filter of this rate: five deviations, and the filter's own chance of 2 %. */
export function filterBounds(count: number, rate: number): { low: number; high: number } {
  const expected = count * rate
  const margin = 5 * Math.sqrt(expected) + 0.02 * expected
  return { low: Math.max(1, Math.floor(expected - margin)), high: Math.ceil(expected + margin) }
}
