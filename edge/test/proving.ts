// Solves challenges as a client of ALTCHA's protocol does, by the letter, with Node's own cryptography.
import { createHash } from 'node:crypto'
import type { Challenge, Proof } from '../../contract/challenge'

export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

export function solve({ algorithm, challenge, maxnumber, salt, signature }: Challenge): Proof {
  for (let number = 0; number <= maxnumber; number++) {
    if (sha256Hex(`${salt}${number}`) === challenge) return { algorithm, challenge, number, salt, signature }
  }
  throw new Error(`no number up to ${maxnumber}`)
}

/** Value of X-Rush-Proof. */
export function encodeProof(proof: object): string {
  return Buffer.from(JSON.stringify(proof)).toString('base64')
}
