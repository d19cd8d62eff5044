// A Redis that wants TLS, a user and a password, and keeps the sale in another database than the first.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../scripts/ports'
import { ManagedProcess } from '../../scripts/processes'
import { type Shop, startShop, until } from './shop'

const PASSWORD = 'p:a@ss/word'

let folder: string
let redis: ManagedProcess
let shop: Shop

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
}

function makeCertificate(): void {
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=Rushgate test CA',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
  )
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-keyout', 'redis.key', '-out', 'redis.csr')
  writeFileSync(join(folder, 'san.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  openssl(
    'x509',
    '-req',
    '-in',
    'redis.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'san.cnf',
    '-out',
    'redis.crt',
  )
}

function answersTls(port: number): boolean {
  const url = `rediss://shop:${encodeURIComponent(PASSWORD)}@localhost:${port}`
  return execFileSync('redis-cli', ['-u', url, '--cacert', 'ca.crt', '--no-auth-warning', 'PING'], {
    cwd: folder,
    stdio: 'pipe',
  })
    .toString()
    .includes('PONG')
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rushgate-tls-'))
  makeCertificate()
  const port = await freePort()
  const settings = [
    'port 0',
    `tls-port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    'tls-cert-file redis.crt',
    'tls-key-file redis.key',
    'tls-ca-cert-file ca.crt',
    'tls-auth-clients no',
    'appendonly yes',
    'appendfsync always',
    'user default off',
    `user shop on >${PASSWORD} ~* +@all`,
  ]
  writeFileSync(join(folder, 'redis.conf'), `${settings.join('\n')}\n`)
  redis = new ManagedProcess({
    name: 'Redis with TLS',
    command: 'redis-server',
    args: ['redis.conf'],
    cwd: folder,
    log_file: join(folder, 'redis.log'),
    ready: async () => answersTls(port),
  })
  await redis.start()
  const url = `rediss://shop:${encodeURIComponent(PASSWORD)}@localhost:${port}/2`
  const ca = join(folder, 'ca.crt')
  shop = await startShop({
    env: { REDIS_URL: url, RUSHGATE_REDIS_URL: url, RUSHGATE_CA_FILE: ca, NODE_EXTRA_CA_CERTS: ca },
  })
})

afterAll(async () => {
  await shop?.close()
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('a Redis behind TLS and a login', () => {
  it('serves a purchase from held to confirmed', async () => {
    await shop.open('secret', { total: 5, user_max: 1 })
    const session = (await shop.sessions(1, 'tls'))[0]?.session ?? ''
    const answer = await shop.buy('secret', session, 'tls-1')
    expect(answer.status).toBe(202)
    await until(
      async () => (await shop.get(`/reservations/${answer.body.reservation}`, session)).body.status === 'confirmed',
    )
    expect(shop.stack.error_log()).not.toContain(PASSWORD)
  })
})
