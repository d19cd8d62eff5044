// Receipts of refusals (contract/receipt.ts): sealed here for the backend's own, opened here for everybody's.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Request } from 'express'
import {
  parseReceipt,
  parseReceiptText,
  RECEIPT_IV_BYTES,
  RECEIPT_TAG_BYTES,
  RECEIPT_TEXT_BYTES,
  type ReceiptInputs,
  receiptText,
} from '../../../contract/receipt'
import { clientAddress } from '../http/client-address'
import type { Keyring } from '../secrets'

const CIPHER = 'aes-256-gcm'
const OPTIONS = { authTagLength: RECEIPT_TAG_BYTES }

/** The contract counts bytes: UTF-8, seen as latin1. */
function toBytes(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function fromBytes(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString()
}

/** `now_ms` and the rest in plain text; what is too long is cut. */
export function sealReceipt(keyring: Keyring, inputs: ReceiptInputs): string {
  const { id, key } = keyring.signing('receipt')
  const plain = Buffer.alloc(RECEIPT_TEXT_BYTES)
  plain.write(receiptText(mapped(inputs, toBytes)), 'latin1')
  const iv = randomBytes(RECEIPT_IV_BYTES)
  const cipher = createCipheriv(CIPHER, key, iv, OPTIONS)
  const sealed = Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  return `e1.${id}.${sealed.toString('base64url')}`
}

type OpenedReceipt = { receipt: ReceiptInputs } | { problem: 'malformed' | 'not_ours' }

export function openReceipt(keyring: Keyring, text: string): OpenedReceipt {
  const parts = parseReceipt(text)
  if (parts === undefined || !/^[\w-]+$/.test(parts.sealed)) return { problem: 'malformed' }
  const key = keyring.find('receipt', parts.key_id)
  if (key === undefined) return { problem: 'not_ours' }
  const bytes = Buffer.from(parts.sealed, 'base64url')
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, RECEIPT_IV_BYTES), OPTIONS)
  decipher.setAuthTag(bytes.subarray(-RECEIPT_TAG_BYTES))
  let plain: Buffer
  try {
    const sealed = bytes.subarray(RECEIPT_IV_BYTES, -RECEIPT_TAG_BYTES)
    plain = Buffer.concat([decipher.update(sealed), decipher.final()])
  } catch {
    return { problem: 'not_ours' }
  }
  const inputs = parseReceiptText(plain.toString('latin1'))
  return inputs === undefined ? { problem: 'not_ours' } : { receipt: mapped(inputs, fromBytes) }
}

function mapped(inputs: ReceiptInputs, change: (text: string) => string): ReceiptInputs {
  const { time, code, plugin, node, address, route, limit, subject, user } = inputs
  return {
    time,
    code,
    plugin: change(plugin),
    node: change(node),
    address: change(address),
    route: change(route),
    limit: change(limit),
    subject: change(subject),
    user: change(user),
  }
}

/** The shopper of each request whose session was right, for its receipt. */
const users = new WeakMap<Request, string>()

export function rememberUser(request: Request, user: string): void {
  users.set(request, user)
}

/** What a refusal of the backend is sealed into. */
export function receiptInputs(request: Request, code: string): ReceiptInputs {
  return {
    time: String(Date.now()),
    code,
    plugin: 'backend',
    node: hostname(),
    address: singleLine(clientAddress(request)),
    route: request.method,
    limit: '',
    subject: singleLine(request.path),
    user: users.get(request) ?? '',
  }
}

function singleLine(text: string): string {
  return text.replaceAll('\n', ' ')
}
