// Is this text well-formed UTF-8? In Lua a string is bytes; in Node it is not, and the answer is always yes.

const FIRST_NOT_ASCII = 0x80
const CONTINUATION_LOW = 0x80
const CONTINUATION_HIGH = 0xbf

function continues(text: string, from: number, count: number): boolean {
  for (let i = from; i < from + count; i++) {
    const byte = text.charCodeAt(i)
    // NaN past the end fails both comparisons
    if (!(byte >= CONTINUATION_LOW && byte <= CONTINUATION_HIGH)) return false
  }
  return true
}

/** How many bytes the sequence at `at` has; 0 when it is malformed (overlong, surrogate, past U+10FFFF, cut off). */
function sequenceLength(text: string, at: number): number {
  const lead = text.charCodeAt(at)
  if (lead < FIRST_NOT_ASCII) return 1
  const second = text.charCodeAt(at + 1)
  if (lead >= 0xc2 && lead <= 0xdf) return continues(text, at + 1, 1) ? 2 : 0
  if (lead >= 0xe0 && lead <= 0xef) {
    if (lead === 0xe0 && second < 0xa0) return 0
    if (lead === 0xed && second > 0x9f) return 0
    return continues(text, at + 1, 2) ? 3 : 0
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (lead === 0xf0 && second < 0x90) return 0
    if (lead === 0xf4 && second > 0x8f) return 0
    return continues(text, at + 1, 3) ? 4 : 0
  }
  return 0
}

/** `text` is bytes, one a character. */
export function isUtf8(text: string): boolean {
  const length = text.length
  let at = 0
  while (at < length) {
    // nearly all is ASCII: a loop of its own, without a call, that LuaJIT compiles whole
    while (at < length && text.charCodeAt(at) < FIRST_NOT_ASCII) at += 1
    if (at === length) return true
    const bytes = sequenceLength(text, at)
    if (bytes === 0) return false
    at += bytes
  }
  return true
}
