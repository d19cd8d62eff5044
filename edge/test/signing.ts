// Signs requests as a page would, with Node's own cryptography.
import { createHash, createHmac } from 'node:crypto'
import { signRequest } from '../../contract/request-signature'

interface SignedCall {
  method: string
  path: string
  time_ms: number
  key: string
  body: string
}

/** Value of X-Rush-Signature. `signing_key`: base64url, as POST /sessions gives it. */
export function signatureOf(signing_key: string, call: SignedCall): string {
  const key = Buffer.from(signing_key, 'base64url')
  return signRequest(
    (text) => createHash('sha256').update(text).digest('base64url'),
    (text) => createHmac('sha256', key).update(text).digest('base64url'),
    call,
  )
}
