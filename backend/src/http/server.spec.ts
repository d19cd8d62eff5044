// What the server takes and what it refuses before a handler is asked.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMetrics } from '../metrics'
import { onlyRoles } from './api-roles'
import { addRoute } from './routes'
import { createHttpServer, type HttpServer } from './server'

let server: HttpServer
let origin: string

beforeAll(async () => {
  server = createHttpServer(
    pino({ level: 'silent' }),
    createMetrics(),
    () => '',
    (app) => {
      app.use(onlyRoles(['order']))
      for (const path of ['/reservations/:id', '/admin/sales', '/sales'])
        addRoute(app, path, { get: (_, response) => void response.json({ path }) })
    },
  )
  origin = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`
})

afterAll(() => server.close())

async function statusOf(path: string, headers: Record<string, string> = {}): Promise<number> {
  return (await fetch(origin + path, { headers })).status
}

test('no other spelling of a path gets past the table of roles', async () => {
  expect(await statusOf('/reservations/r1')).toBe(200)
  for (const path of [
    ...['/admin/sales', '/ADMIN/sales', '/Admin/Sales', '/admin/sales/', '/%61dmin/sales', '//admin/sales'],
    ...['/sales', '/SALES', '/sales/', '/Reservations/r1', '/reservations/r1/'],
  ])
    expect([path, await statusOf(path)]).toEqual([path, 404])
})

/** In KiB, by the names of nginx' directives. */
function gateLimit(directive: RegExp): number[] {
  const template = readFileSync(join(import.meta.dirname, '../../../nginx/nginx.conf.template'), 'utf8')
  const found = directive.exec(template)
  if (found === null) throw new Error(`${directive} is not in the template`)
  return found.slice(1).map(Number)
}

test('headers that the gate lets through are let through here, with what it adds', async () => {
  const [count = 0, large_kib = 0] = gateLimit(/large_client_header_buffers (\d+) (\d+)k;/)
  const [first_kib = 0] = gateLimit(/client_header_buffer_size (\d+)k;/)
  const headers: Record<string, string> = { 'x-first': 'x'.repeat(first_kib * 1024), 'x-added': 'x'.repeat(2048) }
  for (let i = 0; i < count; i++) headers[`x-large-${i}`] = 'x'.repeat(large_kib * 1024)
  expect(await statusOf('/reservations/r1', headers)).toBe(200)
  headers['x-more'] = 'x'.repeat(8 * 1024)
  const refused = await fetch(`${origin}/reservations/r1`, { headers })
  expect([refused.status, refused.headers.get('content-type')]).toEqual([431, 'application/problem+json'])
})
