// The keys that tokens and calls are signed with, drawn from RUSHGATE_SECRET or the file RUSHGATE_SECRET_FILE (contract/secrets.ts).
//
// The first secret signs, all of them verify, so that a secret can be rotated without ending anybody's session.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { HKDF_BYTES, HKDF_SALT, SECRET_LENGTH_MIN, type SubkeyPurpose } from '../../contract/secrets'

export interface Secret {
  id: string
  text: string
}

/** Throws a sentence that names what is wrong, never the secret. */
export function parseSecrets(value: string): Secret[] {
  const secrets: Secret[] = []
  const parts = value
    .split(/[,\n]/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
  if (parts.length === 0) throw new Error('names no secret')
  for (const [index, part] of parts.entries()) {
    const colon = part.indexOf(':')
    const id = part.substring(0, colon)
    const text = part.substring(colon + 1)
    if (colon < 1 || !/^[A-Za-z0-9_-]{1,16}$/.test(id)) {
      throw new Error(`secret ${index + 1}: must be <key id>:<secret>, the id 1 to 16 of A-Z a-z 0-9 _ -`)
    }
    if (text.length < SECRET_LENGTH_MIN) {
      throw new Error(`secret ${index + 1} ("${id}"): must have ${SECRET_LENGTH_MIN} characters, got ${text.length}`)
    }
    if (secrets.some((secret) => secret.id === id))
      throw new Error(`secret ${index + 1}: the id "${id}" is there twice`)
    secrets.push({ id, text })
  }
  return secrets
}

/** Refuses a file that everybody may read or write. */
export function readSecretFile(path: string): string {
  const others = statSync(path).mode & 0o007
  if (others !== 0) throw new Error(`${path} is open to every user of this machine: chmod o= ${path}`)
  return readFileSync(path, 'utf8')
}

interface SigningKey {
  id: string
  key: Buffer
}

export class Keyring {
  private readonly subkeys = new Map<string, SigningKey[]>()

  constructor(private secrets: Secret[]) {
    if (secrets.length === 0) throw new Error('no secret to sign with')
  }

  /** From now on these count. What a caller has in hand of the others stays good for the request it is at. */
  replace(secrets: Secret[]): void {
    if (secrets.length === 0) throw new Error('no secret to sign with')
    this.secrets = secrets
    this.subkeys.clear()
  }

  all(purpose: SubkeyPurpose): SigningKey[] {
    let keys = this.subkeys.get(purpose)
    if (keys === undefined) {
      keys = this.secrets.map(({ id, text }) => ({
        id,
        key: Buffer.from(hkdfSync('sha256', text, HKDF_SALT, purpose, HKDF_BYTES)),
      }))
      this.subkeys.set(purpose, keys)
    }
    return keys
  }

  signing(purpose: SubkeyPurpose): SigningKey {
    return this.all(purpose)[0] as SigningKey
  }

  find(purpose: SubkeyPurpose, id: string): Buffer | undefined {
    return this.all(purpose).find((each) => each.id === id)?.key
  }
}

export function hmacText(key: Buffer | string, message: string): string {
  return createHmac('sha256', key).update(message).digest('base64url')
}

/** Takes the same time wherever the texts differ; only their lengths can be learnt from it. */
export function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}
