// The outer tier's entrypoint, run here as it runs in the container: the rendered configuration starts and refuses what is forged.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Http2Client } from '../../edge/test/tls'
import { findNjs, trialCertificate } from '../nginx'
import { freePort } from '../ports'
import { ManagedProcess } from '../processes'
import { ROOT } from '../stack'

const ENTRYPOINT = join(ROOT, 'packaging/containers/outer-entrypoint.sh')

let dir: string
let outer: ManagedProcess | undefined

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-outer-image-'))
})

afterEach(async () => {
  await outer?.stop()
  rmSync(dir, { recursive: true, force: true })
})

async function environment(): Promise<Record<string, string>> {
  return {
    OUTER_PREFIX: join(dir, 'prefix'),
    OUTER_TEMPLATE: join(ROOT, 'nginx/outer.conf.template'),
    OUTER_MODULE: findNjs(),
    OUTER_PROGRAM: join(ROOT, 'dist/njs/outer.js'),
    OUTER_LISTEN: `127.0.0.1:${await freePort()}`,
    OUTER_TLS_SETTINGS: join(ROOT, 'nginx/tls.conf'),
    OUTER_WORKERS: '1',
    OUTER_ERROR_LOG: join(dir, 'error.log'),
    OUTER_GATES: `127.0.0.1:${await freePort()},127.0.0.1:${await freePort()}`,
    RUSHGATE_SECRET: `k1:${'s'.repeat(32)}`,
  }
}

test('the outer tier starts from the image, with TLS where an address for it is named', async () => {
  const { certificate, key } = trialCertificate(join(dir, 'tls'))
  const address = `127.0.0.1:${await freePort()}`
  const tls = { OUTER_TLS_LISTEN: address, OUTER_TLS_CERTIFICATE: certificate, OUTER_TLS_KEY: key }
  const plain = await environment()
  const env = { ...plain, ...tls, OUTER_TRUSTED_PROXIES: '10.0.0.0/8,192.0.2.1' }
  const url = `http://${plain.OUTER_LISTEN}`
  outer = new ManagedProcess({
    name: 'outer image',
    command: ENTRYPOINT,
    args: [],
    env,
    log_file: join(dir, 'output.log'),
    more_logs: [join(dir, 'error.log')],
    ready: async () => (await fetch(`${url}/livez`)).status === 200,
  })
  await outer.start()
  const forged = await fetch(`${url}/sales`, { headers: { authorization: 'Bearer forged' } })
  expect([forged.status, ((await forged.json()) as { code: string }).code]).toEqual([401, 'no_session'])
  const rendered = readFileSync(join(dir, 'prefix/conf/nginx.conf'), 'utf8')
  const [first = '', second = ''] = plain.OUTER_GATES?.split(',') ?? []
  for (const [i, gate] of [first, second].entries())
    expect(rendered).toContain(`"~(^|, )${gate.replaceAll('.', '\\.')}$" rushgate_not_${i};`)
  const rest = `server ${second} max_fails=3 fail_timeout=5s; server ${first} backup;`
  expect(rendered).toContain(`upstream rushgate_not_0 { zone rushgate_not_0 64k; ${rest} }`)
  // no gate is there
  expect((await fetch(`${url}/sales`)).status).toBe(503)
  const client = new Http2Client(`https://${address}`, certificate)
  expect((await client.call('GET', '/livez')).status).toBe(200)
  expect(client.protocols()).toEqual(['h2', 'TLSv1.3'])
  client.close()
})

test.each(['OUTER_GATES', 'RUSHGATE_SECRET'])('%s that is missing stops the start by name', async (name) => {
  const { [name]: _, ...env } = await environment()
  const started = promisify(execFile)(ENTRYPOINT, [], { env: { ...process.env, ...env } })
  await expect(started).rejects.toThrow(name)
})

test('a file of secrets that is open to everybody stops the start', async () => {
  const file = join(dir, 'secrets')
  writeFileSync(file, `k1:${'s'.repeat(32)}\n`, { mode: 0o644 })
  const env = { ...process.env, ...(await environment()), RUSHGATE_SECRET_FILE: file }
  await expect(promisify(execFile)(ENTRYPOINT, [], { env })).rejects.toThrow('open to every user')
})
