// The shop's own tokens, made by Node's cryptography, at a real gate: believed when everything is right, and only then.
import { createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../../scripts/stack'
import { type Shop, startShop, until } from './shop'

const SEED = Number(process.env['SEED'] ?? 20260)
const RUNS = 300

type Json = Record<string, unknown>

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const other_rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ed = generateKeyPairSync('ed25519')
const secret = randomBytes(32)

let dir: string
let shop: Shop
let jwks_file: string
let keys = 0

function jwk(key: KeyObject, kid: string): Json {
  return { ...key.export({ format: 'jwk' }), kid }
}

const KEYS: Json[] = [
  { ...jwk(rsa.publicKey, 'rsa'), alg: 'RS256', use: 'sig' },
  jwk(ed.publicKey, 'ed'),
  { kty: 'oct', k: secret.toString('base64url'), kid: 'hmac' },
]

const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

function signature(alg: string, signed: string): Buffer {
  if (alg === 'RS256') return sign('sha256', Buffer.from(signed), rsa.privateKey)
  if (alg === 'EdDSA') return sign(null, Buffer.from(signed), ed.privateKey)
  return createHmac('sha256', secret).update(signed).digest()
}

const KIDS: Record<string, string> = { RS256: 'rsa', EdDSA: 'ed', HS256: 'hmac' }

function token(alg: string, claims: Json = {}, header: Json = {}, by = alg): string {
  const now_s = Math.floor(Date.now() / 1000)
  const all = { iss: 'https://shop.example', aud: 'rushgate', sub: 'zoë', exp: now_s + 300, tier: 3, ...claims }
  const signed = `${b64({ alg, kid: KIDS[alg], typ: 'JWT', ...header })}.${b64(all)}`
  return `${signed}.${signature(by, signed).toString('base64url')}`
}

async function answer(session: string): Promise<string> {
  const { status, body } = await shop.buy('jwt', session, `k-${keys++}`, 1)
  return `${status} ${body.code ?? body.status}`
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-jwt-'))
  jwks_file = join(dir, 'jwks.json')
  writeFileSync(jwks_file, JSON.stringify({ keys: KEYS }))
  const config = JSON.parse(readFileSync(join(ROOT, 'rushgate.json'), 'utf8')) as { plugins?: Json }
  const jwt = {
    keys: jwks_file,
    issuer: 'https://shop.example',
    audience: 'rushgate',
    level_claim: 'tier',
    clock_skew_s: 5,
  }
  config.plugins = { ...config.plugins, session: { jwt } }
  writeFileSync(join(dir, 'rushgate.json'), JSON.stringify(config))
  shop = await startShop({ config: join(dir, 'rushgate.json') })
  await shop.open('jwt', { total: 1000, user_max: 500 }, { gate: { level_min: 2 } })
})
afterAll(async () => {
  await shop.close()
  rmSync(dir, { recursive: true, force: true })
})

