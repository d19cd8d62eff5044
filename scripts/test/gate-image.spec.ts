// The gate image's entrypoint, run here as it runs in the container: the rendered configuration starts and serves.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Http2Client } from '../../edge/test/tls'
import { findNginx, trialCertificate } from '../nginx'
import { freePort } from '../ports'
import { ManagedProcess } from '../processes'
import { ROOT } from '../stack'

const ENTRYPOINT = join(ROOT, 'packaging/containers/gate-entrypoint.sh')

let dir: string
let gate: ManagedProcess | undefined

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-gate-image-'))
})

afterEach(async () => {
  await gate?.stop()
  rmSync(dir, { recursive: true, force: true })
})

async function environment(): Promise<Record<string, string>> {
  return {
    GATE_PREFIX: join(dir, 'prefix'),
    GATE_TEMPLATE: join(ROOT, 'nginx/nginx.conf.template'),
    GATE_MODULES: findNginx().modules,
    GATE_BUNDLE: join(ROOT, 'dist/rushgate.lua'),
    GATE_WEB_ROOT: join(ROOT, 'dist/web'),
    GATE_LISTEN: `127.0.0.1:${await freePort()}`,
    GATE_METRICS_LISTEN: `127.0.0.1:${await freePort()}`,
    GATE_WORKERS: '1',
    GATE_ERROR_LOG: join(dir, 'error.log'),
    RUSHGATE_CONFIG: join(ROOT, 'rushgate.json'),
    RUSHGATE_SECRET: `k1:${'s'.repeat(32)}`,
    RUSHGATE_REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
    RUSHGATE_BACKEND: `127.0.0.1:${await freePort()}`,
  }
}

async function startImage(env: Record<string, string>): Promise<string> {
  const url = `http://${env.GATE_LISTEN}`
  gate = new ManagedProcess({
    name: 'gate image',
    command: ENTRYPOINT,
    args: [],
    env,
    log_file: join(dir, 'output.log'),
    more_logs: [join(dir, 'error.log')],
    ready: async () => (await fetch(`${url}/livez`)).status === 200,
  })
  await gate.start()
  return url
}

test('the gate starts from the image', async () => {
  const url = await startImage(await environment())
  expect((await fetch(`${url}/`)).headers.get('content-type')).toContain('text/html')
  // no Redis and no backend here: it lives, and says that it cannot sell
  expect((await fetch(`${url}/healthz`)).status).toBe(503)
})

test('with an address for TLS it speaks HTTP/2 there', async () => {
  const { certificate, key } = trialCertificate(join(dir, 'tls'))
  const address = `127.0.0.1:${await freePort()}`
  const tls = { GATE_TLS_LISTEN: address, GATE_TLS_CERTIFICATE: certificate, GATE_TLS_KEY: key }
  await startImage({ ...(await environment()), ...tls, GATE_TLS_SETTINGS: join(ROOT, 'nginx/tls.conf') })
  const client = new Http2Client(`https://${address}`, certificate)
  expect((await client.call('GET', '/livez')).status).toBe(200)
  expect(client.protocols()).toEqual(['h2', 'TLSv1.3'])
  client.close()
})

test('a placeholder that the image does not know stops the start by name', async () => {
  const template = join(dir, 'template')
  writeFileSync(template, 'daemon off;\nlisten @NOBODY_KNOWS@;\n')
  const started = promisify(execFile)(ENTRYPOINT, [], {
    env: { ...process.env, ...(await environment()), GATE_TEMPLATE: template },
  })
  await expect(started).rejects.toThrow('@NOBODY_KNOWS@')
})

test('a value that is missing stops the start by name', async () => {
  const { RUSHGATE_BACKEND: _, ...env } = await environment()
  const started = promisify(execFile)(ENTRYPOINT, [], { env: { ...process.env, ...env } })
  await expect(started).rejects.toThrow('RUSHGATE_BACKEND')
})
