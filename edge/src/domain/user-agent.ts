// What a User-Agent claims: which family of browsers, and how new. A claim is all it is; domain/bot-score.ts holds it against the rest.

export type Family =
  /** Chrome, Edge, Opera, Samsung's and whatever else is built on Chromium; not on iOS */
  | 'chromium'
  | 'firefox'
  /** Safari, and every browser of iOS */
  | 'safari'
  /** a Chromium that an app shows pages in: some of them send fewer headers */
  | 'webview'
  /** claims to be no browser that is known here */
  | 'other'
  /** there is no User-Agent */
  | 'none'

export interface Claim {
  family: Family
  /** major version of the engine: Chrome/126 is 126, Version/17.5 is 17; 0 where it is not said */
  version: number
  /** what an 'other' calls itself: what stands before the first "/", at most 24 of a-z, 0-9, "-" and "." */
  product: string
}

const PRODUCT_LENGTH_MAX = 24
const DIGIT_0 = 48
const DIGIT_9 = 57

/** The whole number that follows `mark`; 0 when there is none. */
export function numberAfter(text: string, mark: string): number {
  const at = text.indexOf(mark)
  if (at < 0) return 0
  let value = 0
  for (let i = at + mark.length; i < at + mark.length + 4 && i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < DIGIT_0 || code > DIGIT_9) break
    value = value * 10 + (code - DIGIT_0)
  }
  return value
}

function isProductCode(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= DIGIT_0 && code <= DIGIT_9) || code === 45 || code === 46
}

function productOf(text: string): string {
  const small = text.toLowerCase()
  let length = 0
  while (length < small.length && length < PRODUCT_LENGTH_MAX && isProductCode(small.charCodeAt(length))) length += 1
  return small.substring(0, length)
}

/** '' for a request without User-Agent. */
export function readUserAgent(text: string): Claim {
  if (text === '') return { family: 'none', version: 0, product: '' }
  if (text.substring(0, 13) !== 'Mozilla/5.0 (') return { family: 'other', version: 0, product: productOf(text) }
  const chrome = numberAfter(text, 'Chrome/')
  if (chrome > 0) {
    const in_app = text.indexOf('; wv)') >= 0
    return { family: in_app ? 'webview' : 'chromium', version: chrome, product: '' }
  }
  const firefox = numberAfter(text, ' Firefox/')
  if (firefox > 0) return { family: 'firefox', version: firefox, product: '' }
  if (text.indexOf(' AppleWebKit/') > 0) {
    // in apps, and in Chrome and Firefox on iOS, the engine is as old as the system
    const version = numberAfter(text, ' Version/')
    return { family: 'safari', version: version > 0 ? version : numberAfter(text, ' OS '), product: '' }
  }
  return { family: 'other', version: 0, product: 'mozilla' }
}
