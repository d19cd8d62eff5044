// The load generator against servers that misbehave on purpose: each request goes out once, each answer is judged.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { buildGo } from '../go-programs'
import { answeredWrongly, generateLoad, type LoadReport } from '../load-generator'
import { writeRecords } from '../stream'

const REQUESTS = 500

let dir: string
let program: string
let server: Server | ReturnType<typeof createTcpServer> | undefined

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'bench-loadgen-'))
  program = buildGo('loadgen', 'loadgen')
})
afterEach(() => {
  server?.close()
})
afterAll(() => rmSync(dir, { recursive: true }))

async function load(listener: RequestListener, rate?: number): Promise<LoadReport> {
  const http = createServer(listener)
  server = http
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const requests = Array.from({ length: REQUESTS }, (_, i) =>
    Buffer.from(`POST /${i} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi`),
  )
  return run((http.address() as AddressInfo).port, requests, 'http', '202', rate)
}

function run(
  port: number,
  requests: Buffer[],
  protocol: 'http' | 'resp',
  expect: string,
  rate?: number,
): Promise<LoadReport> {
  const file = join(dir, 'requests')
  writeRecords(file, requests)
  return generateLoad({ program, port, file, connections: 16, protocol, expect, contains: 'held', rate })
}

describe('load generator', () => {
  it('sends every request exactly once', async () => {
    const seen = new Map<string, number>()
    const report = await load((request, response) => {
      seen.set(request.url ?? '', (seen.get(request.url ?? '') ?? 0) + 1)
      response.writeHead(202, { 'Content-Length': 4 }).end('held')
    })
    expect(seen.size).toBe(REQUESTS)
    expect([...seen.values()].every((times) => times === 1)).toBe(true)
    expect(report).toMatchObject({
      requests: REQUESTS,
      answered: REQUESTS,
      matched: REQUESTS,
      statuses: { 202: REQUESTS },
    })
    expect(answeredWrongly(report, '202')).toBeUndefined()
  })

  it('keeps a rate, and counts from when a request was due', async () => {
    let first_ms = 0
    const report = await load((_, response) => {
      first_ms ||= performance.now()
      // all 16 connections are busy for 100 ms: those due meanwhile are late
      const pause_ms = performance.now() - first_ms < 20 ? 100 : 0
      setTimeout(() => response.writeHead(202, { 'Content-Length': 4 }).end('held'), pause_ms)
    }, 1000)
    expect(report).toMatchObject({ answered: REQUESTS, matched: REQUESTS })
    expect(report.elapsed_s).toBeGreaterThan(0.49)
    expect(report.max_ms).toBeGreaterThan(95)
  })

  it('reads chunked answers, and goes on after Connection: close', async () => {
    let count = 0
    const report = await load((_, response) => {
      count += 1
      if (count % 10 === 0) response.setHeader('Connection', 'close')
      response.writeHead(202)
      response.write('he')
      response.end('ld')
    })
    // 'he' and 'ld' are two chunks, so that 'held' is nowhere in the bytes
    expect(report).toMatchObject({
      answered: REQUESTS,
      matched: 0,
      reconnects: REQUESTS / 10,
      statuses: { 202: REQUESTS },
    })
  })

  it('tells a wrong status, and shows the first one', async () => {
    let count = 0
    const report = await load((_, response) => {
      count += 1
      const status = count === 77 ? 410 : 202
      response.writeHead(status, { 'Content-Length': 4 }).end('held')
    })
    expect(report.statuses).toEqual({ 202: REQUESTS - 1, 410: 1 })
    expect(answeredWrongly(report, '202')).toMatch(/499 of 500 answers were 202.*410 Gone/s)
  })

  it('tells an answer with the right status and the wrong words', async () => {
    let count = 0
    const report = await load((_, response) => {
      count += 1
      const text = count === 5 ? 'sold' : 'held'
      response.writeHead(202, { 'Content-Length': 4 }).end(text)
    })
    expect(report.matched).toBe(REQUESTS - 1)
    expect(answeredWrongly(report, '202')).toContain('sold')
  })

  it('counts a connection that was cut before its answer, and does not send that request again', async () => {
    let count = 0
    const report = await load((request, response) => {
      count += 1
      if (count === 9) request.socket.destroy()
      else response.writeHead(202, { 'Content-Length': 4 }).end('held')
    })
    expect(report.statuses).toEqual({ 202: REQUESTS - 1, lost: 1 })
    expect(count).toBe(REQUESTS)
  })

  it('measures the time to the answer', async () => {
    const report = await load((_, response) => {
      setTimeout(() => response.writeHead(202, { 'Content-Length': 4 }).end('held'), 20)
    })
    expect(report.p50_ms).toBeGreaterThan(18)
    expect(report.p99_ms).toBeGreaterThanOrEqual(report.p50_ms)
  })

  it('speaks the Redis protocol: bulk strings in pieces, and errors', async () => {
    let count = 0
    const tcp = createTcpServer((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', () => {
        count += 1
        if (count === 3) socket.write('-ERR no\r\n')
        else {
          socket.write('$11\r\nheld ')
          setTimeout(() => socket.write('a held\r\n'), 1)
        }
      })
    })
    server = tcp
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
    const requests = Array.from({ length: 50 }, () => Buffer.from('PING\r\n'))
    const report = await run((tcp.address() as AddressInfo).port, requests, 'resp', 'bulk')
    expect(report.statuses).toEqual({ bulk: 49, error: 1 })
    expect(report.matched).toBe(98)
  })
})
