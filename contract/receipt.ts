// Receipts: what a refusal was decided on, sealed so that only the operator reads it. Nothing is stored: the receipt is the record.
//
//   e1.<key id>.<base64url of: 16 random bytes, 256 bytes of ciphertext, 16 bytes of tag>
//
// AES-256-GCM under the HKDF subkey "receipt" of that key id. The IV has 128 random bits instead of the usual 96: gates
// refuse by the million under one key, and 2^48 receipts later two IVs are still not equal.
// Every receipt has the same length, whatever is in it: its length tells a bot nothing either.
//
// Inside: nine fields, each ended by a line end, then the user, then zeroes. The user comes last with its length given,
// because it alone may hold any byte.

export const RECEIPT_IV_BYTES = 16
export const RECEIPT_TEXT_BYTES = 256
export const RECEIPT_TAG_BYTES = 16
/** base64url of the three */
export const RECEIPT_SEALED_LENGTH = 384

/** Bytes kept of each field; with the line ends these are the 256. What is cut ends in CUT_MARK. */
export const RECEIPT_FIELD_BYTES = {
  time: 13,
  code: 18,
  plugin: 20,
  node: 20,
  address: 39,
  route: 14,
  limit: 32,
  subject: 40,
  user_length: 2,
  user: 48,
}

const CUT_MARK = '~'

/** All texts are byte strings: in Node, UTF-8 seen as latin1. */
export interface ReceiptInputs {
  /** ms, as text of 13 digits */
  time: string
  /** the refusal's code */
  code: string
  /** who refused: a plugin, "gate" or "backend" */
  plugin: string
  /** host name of the node */
  node: string
  /** the client's address as it was counted */
  address: string
  route: string
  /** name of the rule or ceiling that was hit; '' where the code says it all */
  limit: string
  /** what the path names: a sale, a reservation, a provider */
  subject: string
  /** '' before a session was seen */
  user: string
}

function cut(text: string, bytes: number): string {
  return text.length <= bytes ? text : text.substring(0, bytes - 1) + CUT_MARK
}

/** At most RECEIPT_TEXT_BYTES; the sealer fills up with zeroes. */
export function receiptText(inputs: ReceiptInputs): string {
  const most = RECEIPT_FIELD_BYTES
  const user = cut(inputs.user, most.user)
  return (
    inputs.time +
    '\n' +
    cut(inputs.code, most.code) +
    '\n' +
    cut(inputs.plugin, most.plugin) +
    '\n' +
    cut(inputs.node, most.node) +
    '\n' +
    cut(inputs.address, most.address) +
    '\n' +
    cut(inputs.route, most.route) +
    '\n' +
    cut(inputs.limit, most.limit) +
    '\n' +
    cut(inputs.subject, most.subject) +
    '\n' +
    user.length +
    '\n' +
    user
  )
}

/** undefined for what `receiptText` never wrote. */
export function parseReceiptText(text: string): ReceiptInputs | undefined {
  const fields: string[] = []
  let from = 0
  for (let i = 0; i < 9; i++) {
    const end = text.indexOf('\n', from)
    if (end < 0) return undefined
    fields.push(text.substring(from, end))
    from = end + 1
  }
  const at = (index: number): string => fields[index] ?? ''
  const length = Number(at(8))
  if (!(length >= 0 && length <= RECEIPT_FIELD_BYTES.user) || !(Number(at(0)) > 0)) return undefined
  const user = text.substring(from, from + length)
  if (user.length !== length) return undefined
  return {
    time: at(0),
    code: at(1),
    plugin: at(2),
    node: at(3),
    address: at(4),
    route: at(5),
    limit: at(6),
    subject: at(7),
    user,
  }
}

interface ReceiptParts {
  key_id: string
  /** base64url, RECEIPT_SEALED_LENGTH of it */
  sealed: string
}

/** undefined for anything that cannot be a receipt; whether it is one its tag says. */
export function parseReceipt(text: string): ReceiptParts | undefined {
  if (text.substring(0, 3) !== 'e1.') return undefined
  const key_end = text.indexOf('.', 3)
  if (key_end < 4 || text.length - key_end - 1 !== RECEIPT_SEALED_LENGTH) return undefined
  return { key_id: text.substring(3, key_end), sealed: text.substring(key_end + 1) }
}
