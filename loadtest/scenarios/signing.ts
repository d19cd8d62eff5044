// Signs requests in k6 as a page would, with k6's own cryptography. For Node see edge/test/signing.ts; both share the contract's text.
// Imports name the file with its ending: k6 runs TypeScript as it is and looks for nothing else.
import { hmac, sha256 } from 'k6/crypto'
import { b64decode } from 'k6/encoding'
import { signRequest } from '../../contract/request-signature.ts'

/** Value of X-Rush-Signature. `signing_key`: base64url, as POST /sessions and the demo sessions give it. */
export function signatureOf(
  signing_key: string,
  call: { method: string; path: string; time_ms: number; key: string; body: string },
): string {
  const key = b64decode(signing_key, 'rawurl')
  return signRequest(
    (text) => sha256(text, 'base64rawurl'),
    (text) => hmac('sha256', key, text, 'base64rawurl'),
    call,
  )
}
