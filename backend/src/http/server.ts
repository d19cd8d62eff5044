// The HTTP server: its limits, and answers in problem documents even where no route is reached.
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import express, { type Express } from 'express'
import type { Logger } from '../log'
import type { Metrics } from '../metrics'
import { errorHandler, notFound } from './errors'
import { problemDocument, RECEIPT_MAKER, type ReceiptMaker, Refusal, sendRefusal, spreadRetryMs } from './refusal'

const REQUESTS_MAX = 4000
const CONNECTIONS_MAX = 10_000
/** The gate lets through 34 KiB (large_client_header_buffers and the first buffer) and adds some of its own: nothing of that is refused here. */
const HEADER_BYTES_MAX = 40 * 1024
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 20_000
/** Longer than the gate keeps an idle connection to us, so that it is the gate that closes. */
const KEEP_ALIVE_MS = 75_000
const DRAIN_MS = 10_000

export interface HttpServer {
  app: Express
  listen(port: number, host: string): Promise<number>
  close(): Promise<void>
}

export function createHttpServer(
  log: Logger,
  metrics: Metrics,
  makeReceipt: ReceiptMaker,
  addRoutes: (app: Express) => void,
): HttpServer {
  const app = express()
  app.locals[RECEIPT_MAKER] = makeReceipt
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  // before the first app.use, which makes the router. The table of roles and the gate compare paths as they are
  app.enable('case sensitive routing')
  app.enable('strict routing')
  let in_progress = 0
  app.use((request, response, next) => {
    const started = performance.now()
    in_progress += 1
    response.on('close', () => {
      in_progress -= 1
      const route = (request.route as { path?: unknown } | undefined)?.path
      const labels = { method: request.method, status: String(response.statusCode) }
      metrics.http.observe(
        { route: typeof route === 'string' ? route : 'none', ...labels },
        (performance.now() - started) / 1000,
      )
    })
    response.set('x-content-type-options', 'nosniff').set('cache-control', 'no-store')
    if (in_progress > REQUESTS_MAX) {
      const detail = `${REQUESTS_MAX} requests are in progress here already`
      sendRefusal(response, new Refusal('busy', detail, { retry_after_ms: spreadRetryMs(1000) }))
      return
    }
    next()
  })
  addRoutes(app)
  app.use(notFound)
  app.use(errorHandler(log))

  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, app)
  server.maxConnections = CONNECTIONS_MAX
  server.headersTimeout = HEADERS_TIMEOUT_MS
  server.requestTimeout = REQUEST_TIMEOUT_MS
  server.keepAliveTimeout = KEEP_ALIVE_MS
  server.on('clientError', answerUnreadable)
  return {
    app,
    listen: (port, host) => listen(server, port, host),
    close: () => drain(server),
  }
}

/** Requests that Node's parser refuses never reach a route. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  let refusal = new Refusal('bad_request', 'the request is not valid HTTP')
  let status = 400
  if (error.code === 'HPE_HEADER_OVERFLOW') {
    refusal = new Refusal('too_large', `the request line and headers may have ${HEADER_BYTES_MAX} bytes`)
    status = 431
  } else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    refusal = new Refusal('bad_request', `the request did not arrive within ${REQUEST_TIMEOUT_MS} ms`)
  }
  const body = JSON.stringify({ ...problemDocument(refusal), status })
  socket.end(
    `HTTP/1.1 ${status} ${status === 431 ? 'Request Header Fields Too Large' : 'Bad Request'}\r\n` +
      'content-type: application/problem+json\r\nconnection: close\r\n' +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** Takes no new connections, lets requests in progress end, then closes what is left. */
function drain(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
    // a connection becomes idle when its last answer is sent
    const idle = setInterval(() => server.closeIdleConnections(), 50)
    server.close(() => {
      clearTimeout(deadline)
      clearInterval(idle)
      resolve()
    })
  })
}
