// Proofs against a real gate: what is none is refused with proof_required, what is one is good for one reservation and its retries.
import { createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Challenge, formatSalt, type Proof, type SaltParts, SESSION_MARK_LENGTH } from '../../contract/challenge'
import { HKDF_BYTES, HKDF_SALT } from '../../contract/secrets'
import { parseSessionToken } from '../../contract/session-token'
import { encodeProof as encode, sha256Hex as hex, solve } from './proving'
import { type Answer, type DemoSession, type Shop, startShop, until } from './shop'

let shop: Shop
let ada: DemoSession
let eve: DemoSession
let keys = 0

async function challengeFor(who: DemoSession, sale: string): Promise<Challenge> {
  const answer = await shop.get(`/sales/${sale}/challenge`, who.session)
  expect(answer.status).toBe(200)
  return answer.body as unknown as Challenge
}

async function buy(who: DemoSession, sale: string, proof: string | undefined, key = `key-${keys++}`): Promise<Answer> {
  return shop.buy(sale, who.session, key, 1, proof === undefined ? {} : { 'x-rush-proof': proof })
}

async function refused(who: DemoSession, sale: string, proof: string | undefined): Promise<unknown> {
  const answer = await buy(who, sale, proof)
  expect([answer.status, answer.body.code]).toEqual([403, 'proof_required'])
  return answer.body.detail
}

/** A proof signed with the site's own secret, to see what is refused although the signature is right. */
function signedProof(who: DemoSession, sale: string, change: Partial<SaltParts> = {}, purpose = 'proof'): Proof {
  const [key_id = '', secret = ''] = (shop.stack.secret.split(',')[0] ?? '').split(':')
  const sid = parseSessionToken(who.session)?.sid
  const mark = createHash('sha256').update(`proof.${sid}.${who.user}`).digest('base64url').slice(0, SESSION_MARK_LENGTH)
  const salt = formatSalt({
    id: randomBytes(16).toString('base64url'),
    expires_s: Math.floor(Date.now() / 1000) + 60,
    key_id,
    sale,
    session: mark,
    after_s: 0,
    ...change,
  })
  const challenge = hex(`${salt}7`)
  const subkey = Buffer.from(hkdfSync('sha256', secret, HKDF_SALT, purpose, HKDF_BYTES))
  const signature = createHmac('sha256', subkey).update(challenge).digest('base64url')
  return { algorithm: 'SHA-256', challenge, number: 7, salt, signature }
}

beforeAll(async () => {
  shop = await startShop()
  await shop.open('asks', { total: 50, user_max: 20 }, { gate: { proof: true } })
  await shop.open('asks-too', { total: 50, user_max: 20 }, { gate: { proof: true } })
  await shop.open('free', { total: 50, user_max: 20 })
  const sessions = await shop.sessions(2, 'prover')
  ada = sessions[0] as DemoSession
  eve = sessions[1] as DemoSession
})

afterAll(() => shop?.close())

