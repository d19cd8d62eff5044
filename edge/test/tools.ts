// Real tools, each sending one purchase as it does by itself: nothing in their headers is ours but what the shop's API asks for.
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '../..')
const CACHE = join(ROOT, '.cache')
const PYTHON_PACKAGES = join(CACHE, 'python')
const REQUESTS = 'requests==2.34.2'
const TIMEOUT_MS = 30_000

export interface Purchase {
  url: string
  body: string
  /** what the API asks for: in small letters */
  headers: Record<string, string>
  certificate: string
}

export interface Sent {
  /** of HTTP, as the tool says it; '' where it does not */
  protocol: string
  /** of the answer */
  text: string
}

type Tool = (purchase: Purchase, more?: Record<string, string>) => Promise<Sent>

async function run(command: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const options = { env: { ...process.env, ...env }, timeout: TIMEOUT_MS }
  return (await promisify(execFile)(command, args, options)).stdout
}

function pairs(purchase: Purchase, more: Record<string, string>, option?: string): string[] {
  return Object.entries({ ...purchase.headers, ...more }).flatMap(([name, value]) => [
    ...(option === undefined ? [] : [option]),
    `${name}: ${value}`,
  ])
}

export function isThere(command: string, args: string[]): boolean {
  return spawnSync(command, args).status === 0
}

function curlOver(version: string): Tool {
  return async (purchase, { 'user-agent': agent, ...more } = {}) => {
    const pretends = agent === undefined ? [] : ['-A', agent]
    const args = [
      '-s',
      ...pretends,
      version,
      '--cacert',
      purchase.certificate,
      '-w',
      '\n%{http_version}',
      '-d',
      purchase.body,
    ]
    const [text = '', protocol = ''] = (
      await run('curl', [...args, ...pairs(purchase, more, '-H'), purchase.url])
    ).split('\n')
    return { protocol, text }
  }
}

export const curl = curlOver('--http1.1')
export const curlHttp2 = curlOver('--http2')

export const wget: Tool = async (purchase, more = {}) => {
  const args = ['-q', '-O', '-', '--content-on-error', `--ca-certificate=${purchase.certificate}`]
  const headers = pairs(purchase, more).map((header) => `--header=${header}`)
  // for an answer that is no success wget ends with an exit code of its own
  const { stdout } = await promisify(execFile)(
    'wget',
    [...args, ...headers, `--post-data=${purchase.body}`, purchase.url],
    {
      timeout: TIMEOUT_MS,
    },
  ).catch((error: { stdout: string }) => error)
  return { protocol: '', text: stdout }
}

/** Installs it into a folder of ours where Python does not have it. */
export function hasRequests(): boolean {
  const env = { ...process.env, PYTHONPATH: PYTHON_PACKAGES }
  if (spawnSync('python3', ['-c', 'import requests'], { env }).status === 0) return true
  spawnSync('python3', ['-m', 'pip', 'install', '-q', '--target', PYTHON_PACKAGES, REQUESTS])
  return spawnSync('python3', ['-c', 'import requests'], { env }).status === 0
}

const WITH_REQUESTS = `
import json, os, requests, sys
purchase = json.loads(sys.argv[1])
answer = requests.post(purchase["url"], data=purchase["body"], headers=purchase["headers"], verify=purchase["certificate"])
print(answer.text)
`

const WITH_URLLIB = `
import json, ssl, sys, urllib.error, urllib.request
purchase = json.loads(sys.argv[1])
request = urllib.request.Request(purchase["url"], data=purchase["body"].encode(), headers=purchase["headers"], method="POST")
try:
    print(urllib.request.urlopen(request, context=ssl.create_default_context(cafile=purchase["certificate"])).read().decode())
except urllib.error.HTTPError as error:
    print(error.read().decode())
`

function python(program: string): Tool {
  return async (purchase, more = {}) => {
    const given = JSON.stringify({ ...purchase, headers: { ...purchase.headers, ...more } })
    return { protocol: '', text: await run('python3', ['-c', program, given], { PYTHONPATH: PYTHON_PACKAGES }) }
  }
}

export const pythonRequests = python(WITH_REQUESTS)
export const pythonUrllib = python(WITH_URLLIB)

export function buildGoTool(): string {
  mkdirSync(CACHE, { recursive: true })
  const program = join(CACHE, 'tools-go')
  const env = { ...process.env, GOWORK: 'off', CGO_ENABLED: '0' }
  const cwd = join(import.meta.dirname, 'tools')
  const built = spawnSync('go', ['build', '-trimpath', '-o', program, '.'], { cwd, env, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`edge/test/tools does not build: ${built.stderr ?? built.error?.message}`)
  return program
}

export function goClient(program: string): Tool {
  return async (purchase, more = {}) => {
    const args = [purchase.url, purchase.body, ...pairs(purchase, more)]
    const [protocol = '', text = ''] = (await run(program, args, { CERTIFICATE: purchase.certificate })).split('\n')
    return { protocol, text }
  }
}

/** In a process of its own, so that it believes the certificate. */
export const nodeFetch: Tool = async (purchase, more = {}) => {
  const program = `
    const { url, body, headers } = JSON.parse(process.argv[1])
    console.log(await (await fetch(url, { method: 'POST', body, headers })).text())`
  const given = JSON.stringify({ ...purchase, headers: { ...purchase.headers, ...more } })
  const env = { NODE_EXTRA_CA_CERTS: purchase.certificate }
  return { protocol: '', text: await run(process.execPath, ['--input-type=module', '-e', program, given], env) }
}

/** HTTP/1.1 to the letter: `lines` in this order, written like this. */
export function rawHttp1(purchase: Purchase, lines: string[]): Promise<Sent> {
  const { hostname, port, pathname } = new URL(purchase.url)
  const head = [
    `POST ${pathname} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    ...lines,
    `Content-Length: ${purchase.body.length}`,
  ]
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connectTcp(Number(port), hostname, () => {
      socket.end(`${head.join('\r\n')}\r\n\r\n${purchase.body}`)
    })
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer')))
    socket.on('data', (piece) => {
      text += piece
    })
    socket.on('error', reject)
    socket.on('close', () => resolve({ protocol: '1.1', text: text.slice(text.indexOf('\r\n\r\n') + 4) }))
  })
}
