// Requests and answers as nginx has them.
import * as cjson from 'cjson.safe'
import * as ffi from 'ffi'
import { REFUSALS, type RefusalCode } from '../../../contract/codes'
import type { HttpPort } from '../kernel/plugin'
import type { Answer, KeptAnswer, Refusal } from '../kernel/verdict'
import { variable } from './nginx-calls'

const JSON_DEPTH_MAX = 16

// JSON as it is written down: no NaN, no hexadecimal numbers, and no depth that a purchase has no use for
const strict = cjson.new()
strict.decode_invalid_numbers(false)
strict.decode_max_depth(JSON_DEPTH_MAX)

/** Retry-After is spread by up to this share, so that those refused together do not come back together. */
const RETRY_SPREAD = 0.5

/** nginx' variables by header: names are words of our own, or of the configuration */
const variables = new LuaTable<string, string>()

function header(name: string): string | undefined {
  let of_header = variables.get(name)
  if (of_header === undefined) {
    of_header = 'http_' + name
    variables.set(name, of_header)
  }
  return variable(of_header)
}

function isSecure(): boolean {
  if (variable('scheme') === 'https') return true
  const host = variable('http_host') ?? ''
  if (string.sub(host, 1, 4) === '127.' || string.sub(host, 1, 9) === 'localhost' || string.sub(host, 1, 5) === '[::1]')
    return true
  return variable('http_x_forwarded_proto') === 'https'
}

function query(): string {
  return variable('args') ?? ''
}

export function readBody(): void {
  ngx.req.read_body()
}

function body(): string | undefined {
  ngx.req.read_body()
  return ngx.req.get_body_data()
}

function path(): string {
  const uri = variable('request_uri') ?? ''
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
  isSecure,
  path,
  query,
  body,
  isVisible,
  isPrintable,
  parseJson,
  jsonString,
}

const LENGTHS_KEPT = 4096
const lengths = new LuaTable<number, string>()

/** Numbers as text, each made once: making one is a look into LuaJIT's table of all texts, past those that nobody needs any more. */
function lengthText(bytes: number): string {
  let text = lengths.get(bytes)
  if (text === undefined) {
    text = tostring(bytes)
    if (bytes < LENGTHS_KEPT) lengths.set(bytes, text)
  }
  return text
}

/** `body`: a text, or texts that nginx joins; `bytes` of it in all */
function send(status: number, content_type: string, body: string | string[], bytes: number): void {
  ngx.status = status
  const headers = ngx.header
  headers['Content-Type'] = content_type
  headers['Content-Length'] = lengthText(bytes)
  headers['Cache-Control'] = 'no-store'
  ngx.print(body)
  // the status is set: this only ends the request
  ngx.exit(ngx.HTTP_OK)
}

/** Its location in nginx.conf adds what is the same for every page. */
function sendKept(answer: Answer, kept: KeptAnswer): void {
  ngx.status = answer.status
  const headers = ngx.header
  headers['Cache-Control'] = kept.cache_control
  headers['ETag'] = kept.tag
  headers['Age'] = lengthText(kept.age_s)
  headers['Cache-Status'] = kept.cache_status
  if (answer.status === ngx.HTTP_NOT_MODIFIED) {
    ngx.send_headers()
  } else {
    headers['Content-Type'] = answer.content_type
    headers['Content-Length'] = lengthText(answer.body.length)
    if (kept.encoding !== '') headers['Content-Encoding'] = kept.encoding
    ngx.print(answer.body)
  }
  ngx.exit(ngx.HTTP_OK)
}

export function sendAnswer(answer: Answer): void {
  if (answer.kept !== undefined) {
    sendKept(answer, answer.kept)
    return
  }
  if (answer.policy !== undefined) ngx.header['Content-Security-Policy'] = answer.policy
  send(answer.status, answer.content_type, answer.body, answer.body.length)
}

/** Details that name a limit or a field are many; past this the table begins anew. */
const HEADS_MAX = 1024
let heads = new LuaTable<string, LuaTable<string, string>>()
let head_count = 0

/** What the problem document of a code and a detail begins with: made once, because most refusals of a rush say the same. */
function headOf(code: RefusalCode, detail: string): string {
  let of_code = heads.get(code)
  if (of_code === undefined || head_count >= HEADS_MAX) {
    if (head_count >= HEADS_MAX) {
      heads = new LuaTable()
      head_count = 0
    }
    of_code = new LuaTable()
    heads.set(code, of_code)
  }
  let head = of_code.get(detail)
  if (head === undefined) {
    const { title, status } = REFUSALS[code]
    head =
      '{"type":"/problems/' +
      code +
      '","title":"' +
      title +
      '","status":' +
      tostring(status) +
      ',"code":"' +
      code +
      '","detail":' +
      jsonString(detail)
    of_code.set(detail, head)
    head_count += 1
  }
  return head
}

/** filled in anew for each refusal: nginx copies them before anything else runs */
const parts = ['', ',"receipt":"', '', '"', '}']
const parts_without_receipt = ['', '}']
const RECEIPT_MARK_BYTES = 13

/** A problem document (RFC 9457). `receipt`: '' for none. */
export function sendRefusal(refusal: Refusal, receipt: string): void {
  const status = REFUSALS[refusal.code].status
  const head = headOf(refusal.code, refusal.detail)
  let retry_ms = refusal.retry_after_ms
  let rest = refusal.members === '' ? '}' : refusal.members + '}'
  if (retry_ms > 0) {
    retry_ms = math.floor(retry_ms * (1 + RETRY_SPREAD * math.random()))
    ngx.header['Retry-After'] = math.ceil(retry_ms / 1000)
    rest = ',"retry_after_ms":' + tostring(retry_ms) + rest
  }
  if (refusal.unknown) rest = ',"outcome":"unknown"' + rest
  if (refusal.headers !== undefined) {
    for (const name in refusal.headers) ngx.header[name] = refusal.headers[name] as string
  }
  if (refusal.allow !== '') ngx.header['Allow'] = refusal.allow
  if (status === 401) ngx.header['WWW-Authenticate'] = 'Bearer'
  if (receipt === '') {
    parts_without_receipt[0] = head
    parts_without_receipt[1] = rest
    send(status, 'application/problem+json', parts_without_receipt, head.length + rest.length)
  } else {
    parts[0] = head
    parts[2] = receipt
    parts[4] = rest
    const bytes = head.length + RECEIPT_MARK_BYTES + receipt.length + rest.length
    send(status, 'application/problem+json', parts, bytes)
  }
}