describe('a challenge', () => {
  it('is given to sessions only, and by sales that ask', async () => {
    expect((await shop.get('/sales/asks/challenge')).body.code).toBe('no_session')
    expect((await shop.get('/sales/free/challenge', ada.session)).status).toBe(404)
    const post = await shop.call('POST', '/sales/asks/challenge', {})
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  it('solved by the letter of the protocol, is good for a purchase', async () => {
    const given = await challengeFor(ada, 'asks')
    // fetch of Node says that it is a program: 30 points, and 20 double the 500,000
    expect(given).toMatchObject({ algorithm: 'SHA-256', maxnumber: 1_250_000 })
    expect(given.challenge).toMatch(/^[0-9a-f]{64}$/)
    const answer = await buy(ada, 'asks', encode(solve(given)))
    expect([answer.status, answer.body.status]).toEqual([202, 'held'])
  })

  it('is never the same twice', async () => {
    const [one, other] = await Promise.all([challengeFor(ada, 'asks'), challengeFor(ada, 'asks')])
    expect(one.salt).not.toBe(other.salt)
    expect(one.challenge).not.toBe(other.challenge)
  })
})

describe('a purchase', () => {
  it('needs no proof where the sale asks for none', async () => {
    expect((await buy(ada, 'free', undefined)).status).toBe(202)
  })

  it('is refused without one, and with what is none', async () => {
    const good = signedProof(ada, 'asks')
    const whole = encode(good)
    expect(await refused(ada, 'asks', undefined)).toContain('is missing')
    for (const text of [
      'x',
      '%%%',
      whole.slice(0, -20),
      encode([]),
      encode({}),
      `${whole}${whole}`,
      'A'.repeat(3000),
    ]) {
      expect(await refused(ada, 'asks', text)).toBe('X-Rush-Proof: is not a proof')
    }
    for (const change of [{ number: '7' }, { number: 7.5 }, { algorithm: 'SHA-1' }, { salt: `${good.salt}7` }]) {
      expect(await refused(ada, 'asks', encode({ ...good, ...change }))).toBe('X-Rush-Proof: is not a proof')
    }
    expect((await buy(ada, 'asks', whole)).status).toBe(202)
  })

  it('is refused with a forged proof', async () => {
    const given = signedProof(ada, 'asks')
    const forged = createHmac('sha256', 'guess').update(given.challenge).digest('base64url')
    for (const signature of [forged, given.signature.slice(0, -1), '', `${given.signature}A`]) {
      expect(await refused(ada, 'asks', encode({ ...given, signature }))).toBe('X-Rush-Proof: is not one of ours')
    }
    expect(await refused(ada, 'asks', encode({ ...given, number: 8 }))).toBe('X-Rush-Proof: is wrong')
    const later = given.salt.replace('expires=1', 'expires=2')
    expect(await refused(ada, 'asks', encode({ ...given, salt: later }))).toBe('X-Rush-Proof: is wrong')
  })

  it('is refused with a proof signed for another purpose or under an unknown key', async () => {
    const session_key = signedProof(ada, 'asks', {}, 'session')
    expect(await refused(ada, 'asks', encode(session_key))).toBe('X-Rush-Proof: is not one of ours')
    const other_key = signedProof(ada, 'asks', { key_id: 'nokey' })
    expect(await refused(ada, 'asks', encode(other_key))).toBe('X-Rush-Proof: is not one of ours')
  })

  it('is refused with a proof of another time, sale or shopper', async () => {
    const expired = signedProof(ada, 'asks', { expires_s: Math.floor(Date.now() / 1000) - 1 })
    expect(await refused(ada, 'asks', encode(expired))).toBe('X-Rush-Proof: has expired')
    expect(await refused(ada, 'asks', encode(signedProof(ada, 'asks-too')))).toBe('X-Rush-Proof: is for another sale')
    expect(await refused(ada, 'asks', encode(signedProof(eve, 'asks')))).toBe('X-Rush-Proof: is for another session')
    const older = (await shop.sessions(1, 'twice'))[0] as DemoSession
    const newer = (await shop.sessions(1, 'twice'))[0] as DemoSession
    expect(newer.user).toBe(older.user)
    expect(await refused(newer, 'asks', encode(signedProof(older, 'asks')))).toContain('another session')
  })

  it('spends its proof: another reservation with it is refused, a retry is the same reservation', async () => {
    const proof = encode(signedProof(ada, 'asks'))
    const first = await buy(ada, 'asks', proof, 'spends-it')
    expect(first.status).toBe(202)
    // at once and many times, as after lost answers
    const again = await Promise.all([1, 2, 3, 4].map(() => buy(ada, 'asks', proof, 'spends-it')))
    for (const answer of again) expect([answer.status, answer.body.reservation]).toEqual([202, first.body.reservation])
    await refused(ada, 'asks', proof)
    // another text of the same proof is the same proof
    const { algorithm, challenge, number, salt, signature } = JSON.parse(
      Buffer.from(proof, 'base64').toString(),
    ) as Proof
    await refused(ada, 'asks', encode({ signature, salt, number, challenge, algorithm, took: 5 }))
    // and with a new proof the retry is still what it was
    const with_other = await buy(ada, 'asks', encode(signedProof(ada, 'asks')), 'spends-it')
    expect([with_other.status, with_other.body.reservation]).toEqual([202, first.body.reservation])
  })

  it('that was made is answered to its retry when the proof has run out, is another or is not there', async () => {
    const expires_s = Math.floor(Date.now() / 1000) + 3
    const proof = encode(signedProof(ada, 'asks', { expires_s }))
    const first = await buy(ada, 'asks', proof, 'long-retried')
    expect(first.status).toBe(202)
    const same = async (who: DemoSession, headers: Record<string, string>) => {
      const answer = await shop.buy('asks', who.session, 'long-retried', 1, headers)
      expect([answer.status, answer.body.reservation]).toEqual([202, first.body.reservation])
    }
    await same(ada, { 'x-rush-retry': '1' })
    await until(async () => (await refused(ada, 'asks', proof)) === 'X-Rush-Proof: has expired')
    await same(ada, { 'x-rush-proof': proof })
    await same(ada, { 'x-rush-proof': proof, 'x-rush-retry': '1' })
    await same(ada, { 'x-rush-retry': '1' })
    // nothing is to be had by calling it a retry, nor is it anybody else's
    for (const [who, key] of [[ada, 'never-made'] as const, [eve, 'long-retried'] as const]) {
      for (const headers of [{}, { 'x-rush-proof': proof }] as Record<string, string>[]) {
        const answer = await shop.buy('asks', who.session, key, 1, { ...headers, 'x-rush-retry': '1' })
        expect([answer.status, answer.body.code]).toEqual([403, 'proof_required'])
      }
    }
  })

  it('of many at the same moment with one proof, one gets it', async () => {
    const proof = encode(signedProof(ada, 'asks-too'))
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => buy(ada, 'asks-too', proof, `racer-${i}`)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([202, ...Array<number>(11).fill(403)])
  })
})

describe('waiting instead', () => {
  const waitFor = (sale: string, session: string, query = 'form') =>
    fetch(`${shop.stack.urls.gate}/sales/${sale}/challenge?${query}`, {
      headers: { cookie: `rush_session=${session}` },
    })

  it('is a page that runs nothing, and its proof is none before its time', async () => {
    const answer = await waitFor('asks', eve.session)
    const page = await answer.text()
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const proof = /url=\?form&amp;proof=([A-Za-z0-9_-]+)"/.exec(page)?.[1] ?? ''
    expect(proof).not.toBe('')
    expect(await refused(eve, 'asks', proof)).toBe('X-Rush-Proof: is not valid yet')
    expect(await (await waitFor('asks', eve.session, `form&proof=${proof}`)).text()).toContain('Please wait')
  })

  it('ends with a proof of one session, good for one purchase', async () => {
    const now_s = Math.floor(Date.now() / 1000)
    const waited = Buffer.from(JSON.stringify(signedProof(eve, 'asks', { after_s: now_s - 1 }))).toString('base64url')
    const page = await (await waitFor('asks', eve.session, `form&proof=${waited}`)).text()
    expect(page).toContain(`href="/sales/asks#proof=${waited}"`)
    expect(await refused(ada, 'asks', waited)).toContain('another session')
    expect((await buy(eve, 'asks', waited)).status).toBe(202)
    await refused(eve, 'asks', waited)
  })

  it('writes nothing into the page that it was sent, and is limited', async () => {
    const whole = Buffer.from(JSON.stringify(signedProof(ada, 'asks'))).toString('base64url')
    const page = await (await waitFor('asks', ada.session, `form&proof=${whole}%22%3E=<script>`)).text()
    expect(page).not.toContain('<script')
    const codes: number[] = []
    for (let i = 0; i < 4; i++) codes.push((await waitFor('asks', ada.session)).status)
    expect(codes.at(-1)).toBe(429)
  })
})
