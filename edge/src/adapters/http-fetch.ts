// A page from the backend, over a connection that is kept: GET with HTTP/1.1, sized or chunked, bounded in time and in size.
//
// For item pages; the long polls have one of their own (http-client.ts), which waits in slices. A kept connection that the
// other end has closed meanwhile is not an answer: another is taken.
import type { HttpTarget } from './http-client'

interface FetchLimits {
  connect_ms: number
  /** for the whole answer */
  answer_ms: number
  body_bytes_max: number
}

export interface Fetched {
  status: number
  /** by name in small letters; the last if one came several times */
  headers: LuaTable<string, string>
  body: string
}

/** too_large: the body is longer than the limit; anything else is why there is no answer */
type FetchResult = LuaMultiReturn<[Fetched, undefined] | [undefined, string]>
type TextResult = LuaMultiReturn<[string, undefined] | [undefined, string]>

/** Node closes after 5 s */
const KEPT_MS = 4000
const KEPT_MAX = 32
const HEADERS_MAX = 64
export const TOO_LARGE = 'too_large'

/** What is left of the time goes to each read, so that the whole answer is bounded. */
function read(socket: ngx.TcpSocket, what: number | '*l', deadline_s: number): TextResult {
  ngx.update_time()
  const left_ms = math.floor((deadline_s - ngx.now()) * 1000)
  if (left_ms <= 0) return $multi(undefined, 'timeout')
  socket.settimeouts(left_ms, left_ms, left_ms)
  const [data, failure] = socket.receive(what)
  if (data === undefined) return $multi(undefined, tostring(failure))
  return $multi(data, undefined)
}

function readChunks(socket: ngx.TcpSocket, bytes_max: number, deadline_s: number): TextResult {
  const parts: string[] = []
  let bytes = 0
  while (true) {
    const [line, failure] = read(socket, '*l', deadline_s)
    if (line === undefined) return $multi(undefined, failure)
    const [digits] = string.match(line, '^%s*(%x+)')
    const size = tonumber(digits ?? '', 16)
    if (size === undefined) return $multi(undefined, 'a chunk without its size')
    bytes += size
    if (bytes > bytes_max) return $multi(undefined, TOO_LARGE)
    if (size === 0) break
    const [data, reason] = read(socket, size + 2, deadline_s)
    if (data === undefined) return $multi(undefined, reason)
    table.insert(parts, string.sub(data, 1, size))
  }
  while (true) {
    const [line, failure] = read(socket, '*l', deadline_s)
    if (line === undefined) return $multi(undefined, failure)
    if (line === '') return $multi(table.concat(parts), undefined)
  }
}

function readBody(
  socket: ngx.TcpSocket,
  status: number,
  headers: LuaTable<string, string>,
  bytes_max: number,
  deadline_s: number,
): TextResult {
  if (status === 204 || status === 304) return $multi('', undefined)
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(socket, bytes_max, deadline_s)
  const length = tonumber(headers.get('content-length') ?? '')
  if (length === undefined) return $multi(undefined, 'an answer without its length')
  if (length > bytes_max) return $multi(undefined, TOO_LARGE)
  if (length === 0) return $multi('', undefined)
  return read(socket, length, deadline_s)
}

function readAnswer(socket: ngx.TcpSocket, bytes_max: number, deadline_s: number): FetchResult {
  const [status_line, failure] = read(socket, '*l', deadline_s)
  if (status_line === undefined) return $multi(undefined, failure)
  const [digits] = string.match(status_line, '^HTTP/1%.%d (%d%d%d)')
  const status = tonumber(digits ?? '')
  if (status === undefined) return $multi(undefined, 'not HTTP/1')
  const headers = new LuaTable<string, string>()
  for (const _ of $range(1, HEADERS_MAX)) {
    const [line, reason] = read(socket, '*l', deadline_s)
    if (line === undefined) return $multi(undefined, reason)
    if (line === '') {
      const [body, problem] = readBody(socket, status, headers, bytes_max, deadline_s)
      if (body === undefined) return $multi(undefined, problem)
      return $multi({ status, headers, body }, undefined)
    }
    const [name, value] = string.match(line, '^([^:]+):%s*(.-)%s*$')
    if (name !== undefined) headers.set(string.lower(name), value as string)
  }
  return $multi(undefined, 'more than ' + tostring(HEADERS_MAX) + ' headers')
}

function ask(target: HttpTarget, request: string, limits: FetchLimits): FetchResult {
  const [socket] = ngx.socket.tcp()
  if (socket === undefined) return $multi(undefined, 'no socket')
  socket.settimeouts(limits.connect_ms, limits.answer_ms, limits.answer_ms)
  const pool = 'items:' + target.host + ':' + tostring(target.port)
  const [connected, failure] = socket.connect(target.host, target.port, { pool })
  if (!connected) return $multi(undefined, 'connect: ' + tostring(failure))
  ngx.update_time()
  const deadline_s = ngx.now() + limits.answer_ms / 1000
  const is_kept = (socket.getreusedtimes()[0] ?? 0) > 0
  const [sent, problem] = socket.send(request)
  if (!sent) {
    socket.close()
    if (is_kept) return ask(target, request, limits)
    return $multi(undefined, tostring(problem))
  }
  const [fetched, reason] = readAnswer(socket, limits.body_bytes_max, deadline_s)
  if (fetched === undefined) {
    socket.close()
    // it leaves the pool with this: no more tries than there are kept ones
    if (is_kept && reason === 'closed') return ask(target, request, limits)
    return $multi(undefined, reason)
  }
  if (fetched.headers.get('connection') === 'close') socket.close()
  else socket.setkeepalive(KEPT_MS, KEPT_MAX)
  return $multi(fetched, undefined)
}

/** `headers`: lines that end in \r\n. */
export function fetchPage(target: HttpTarget, path: string, headers: string, limits: FetchLimits): FetchResult {
  const { host, port } = target
  const request = 'GET ' + path + ' HTTP/1.1\r\nHost: ' + host + '\r\n' + headers + '\r\n'
  const [fetched, failure] = ask(target, request, limits)
  if (fetched !== undefined) return $multi(fetched, undefined)
  if (failure !== TOO_LARGE && target.failed !== undefined) target.failed(host, port)
  return $multi(undefined, failure)
}
