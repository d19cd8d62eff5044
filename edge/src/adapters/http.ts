// Requests and answers as nginx has them.
import * as cjson from 'cjson.safe'
import * as ffi from 'ffi'
import { REFUSALS } from '../../../contract/codes'
import type { HttpPort } from '../kernel/plugin'
import type { Answer, Refusal } from '../kernel/verdict'

const JSON_DEPTH_MAX = 16

// JSON as it is written down: no NaN, no hexadecimal numbers, and no depth that a purchase has no use for
const strict = cjson.new()
strict.decode_invalid_numbers(false)
strict.decode_max_depth(JSON_DEPTH_MAX)

/** Retry-After is spread by up to this share, so that those refused together do not come back together. */
const RETRY_SPREAD = 0.5

function header(name: string): string | undefined {
  return ngx.var['http_' + name]
}

function query(): string {
  return ngx.var['args'] ?? ''
}

export function readBody(): void {
  ngx.req.read_body()
}

function body(): string | undefined {
  ngx.req.read_body()
  return ngx.req.get_body_data()
}

function path(): string {
  const uri = ngx.var['request_uri'] ?? ''
  const query = uri.indexOf('?')
  return query < 0 ? uri : uri.substring(0, query)
}

function parseJson(text: string): unknown {
  const [value] = strict.decode(text)
  return value
}

ffi.cdef('size_t rushgate_strspn(const char *text, const char *accepted) __asm__("strspn");')

/** @noSelf */
interface LibC {
  rushgate_strspn: (text: string, accepted: string) => ffi.CData
}

const libc = ffi.C as unknown as LibC
const visible_characters: string[] = []
for (const code of $range(33, 126)) table.insert(visible_characters, string.char(code))
const VISIBLE = table.concat(visible_characters)
const PRINTABLE = VISIBLE + ' \t\r\n'

/** By libc, because a loop over characters keeps LuaJIT from compiling what calls it. */
function isVisible(text: string): boolean {
  return text !== '' && tonumber(libc.rushgate_strspn(text, VISIBLE)) === text.length
}

function isPrintable(text: string): boolean {
  return tonumber(libc.rushgate_strspn(text, PRINTABLE)) === text.length
}

function jsonString(text: string): string {
  const [encoded] = cjson.encode(text)
  return encoded ?? '""'
}

function setHeader(name: string, value: string): void {
  ngx.req.set_header(name, value)
}

export const nginxHttp: HttpPort = {
  setHeader,
  header,
  path,
  query,
  body,
  isVisible,
  isPrintable,
  parseJson,
  jsonString,
}

function send(status: number, content_type: string, text: string): void {
  ngx.status = status
  const headers = ngx.header
  headers['Content-Type'] = content_type
  headers['Content-Length'] = text.length
  headers['Cache-Control'] = 'no-store'
  ngx.print(text)
  // the status is set: this only ends the request
  ngx.exit(ngx.HTTP_OK)
}

export function sendAnswer(answer: Answer): void {
  if (answer.policy !== undefined) ngx.header['Content-Security-Policy'] = answer.policy
  send(answer.status, answer.content_type, answer.body)
}

/** A problem document (RFC 9457). `receipt`: '' for none. */
export function sendRefusal(refusal: Refusal, receipt: string): void {
  const kind = REFUSALS[refusal.code]
  let retry_ms = refusal.retry_after_ms
  let text =
    '{"type":"/problems/' +
    refusal.code +
    '","title":"' +
    kind.title +
    '","status":' +
    tostring(kind.status) +
    ',"code":"' +
    refusal.code +
    '","detail":' +
    jsonString(refusal.detail)
  if (receipt !== '') text = text + ',"receipt":"' + receipt + '"'
  if (refusal.unknown) text = text + ',"outcome":"unknown"'
  if (retry_ms > 0) {
    retry_ms = math.floor(retry_ms * (1 + RETRY_SPREAD * math.random()))
    ngx.header['Retry-After'] = math.ceil(retry_ms / 1000)
    text = text + ',"retry_after_ms":' + tostring(retry_ms)
  }
  if (refusal.headers !== undefined) {
    for (const name in refusal.headers) ngx.header[name] = refusal.headers[name] as string
  }
  if (refusal.allow !== '') ngx.header['Allow'] = refusal.allow
  if (kind.status === 401) ngx.header['WWW-Authenticate'] = 'Bearer'
  send(kind.status, 'application/problem+json', text + refusal.members + '}')
}
