// Signatures of webhooks: HMAC-SHA256 over "<timestamp>.<body>", sent as "t=<ms>,v1=<hex>".
//
// The time is signed too, so that a webhook that somebody has recorded cannot be played back later.
import { createHmac } from 'node:crypto'
import { Refusal } from '../http/refusal'
import { type Keyring, sameText } from '../secrets'

export const SIGNATURE_HEADER = 'rush-sandbox-signature'
const SIGNATURE_AGE_MAX_MS = 5 * 60 * 1000

function signature(key: Buffer, timestamp_ms: number, body: Buffer): string {
  return createHmac('sha256', key).update(`${timestamp_ms}.`).update(body).digest('hex')
}

export function signWebhook(keyring: Keyring, body: Buffer, now_ms: number): string {
  return `t=${now_ms},v1=${signature(keyring.signing('sandbox-payment').key, now_ms, body)}`
}

/** Refuses what is not signed by any of our secrets, and what was signed too long ago or ahead. */
export function verifyWebhook(
  keyring: Keyring,
  header: string | string[] | undefined,
  body: Buffer,
  now_ms: number,
): void {
  const match = /^t=(\d{1,15}),v1=([0-9a-f]{64})$/.exec(typeof header === 'string' ? header : '')
  if (match === null) throw new Refusal('signature_required', `${SIGNATURE_HEADER}: must be t=<ms>,v1=<hex>`)
  const timestamp_ms = Number(match[1])
  let valid = false
  for (const { key } of keyring.all('sandbox-payment')) {
    if (sameText(signature(key, timestamp_ms, body), match[2] as string)) valid = true
  }
  if (!valid) throw new Refusal('signature_required', `${SIGNATURE_HEADER}: the signature is not right`)
  if (Math.abs(now_ms - timestamp_ms) > SIGNATURE_AGE_MAX_MS) {
    throw new Refusal('signature_required', `${SIGNATURE_HEADER}: signed more than ${SIGNATURE_AGE_MAX_MS} ms from now`)
  }
}