describe('tokens of the shop', () => {
  it('buy, poll, pay and give back, signed in any of the three ways', async () => {
    for (const alg of ['RS256', 'EdDSA', 'HS256']) {
      const mine = token(alg, { aud: ['x', 'rushgate'] })
      const bought = await shop.buy('jwt', mine, `k-${alg}`)
      expect([alg, bought.status]).toEqual([alg, 202])
      const path = `/reservations/${bought.body.reservation as string}`
      await until(async () => (await shop.get(path, mine)).body.status === 'confirmed')
      expect((await shop.get('/sales/jwt/reservations', mine)).status).toBe(200)
      const headers = { authorization: `Bearer ${mine}` }
      expect((await shop.call('POST', `${path}/payment`, headers)).status).toBe(200)
      expect((await shop.call('DELETE', path, headers)).status).toBe(200)
      // the same token, now from memory
      expect(await answer(mine)).toBe('202 held')
      const other = token(alg, { sub: 'eve' })
      expect((await shop.get(path, other)).status).toBe(404)
    }
  })

  it('bring their level', async () => {
    expect(await answer(token('EdDSA', { tier: 2 }))).toBe('202 held')
    expect(await answer(token('EdDSA', { tier: 1 }))).toBe('403 level_required')
    expect(await answer(token('EdDSA', { tier: undefined }))).toBe('403 level_required')
  })

  it('are nobody’s when anything is wrong', async () => {
    const now_s = Math.floor(Date.now() / 1000)
    const good = token('RS256')
    const pem = rsa.publicKey.export({ format: 'pem', type: 'spki' })
    const [head = '', payload = ''] = token('HS256', {}, { kid: 'rsa' }).split('.')
    const confused = createHmac('sha256', pem).update(`${head}.${payload}`).digest('base64url')
    const [rsa_head = '', rsa_payload = ''] = good.split('.')
    const by_other = sign('sha256', Buffer.from(`${rsa_head}.${rsa_payload}`), other_rsa.privateKey)
    const wrong: Record<string, string> = {
      'alg none': `${b64({ alg: 'none', kid: 'rsa' })}.${payload}.`,
      'alg none with a signature': `${b64({ alg: 'none', kid: 'rsa' })}.${payload}.AAAA`,
      'public key as secret': `${head}.${payload}.${confused}`,
      'HS256 said to be RS256': token('RS256', {}, { kid: 'rsa' }, 'HS256'),
      'key of another algorithm': token('RS256', {}, { kid: 'ed' }),
      'another key': `${rsa_head}.${rsa_payload}.${by_other.toString('base64url')}`,
      'unknown kid': token('RS256', {}, { kid: 'rsa2' }),
      'no kid, and several keys': token('RS256', {}, { kid: undefined }),
      crit: token('RS256', {}, { crit: ['exp'] }),
      expired: token('RS256', { exp: now_s - 6 }),
      'not yet': token('RS256', { nbf: now_s + 60 }),
      'no exp': token('RS256', { exp: undefined }),
      audience: token('RS256', { aud: 'other' }),
      issuer: token('RS256', { iss: 'https://evil.example' }),
      'no user': token('RS256', { sub: undefined }),
      'control character': token('RS256', { sub: 'a\u0000b' }),
      'long user': token('RS256', { sub: 'é'.repeat(129) }),
      truncated: good.slice(0, -1),
      longer: `${good}A`,
      'two parts': good.slice(0, good.lastIndexOf('.')),
      padded: `${good}==`,
      'too long': token('RS256', { x: 'y'.repeat(4000) }),
    }
    for (const [what, bad] of Object.entries(wrong)) expect([what, await answer(bad)]).toEqual([what, '401 no_session'])
    expect(await answer(good)).toBe('202 held')
  })

  it(`with any character changed are nobody’s (seed ${SEED})`, async () => {
    const tokens = ['RS256', 'EdDSA', 'HS256'].map((alg) => token(alg))
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/~'
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: letters.length - 1 }), fc.nat({ max: 2 }))
    await fc.assert(
      fc.asyncProperty(change, async ([place, letter, which]) => {
        const whole = tokens[which] as string
        const at = place % whole.length
        const changed = whole.slice(0, at) + letters[letter] + whole.slice(at + 1)
        if (changed === whole) return
        expect([at, await answer(changed)]).toEqual([at, '401 no_session'])
      }),
      { seed: SEED, numRuns: RUNS },
    )
  })

  it('follow the key file: a new key is believed, one that is gone no longer, and a broken file changes nothing', async () => {
    const by_rsa = token('RS256')
    const by_ed = token('EdDSA')
    expect([await answer(by_rsa), await answer(by_ed)]).toEqual(['202 held', '202 held'])
    writeFileSync(jwks_file, JSON.stringify({ keys: KEYS.slice(1) }))
    await until(async () => (await answer(by_rsa)) === '401 no_session')
    expect(await answer(by_ed)).toBe('202 held')
    writeFileSync(jwks_file, '{"keys": [')
    await until(async () => shop.stack.error_log().includes('the last good keys stay'))
    expect(await answer(by_ed)).toBe('202 held')
    writeFileSync(jwks_file, JSON.stringify({ keys: KEYS }))
    await until(async () => (await answer(by_rsa)) === '202 held')
    expect(shop.stack.error_log()).not.toContain(secret.toString('base64url'))
    expect(await shop.metric('rushgate_faults_total')).toBe(0)
  })
})
