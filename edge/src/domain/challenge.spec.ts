import { describe, expect, it } from 'vitest'
import { formatSalt, type Proof, parseSalt, type SaltParts } from '../../../contract/challenge'
import { markOf } from '../../spec/fake-ports'
import { checkProof, maxNumber, numberFrom, type ProofTools } from './challenge'

const TOOLS: ProofTools = {
  mac: (key_id, message) => (key_id === 'k1' ? markOf('mac' + message) : undefined),
  equal: (a, b) => a === b,
  sha256Hex: (text) => 'sha256-hexadecimal-xx' + markOf(text),
}

const PARTS: SaltParts = {
  id: 'iiiiiiiiiiiiiiiiiiiiii',
  expires_s: 1000,
  key_id: 'k1',
  sale: 'spring',
  session: 'ssssssssssssssssssssss',
  after_s: 0,
}

function proofOf(change: Partial<SaltParts>, number: number): Proof {
  const salt = formatSalt({ ...PARTS, ...change })
  const challenge = TOOLS.sha256Hex(salt + number)
  return { algorithm: 'SHA-256', challenge, number, salt, signature: markOf('mac' + challenge) }
}

function problem(value: unknown, now_ms: number): string {
  const checked = checkProof(TOOLS, value, 'spring', PARTS.session, now_ms)
  return checked.id === '' ? checked.problem : 'spends ' + checked.id
}

describe('a salt', () => {
  it('is read as it was written, and to the letter', () => {
    const salt = formatSalt(PARTS)
    expect(salt).toBe('iiiiiiiiiiiiiiiiiiiiii?expires=1000&key=k1&sale=spring&session=ssssssssssssssssssssss&after=0&')
    expect(parseSalt(salt)).toEqual(PARTS)
    for (const other of [
      '',
      salt.substring(1),
      salt.substring(0, salt.length - 1),
      salt + '1',
      salt + 'x=1&',
      'iiiiiiiiiiiiiiiiiiiiii?expires=1e3&key=k1&sale=spring&session=ssssssssssssssssssssss&after=0&',
      'iiiiiiiiiiiiiiiiiiiiii?expires=01000&key=k1&sale=spring&session=ssssssssssssssssssssss&after=0&',
      'iiiiiiiiiiiiiiiiiiiiii?expires=-1&key=k1&sale=spring&session=ssssssssssssssssssssss&after=0&',
      'iiiiiiiiiiiiiiiiiiiiii?expires=nan&key=k1&sale=spring&session=ssssssssssssssssssssss&after=0&',
      'iiiiiiiiiiiiiiiiiiiiii?expires=1000&expires=2000&key=k1&sale=spring&session=s&after=0&',
    ]) {
      expect(parseSalt(other)).toBeUndefined()
    }
  })
})

describe('a proof', () => {
  it('is spent under the id of its challenge', () => {
    expect(problem(proofOf({}, 77), 999999)).toBe('spends ' + PARTS.id)
  })

  it('is none when it has another form', () => {
    const good = proofOf({}, 77)
    expect(problem(undefined, 5000)).toBe('is not a proof')
    for (const value of [
      5,
      'x',
      true,
      {},
      { ...good, algorithm: 'SHA-1' },
      { ...good, number: '77' },
      { ...good, number: 7.5 },
      { ...good, number: -1 },
      { ...good, number: 1e12 },
      { ...good, salt: 5 },
      { ...good, salt: 'x' + good.salt },
      { ...good, challenge: 'x' + good.challenge },
      { ...good, signature: 5 },
    ]) {
      expect(problem(value, 5000)).toBe('is not a proof')
    }
  })

  it('is none under another signature, key or number', () => {
    const good = proofOf({}, 77)
    expect(problem({ ...good, signature: good.signature.substring(1) }, 5000)).toBe('is not one of ours')
    expect(problem(proofOf({ key_id: 'k2' }, 77), 5000)).toBe('is not one of ours')
    expect(problem({ ...good, number: 78 }, 5000)).toBe('is wrong')
    // what the salt says counts only as it was signed
    expect(problem({ ...good, salt: formatSalt({ ...PARTS, expires_s: 9000 }) }, 5000)).toBe('is wrong')
    expect(problem({ ...good, salt: formatSalt({ ...PARTS, id: 'jjjjjjjjjjjjjjjjjjjjjj' }) }, 5000)).toBe('is wrong')
  })

  it('is for one sale, one session and a time', () => {
    expect(problem(proofOf({ sale: 'autumn' }, 77), 5000)).toBe('is for another sale')
    expect(problem(proofOf({ session: 'tttttttttttttttttttttt' }, 77), 5000)).toBe('is for another session')
    expect(problem(proofOf({}, 77), 1000000)).toBe('has expired')
  })

  it('got by waiting is none before its time', () => {
    const waited = proofOf({ after_s: 500 }, 0)
    const early = checkProof(TOOLS, waited, 'spring', PARTS.session, 499000)
    expect(early).toEqual({
      id: '',
      problem: 'is not valid yet',
      early_ms: 1000,
      expires_ms: 1000000,
      is_outdated: false,
    })
    expect(problem(waited, 500000)).toBe('spends ' + PARTS.id)
  })
})

describe('how hard it is', () => {
  const difficulty = { number_base: 1000, number_max: 5000, score_step: 20, calm_per_s: 100 }

  it('grows with the score and with the load, to a ceiling', () => {
    expect(maxNumber(difficulty, 0, 1)).toBe(1000)
    expect(maxNumber(difficulty, -5, 100)).toBe(1000)
    expect(maxNumber(difficulty, 20, 100)).toBe(2000)
    expect(maxNumber(difficulty, 0, 150)).toBe(1500)
    expect(maxNumber(difficulty, 40, 150)).toBe(4500)
    expect(maxNumber(difficulty, 400, 1)).toBe(5000)
  })

  it('takes the number from all of the range', () => {
    expect(numberFrom('AAAAAAAAxx', 999)).toBe(0)
    expect(numberFrom('________xx', 999)).toBe(999)
    expect(numberFrom('gAAAAAAAxx', 999)).toBe(500)
  })
})
