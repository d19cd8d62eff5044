// Idempotency-Keys.

/** 128 random bits. Not randomUUID: that is missing where a page is tried over plain http on a local network. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
