// A GET over a cosocket for the long poll to the backend: HTTP/1.1, one request a connection, JSON back.
//
// lua-resty-http is not packaged where the gate runs on Debian, and one GET to our own backend needs little of it.
// Waits in slices of a second, so that a worker that is to stop does not wait for the poll's end.

export interface HttpTarget {
  /** may change while an answer is waited for: then it is waited for no longer */
  host: string
  port: number
  /** there are others of its kind: called with the one that did not answer */
  failed?: (this: void, host: string, port: number) => void
}

const CONNECT_MS = 1000
const SLICE_MS = 1000
/** 500 SKUs take about 100 kB */
const BODY_BYTES_MAX = 16 * 1024 * 1024

/** An answer that is waited for, of one server. */
interface Waiting {
  socket: ngx.TcpSocket
  deadline_s: number
  target: HttpTarget
  host: string
  port: number
}

/** Reads one line or `size` bytes, over several slices, until `deadline_s`, the worker's exit or a change of the target. */
function receive(waiting: Waiting, what: number | '*l'): LuaMultiReturn<[string, undefined] | [undefined, string]> {
  const { socket, deadline_s, target, host, port } = waiting
  let so_far = ''
  while (true) {
    const left = typeof what === 'number' ? what - so_far.length : what
    const [data, failure, partial] = socket.receive(left)
    if (data !== undefined) return $multi(so_far + data, undefined)
    so_far += partial
    if (failure !== 'timeout') return $multi(undefined, failure)
    if (ngx.worker.exiting()) return $multi(undefined, 'exiting')
    if (ngx.now() > deadline_s) return $multi(undefined, 'timeout')
    if (target.port !== port || target.host !== host) return $multi(undefined, 'others do not reach it')
  }
}

function readResponse(waiting: Waiting): LuaMultiReturn<[string, undefined] | [undefined, string]> {
  const [status_line, failure] = receive(waiting, '*l')
  if (status_line === undefined) return $multi(undefined, failure)
  const [status] = string.match(status_line, '^HTTP/1%.%d (%d+)')
  let length: number | undefined
  while (true) {
    const [line, reason] = receive(waiting, '*l')
    if (line === undefined) return $multi(undefined, reason)
    if (line === '') break
    const [name, value] = string.match(line, '^([^:]+):%s*(.-)%s*$')
    if (name !== undefined && string.lower(name) === 'content-length') length = tonumber(value)
  }
  if (status !== '200') return $multi(undefined, 'status ' + tostring(status))
  if (length === undefined || length > BODY_BYTES_MAX) return $multi(undefined, 'no usable Content-Length')
  return receive(waiting, length)
}

/** Returns the body of a 200, or (undefined, reason). */
export function getJson(
  target: HttpTarget,
  path: string,
  bearer: string,
  wait_s: number,
): LuaMultiReturn<[string, undefined] | [undefined, string]> {
  const { host, port } = target
  const [body, failure] = ask(target, path, bearer, wait_s)
  if (body !== undefined) return $multi(body, undefined)
  if (failure !== 'exiting' && target.failed !== undefined) target.failed(host, port)
  return $multi(undefined, tostring(failure))
}

function ask(
  target: HttpTarget,
  path: string,
  bearer: string,
  wait_s: number,
): LuaMultiReturn<[string, undefined] | [undefined, string]> {
  const { host, port } = target
  const [socket] = ngx.socket.tcp()
  if (socket === undefined) return $multi(undefined, 'no socket')
  socket.settimeouts(CONNECT_MS, CONNECT_MS, SLICE_MS)
  const [connected, failure] = socket.connect(host, port)
  if (!connected) return $multi(undefined, tostring(failure))
  const request =
    'GET ' +
    path +
    ' HTTP/1.1\r\nHost: ' +
    host +
    '\r\nAuthorization: Bearer ' +
    bearer +
    '\r\nConnection: close\r\n\r\n'
  const [sent, problem] = socket.send(request)
  if (!sent) {
    socket.close()
    return $multi(undefined, tostring(problem))
  }
  const [body, reason] = readResponse({ socket, deadline_s: ngx.now() + wait_s, target, host, port })
  socket.close()
  if (body === undefined) return $multi(undefined, tostring(reason))
  return $multi(body, undefined)
}
