// Signs purchases with the key that came with the login (contract/request-signature.ts).
//
// The key is imported as non-extractable and kept in IndexedDB by user, so a reload can go on signing and no script can read it.
// Where the browser has no WebCrypto (plain http that is not loopback) or forgets, requests go unsigned: a sale that asks
// for signatures then says signature_required, and the page asks to sign in again.
import { SIGNATURE_HEADER, signatureHeader, signedText } from '../../contract/request-signature'

const DATABASE = 'rush1'
const STORE = 'signing-keys'
const ALGORITHM = { name: 'HMAC', hash: 'SHA-256' }

const keys = new Map<string, CryptoKey>()
const encoder = new TextEncoder()
let now: () => number = Date.now
let user = ''

/** The server's time as the page knows it: a device's own clock may be hours off. */
export function signByClock(clock: () => number): void {
  now = clock
}

/** Whose key signs from now on. */
export function signAs(who: string | undefined): void {
  user = who ?? ''
}

/** `text`: base64url, as the login gave it. */
export async function keepSigningKey(whose: string, text: string): Promise<void> {
  keys.delete(whose)
  try {
    const key = await crypto.subtle.importKey('raw', bytesOf(text), ALGORITHM, false, ['sign'])
    keys.set(whose, key)
    await inStore('readwrite', (store) => store.put(key, whose))
  } catch {
    // not to be signed with, or not to be kept: see above
  }
}

/** The header to add; none where there is no key. */
export async function signatureFor(request: {
  method: string
  path: string
  key: string
  body: string
}): Promise<Record<string, string>> {
  const whose = user
  try {
    const key = keys.get(whose) ?? (await inStore<CryptoKey>('readonly', (store) => store.get(whose)))
    if (key === undefined) return {}
    keys.set(whose, key)
    const time = String(Math.floor(now()))
    const hash = await crypto.subtle.digest('SHA-256', encoder.encode(request.body))
    const text = signedText(request.method, request.path, time, request.key, base64Url(hash))
    const mac = await crypto.subtle.sign('HMAC', key, encoder.encode(text))
    return { [SIGNATURE_HEADER]: signatureHeader(time, base64Url(mac)) }
  } catch {
    return {}
  }
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (character) => character.charCodeAt(0))
}

function base64Url(bytes: ArrayBuffer): string {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)))
  return text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}

function settled<Value>(request: IDBRequest<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

async function inStore<Value>(
  mode: IDBTransactionMode,
  act: (store: IDBObjectStore) => IDBRequest,
): Promise<Value | undefined> {
  const opening = indexedDB.open(DATABASE, 1)
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE)
  const database = await settled(opening)
  try {
    return (await settled(act(database.transaction(STORE, mode).objectStore(STORE)))) as Value | undefined
  } finally {
    database.close()
  }
}
