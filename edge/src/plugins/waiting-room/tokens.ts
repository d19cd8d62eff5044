// Tickets and passes made and checked: contract/ticket.ts, contract/pass.ts.
import { PASS_MARGIN_MS, type PassFields, readPassFields, unsignedPass } from '../../../../contract/pass'
import type { SubkeyPurpose } from '../../../../contract/secrets'
import { parseTicket, type TicketParts, unsignedTicket } from '../../../../contract/ticket'
import type { CryptoPort } from '../../kernel/plugin'

const NOT_OURS = 'is not one of ours'
const FOR_ANOTHER_SALE = 'is for another sale'
const OF_SOMEBODY_ELSE = 'is somebody else’s'

interface Signed {
  key_id: string
  sale: string
  user: string
  signed: string
  mac: string
}

function sign(crypto: CryptoPort, purpose: SubkeyPurpose, key_id: string, unsigned: string): string {
  return unsigned + '.' + (crypto.mac(purpose, key_id, unsigned) ?? '')
}

/** undefined when this site has signed it for this sale and user. */
function problemOf(
  crypto: CryptoPort,
  purpose: SubkeyPurpose,
  parts: Signed | undefined,
  sale: string,
  user: string,
): string | undefined {
  if (parts === undefined) return NOT_OURS
  const mac = crypto.mac(purpose, parts.key_id, parts.signed)
  if (mac === undefined || !crypto.equal(mac, parts.mac)) return NOT_OURS
  if (parts.sale !== sale) return FOR_ANOTHER_SALE
  if (parts.user !== crypto.toBase64Url(user)) return OF_SOMEBODY_ELSE
  return undefined
}

export function makeTicket(
  crypto: CryptoPort,
  sale: string,
  user: string,
  number: number,
  issued_ms: number,
  expires_ms: number,
): string {
  const key_id = crypto.signingKeyId()
  return sign(
    crypto,
    'ticket',
    key_id,
    unsignedTicket(key_id, sale, crypto.toBase64Url(user), number, issued_ms, expires_ms),
  )
}

/** The ticket, or what is wrong with it; whether it has expired is the caller's to see. */
export function readTicket(crypto: CryptoPort, text: string, sale: string, user: string): TicketParts | string {
  const parts = parseTicket(text)
  return problemOf(crypto, 'ticket', parts, sale, user) ?? (parts as TicketParts)
}

/** `place_ends_ms`: end of the place in checkout. */
export function makePass(
  crypto: CryptoPort,
  sale: string,
  user: string,
  pass_id: string,
  place_ends_ms: number,
): string {
  const key_id = crypto.signingKeyId()
  const expires_ms = place_ends_ms - PASS_MARGIN_MS
  return sign(crypto, 'pass', key_id, unsignedPass(key_id, sale, crypto.toBase64Url(user), pass_id, expires_ms))
}

/** The pass, or what is wrong with it; whether it has expired is the caller's to see. */
export function readPass(crypto: CryptoPort, text: string, sale: string, user: string): PassFields | string {
  const fields = readPassFields(text)
  if (fields === undefined || !crypto.isSigned('pass', fields.key_id, text, 0, fields.signed_end)) return NOT_OURS
  if (fields.sale !== sale) return FOR_ANOTHER_SALE
  return crypto.fromBase64UrlAt(text, fields.user_from, fields.user_to) === user ? fields : OF_SOMEBODY_ELSE
}
