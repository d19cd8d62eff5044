import { describe, expect, it } from 'vitest'
import { numberAfter, readUserAgent } from './user-agent'

const WEBKIT = 'AppleWebKit/537.36 (KHTML, like Gecko) '

describe('a User-Agent', () => {
  it('says which family of browsers it claims to be of, and how new', () => {
    const said: [text: string, family: string, version: number][] = [
      ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) ' + WEBKIT + 'Chrome/128.0.0.0 Safari/537.36', 'chromium', 128],
      ['Mozilla/5.0 (Windows NT 10.0) ' + WEBKIT + 'Chrome/128.0.0.0 Safari/537.36 Edg/127.0.0.0', 'chromium', 128],
      ['Mozilla/5.0 (X11; Linux x86_64) ' + WEBKIT + 'HeadlessChrome/156.0.0.0 Safari/537.36', 'chromium', 156],
      ['Mozilla/5.0 (Linux; Android 14; SM-S918B; wv) ' + WEBKIT + 'Version/4.0 Chrome/126.0.6478.71', 'webview', 126],
      ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'firefox', 128],
      ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ' + WEBKIT + 'Version/17.5 Safari/605.1.15', 'safari', 17],
      ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) ' + WEBKIT + 'CriOS/128.0 Mobile/15E148', 'safari', 18],
      ['Mozilla/5.0 (compatible; somebot/2.0; +https://example.com)', 'other', 0],
      ['Mozilla/4.0 (compatible; MSIE 6.0)', 'other', 0],
      ['curl/7.88.1', 'other', 0],
      ['', 'none', 0],
    ]
    for (const [text, family, version] of said) {
      const claim = readUserAgent(text)
      expect(text + ' ' + claim.family + ' ' + claim.version).toBe(text + ' ' + family + ' ' + version)
    }
  })

  it('that is no browser is known by its name', () => {
    expect(readUserAgent('Go-http-client/2.0').product).toBe('go-http-client')
    expect(readUserAgent('PostmanRuntime/7.1').product).toBe('postmanruntime')
    expect(readUserAgent('a-name-of-more-letters-than-anybody-needs').product).toBe('a-name-of-more-letters-t')
    expect(readUserAgent('<script>').product).toBe('')
  })

  it('has numbers of four digits at most', () => {
    expect(numberAfter('x Chrome/12345678', 'Chrome/')).toBe(1234)
    expect(numberAfter('x Chrome/', 'Chrome/')).toBe(0)
    expect(numberAfter('x', 'Chrome/')).toBe(0)
  })
})
