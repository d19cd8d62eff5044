// What a phone and openssl see of a listener for TLS: answers over HTTP/2, versions, resumption. For tests of gate and outer tier.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'

interface Http2Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

/** One connection; requests may run side by side on it. */
export class Http2Client {
  private readonly session: ClientHttp2Session

  constructor(
    private readonly origin: string,
    certificate_file: string,
  ) {
    this.session = connect(origin, { ca: readFileSync(certificate_file) })
    // what fails fails in call()
    this.session.on('error', () => undefined)
  }

  call(method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<Http2Answer> {
    return new Promise((resolve, reject) => {
      const stream = this.session.request({ ':method': method, ':path': path, ...headers })
      const answer: Http2Answer = { status: 0, headers: {}, text: '' }
      stream.once('error', reject)
      stream.once('response', (got) => {
        answer.status = Number(got[':status'])
        answer.headers = got as Http2Answer['headers']
      })
      stream.setEncoding('utf8')
      stream.on('data', (piece: string) => {
        answer.text += piece
      })
      stream.once('end', () => resolve(answer))
      stream.end(body)
    })
  }

  /** [of ALPN, of TLS] */
  protocols(): [string | undefined, string] {
    const socket = this.session.socket as unknown as { getProtocol(): string }
    return [this.session.alpnProtocol, socket.getProtocol()]
  }

  /** as a page served from here sends it with a cookie */
  get fromOurPage(): Record<string, string> {
    return { origin: this.origin, 'sec-fetch-site': 'same-origin' }
  }

  close(): void {
    this.session.close()
  }
}

async function handshake(args: string[]): Promise<string> {
  const running = promisify(execFile)('openssl', ['s_client', ...args])
  running.child.stdin?.end('GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  return (await running).stdout
}

/** A second connection takes up the session of the first, by 1.3 and 1.2; what is older is refused. */
export async function expectResumption(url: string, certificate_file: string, dir: string): Promise<void> {
  const to = ['-connect', new URL(url).host, '-CAfile', certificate_file]
  for (const version of ['-tls1_3', '-tls1_2']) {
    const session = join(dir, `session${version}.pem`)
    const all = [...to, version, '-ign_eof']
    expect(await handshake([...all, '-sess_out', session])).toContain('New, TLSv1')
    const resumed = await handshake([...all, '-sess_in', session])
    expect(resumed).toContain('Reused, TLSv1')
    expect(resumed).toContain('Verify return code: 0 (ok)')
  }
  await expect(handshake([...to, '-tls1_1'])).rejects.toThrow()
}
