// What the tokens with dots between their fields have in common: reading one field, strictly.

/** Key ids, as secrets have them (backend/src/secrets.ts). */
export const KEY_ID_LENGTH_MAX = 16
/** HMAC-SHA256 as unpadded base64url. */
export const TOKEN_MAC_LENGTH = 43

/** A time in ms: below 1e14, from where on Lua writes numbers with an exponent. */
export const TIME_LIMIT_MS = 1e14

/**
 * The whole number that `text` is, from `from` to below `limit`; −1 for everything else. Only the number's own text counts
 * ('01', '1e1', '0x1' and ' 1' are refused), so that two texts never mean the same token.
 */
export function wholeNumber(text: string, from: number, limit: number): number {
  const value = Number(text)
  // what is no whole number may be its own text too: '1e-7'
  if (!(value >= from && value < limit) || Math.floor(value) !== value || '' + value !== text) return -1
  // LuaJIT writes −0 as it came
  if (text.charCodeAt(0) === 45) return -1
  return value
}

/** Letters, digits, '-' and '_' only, of the given length: what base64url and ids consist of. */
export function isWord(text: string, length_min: number, length_max: number): boolean {
  if (text.length < length_min || text.length > length_max) return false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    const letter = (c >= 97 && c <= 122) || (c >= 65 && c <= 90)
    if (!letter && !(c >= 48 && c <= 57) && c !== 45 && c !== 95) return false
  }
  return true
}
