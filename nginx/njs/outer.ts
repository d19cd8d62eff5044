// The outer tier in plain NGINX with njs: what nginx.conf asks (nginx/outer.conf.template), answered by judge.ts.
//
// verdict, key, cookie   values of variables; nginx asks for each at most once a request
// problem                answers a refusal of ours, or an error of nginx's own, as a problem document
// biome-ignore lint/style/useNodejsImportProtocol: njs knows the module by this name only
import crypto from 'crypto'
// biome-ignore lint/style/useNodejsImportProtocol: as above
import fs from 'fs'
import { REFUSALS, type RefusalCode } from '../../contract/codes'
import { HKDF_SALT, type SubkeyPurpose } from '../../contract/secrets'
import { withoutSessionCookies } from '../../edge/src/domain/session-cookie'
import { judge } from './judge'

// This file's top level runs for each request (njs clones its machine): so it derives no keys before they are needed.
function secretOf(key_id: string): string | undefined {
  const all = ',' + readSecrets() + ','
  const from = all.indexOf(',' + key_id + ':')
  if (from < 0 || key_id === '') return undefined
  const begin = from + key_id.length + 2
  return all.substring(begin, all.indexOf(',', begin))
}

/** A file is read for each token, so that new secrets count at once: put it there whole, by renaming. */
function readSecrets(): string {
  const file = process.env.RUSHGATE_SECRET_FILE
  const is_file = file !== undefined && file !== ''
  const secrets = is_file ? fs.readFileSync(file, 'utf8') : process.env.RUSHGATE_SECRET
  if (secrets === undefined || secrets === '') throw new Error('no secret is set: no token can be checked')
  return secrets.trim().replace(/\s*[,\n]\s*/g, ',')
}

/** HKDF-SHA256 (RFC 5869) for one block of output, which is all that a subkey is. */
function subkey(purpose: SubkeyPurpose, secret: string): Buffer {
  const pseudorandom = crypto.createHmac('sha256', HKDF_SALT).update(secret).digest()
  return crypto.createHmac('sha256', pseudorandom).update(purpose).update('\x01').digest()
}

function macOf(purpose: SubkeyPurpose, key_id: string, message: string): string | undefined {
  const secret = secretOf(key_id)
  if (secret === undefined) return undefined
  return crypto.createHmac('sha256', subkey(purpose, secret)).update(message).digest('base64url')
}

/** An IPv6 client has a /64 to itself: it is counted as one, so it goes to one gate. */
function networkOf(r: NginxHTTPRequest): string {
  const address = r.rawVariables.binary_remote_addr
  if (address === undefined) return ''
  return address.toString('hex').substring(0, 16)
}

function verdict(r: NginxHTTPRequest): string {
  return judge(
    {
      method: r.method,
      path: r.uri,
      authorization: r.variables.http_authorization,
      cookies: r.variables.http_cookie,
      is_https: r.variables.rush_proto === 'https',
      header: (name) => r.variables['http_' + name],
      network: networkOf(r),
      now_ms: Date.now(),
    },
    macOf,
  )
}

function key(r: NginxHTTPRequest): string {
  return (r.variables.rush_verdict || '').substring(1)
}

function cookie(r: NginxHTTPRequest): string {
  const cookies = r.variables.http_cookie || ''
  return cookies !== '' && (r.variables.rush_verdict || '').charAt(0) === '-' ? withoutSessionCookies(cookies) : cookies
}

/** nginx's own errors, with the limit that was hit. */
const NGINX_ERRORS: Record<string, [code: RefusalCode, detail: string]> = {
  400: ['bad_request', 'The request line or a header is not HTTP.'],
  404: ['not_found', 'There is nothing here.'],
  405: ['method_not_allowed', 'This path does not answer to this method.'],
  413: ['too_large', 'client_max_body_size: the body may have 16 KiB.'],
  414: ['too_large', 'large_client_header_buffers: the request line may have 8 KiB.'],
  431: ['too_large', 'large_client_header_buffers: a header may have 8 KiB, all of them 32 KiB.'],
  500: ['internal', 'This is a fault of ours; it has been written down.'],
  503: ['unavailable', 'No gate answers at the moment.'],
}

const RETRY_AFTER_MS = 2000

function problem(r: NginxHTTPRequest): void {
  const said = r.variables.rush_verdict || ''
  const own = NGINX_ERRORS[r.variables.status || '']
  const space = said.indexOf(' ')
  const is_refusal = own === undefined && said.charAt(0) === '!'
  let code: RefusalCode = 'internal'
  let detail = 'This is a fault of ours; it has been written down.'
  if (own !== undefined) {
    code = own[0]
    detail = own[1]
  } else if (is_refusal) {
    code = said.substring(1, space) as RefusalCode
    detail = said.substring(space + 1)
  }
  const status = own === undefined ? REFUSALS[code].status : Number(r.variables.status)
  const body: Record<string, unknown> = {
    type: '/problems/' + code,
    title: REFUSALS[code].title,
    status: status,
    code: code,
    detail: detail,
  }
  if (status === 503) {
    // it may have reached a gate that then died: who asks again must say so
    if (r.variables.rush_again === '1') body.outcome = 'unknown'
    // spread, so that those refused together do not come back together
    const retry_after_ms = Math.floor(RETRY_AFTER_MS * (1 + Math.random() / 2))
    body.retry_after_ms = retry_after_ms
    r.headersOut['Retry-After'] = String(Math.ceil(retry_after_ms / 1000))
  }
  if (status === 401) r.headersOut['WWW-Authenticate'] = 'Bearer'
  r.headersOut['Content-Type'] = 'application/problem+json'
  r.headersOut['Cache-Control'] = 'no-store'
  r.return(status, JSON.stringify(body))
}

export default { verdict, key, cookie, problem }
