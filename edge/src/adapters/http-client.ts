// A GET over a cosocket for the long poll to the backend: HTTP/1.1, one request a connection, JSON back.
//
// lua-resty-http is not packaged where the gate runs on Debian, and one GET to our own backend needs little of it.
// Waits in slices of a second, so that a worker that is to stop does not wait for the poll's end.

export interface HttpTarget {
  host: string
  port: number
}

const CONNECT_MS = 1000
const SLICE_MS = 1000
/** 500 SKUs take about 100 kB */
const BODY_BYTES_MAX = 16 * 1024 * 1024

/** Reads one line or `size` bytes, over several slices, until `deadline_s` or the worker's exit. */
function receive(
  socket: ngx.TcpSocket,
  what: number | '*l',
  deadline_s: number,
): LuaMultiReturn<[string, undefined] | [undefined, string]> {
  let so_far = ''
  while (true) {
    const left = typeof what === 'number' ? what - so_far.length : what
    const [data, failure, partial] = socket.receive(left)
    if (data !== undefined) return $multi(so_far + data, undefined)
    so_far += partial
    if (failure !== 'timeout') return $multi(undefined, failure)
    if (ngx.worker.exiting()) return $multi(undefined, 'exiting')
    if (ngx.now() > deadline_s) return $multi(undefined, 'timeout')
  }
}

function readResponse(
  socket: ngx.TcpSocket,
  deadline_s: number,
): LuaMultiReturn<[string, undefined] | [undefined, string]> {
  const [status_line, failure] = receive(socket, '*l', deadline_s)
  if (status_line === undefined) return $multi(undefined, failure)
  const [status] = string.match(status_line, '^HTTP/1%.%d (%d+)')
  let length: number | undefined
  while (true) {
    const [line, reason] = receive(socket, '*l', deadline_s)
    if (line === undefined) return $multi(undefined, reason)
    if (line === '') break
    const [name, value] = string.match(line, '^([^:]+):%s*(.-)%s*$')
    if (name !== undefined && string.lower(name) === 'content-length') length = tonumber(value)
  }
  if (status !== '200') return $multi(undefined, 'status ' + tostring(status))
  if (length === undefined || length > BODY_BYTES_MAX) return $multi(undefined, 'no usable Content-Length')
  return receive(socket, length, deadline_s)
}

/** Returns the body of a 200, or (undefined, reason). */
export function getJson(
  target: HttpTarget,
  path: string,
  bearer: string,
  wait_s: number,
): LuaMultiReturn<[string, undefined] | [undefined, string]> {
  const [socket] = ngx.socket.tcp()
  if (socket === undefined) return $multi(undefined, 'no socket')
  socket.settimeouts(CONNECT_MS, CONNECT_MS, SLICE_MS)
  const [connected, failure] = socket.connect(target.host, target.port)
  if (!connected) return $multi(undefined, tostring(failure))
  const request =
    'GET ' +
    path +
    ' HTTP/1.1\r\nHost: ' +
    target.host +
    '\r\nAuthorization: Bearer ' +
    bearer +
    '\r\nConnection: close\r\n\r\n'
  const [sent, problem] = socket.send(request)
  if (!sent) {
    socket.close()
    return $multi(undefined, tostring(problem))
  }
  const [body, reason] = readResponse(socket, ngx.now() + wait_s)
  socket.close()
  if (body === undefined) return $multi(undefined, tostring(reason))
  return $multi(body, undefined)
}
