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

/** A client that lies with the header loses what plain http is allowed, and gains nothing. */
function isHttps(): boolean {
  return variable('scheme') === 'https' || variable('http_x_forwarded_proto') === 'https'
}

/** In the path of every purchase: on loopback without the third look. */
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
  isHttps,
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

/**
 * To three digits up to a thousand million, which spreads well enough, so that few different texts are made of it. Without a loop: LuaJIT compiles
 * no request past one that goes round a few times.
 */
function roundedUp(count: number): number {
  if (count < 1_000) return count
  let step = 1_000_000
  if (count < 10_000) step = 10
  else if (count < 100_000) step = 100
  else if (count < 1_000_000) step = 1_000
  else if (count < 10_000_000) step = 10_000
  else if (count < 100_000_000) step = 100_000
  return math.ceil(count / step) * step
}

const retry_members = new LuaTable<number, string>()

/** The end of a problem document that says when to come again: there are a few thousand. */
function retryMember(retry_ms: number): string {
  let member = retry_members.get(retry_ms)
  if (member === undefined) {
    member = ',"retry_after_ms":' + string.format('%.0f', retry_ms) + '}'
    retry_members.set(retry_ms, member)
  }
  return member
}

function sendHead(status: number, content_type: string, bytes: number): void {
  ngx.status = status
  const headers = ngx.header
  headers['Content-Type'] = content_type
  headers['Content-Length'] = lengthText(bytes)
  headers['Cache-Control'] = 'no-store'
}

/** The status is set, the body is printed. */
function endRequest(): void {
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
  endRequest()
}

export function sendAnswer(answer: Answer): void {
  if (answer.kept !== undefined) {
    sendKept(answer, answer.kept)
    return
  }
  if (answer.policy !== undefined) ngx.header['Content-Security-Policy'] = answer.policy
  sendHead(answer.status, answer.content_type, answer.body.length)
  ngx.print(answer.body)
  endRequest()
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

const RECEIPT_MARK = ',"receipt":"'
/** with the quotation mark at its end */
const RECEIPT_MARK_BYTES = 13

/** A problem document (RFC 9457). `receipt`: '' for none. */
export function sendRefusal(refusal: Refusal, receipt: string): void {
  const status = REFUSALS[refusal.code].status
  const head = headOf(refusal.code, refusal.detail)
  let retry_ms = refusal.retry_after_ms
  let rest = refusal.members === '' ? '}' : refusal.members + '}'
  if (retry_ms > 0) {
    retry_ms = retry_ms * (1 + RETRY_SPREAD * math.random())
    ngx.header['Retry-After'] = lengthText(roundedUp(math.ceil(retry_ms / 1000)))
    const member = retryMember(roundedUp(math.ceil(retry_ms)))
    rest = rest === '}' ? member : member.substring(0, member.length - 1) + rest
  }
  if (refusal.unknown) rest = ',"outcome":"unknown"' + rest
  if (refusal.rate_limit !== undefined) {
    ngx.header['RateLimit-Policy'] = refusal.rate_limit.policy
    ngx.header['RateLimit'] = refusal.rate_limit.state
  }
  if (refusal.allow !== '') ngx.header['Allow'] = refusal.allow
  if (status === 401) ngx.header['WWW-Authenticate'] = 'Bearer'
  if (receipt === '') {
    sendHead(status, 'application/problem+json', head.length + rest.length)
    ngx.print(head, rest)
  } else {
    sendHead(status, 'application/problem+json', head.length + RECEIPT_MARK_BYTES + receipt.length + rest.length)
    // nginx joins them: a text of all would be one more to LuaJIT, and a table costs more than the arguments
    ngx.print(head, RECEIPT_MARK, receipt, '"', rest)
  }
  endRequest()
}
