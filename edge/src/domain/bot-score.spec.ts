import { describe, expect, it } from 'vitest'
import { bucketOf, type Evidence, judge, WEIGHTS } from './bot-score'
import { readShape } from './header-shape'
import { readUserAgent } from './user-agent'

const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36'
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'
const HINTS = '"Not:A-Brand";v="8", "Chromium";v="156", "Google Chrome";v="156"'

const CHROME_NAMES =
  'Host\nConnection\nsec-ch-ua-platform\nUser-Agent\nsec-ch-ua\nsec-ch-ua-mobile\nAccept\nOrigin\nSec-Fetch-Site\nSec-Fetch-Mode\nSec-Fetch-Dest\nAccept-Encoding~5991\nAccept-Language\n'
const FIREFOX_NAMES =
  'Host\nUser-Agent\nAccept\nAccept-Language\nAccept-Encoding~5991\nOrigin\nConnection\nSec-Fetch-Dest\nSec-Fetch-Mode\nSec-Fetch-Site\n'
const SAFARI_NAMES =
  'Host\nAccept\nSec-Fetch-Site\nAccept-Language\nAccept-Encoding~4455\nSec-Fetch-Mode\nOrigin\nUser-Agent\nConnection\nSec-Fetch-Dest\n'

function evidence(agent: string, names: string, change: Partial<Evidence> = {}): Evidence {
  return {
    kind: 'none',
    claim: readUserAgent(agent),
    shape: readShape(names, true),
    hints: agent === CHROME ? HINTS : '',
    is_post: true,
    is_secure: true,
    ...change,
  }
}

function said(one: Evidence): string {
  const { points, reasons } = judge(one)
  return judge(one).class + ' ' + points + reasons
}

/** Without these names. */
function without(names: string, gone: string[]): string {
  let left = names
  for (const name of gone) {
    const at = left.indexOf(name)
    left = left.substring(0, at) + left.substring(left.indexOf('\n', at) + 1)
  }
  return left
}

describe('the score', () => {
  it('of browsers as they are is nothing', () => {
    expect(said(evidence(CHROME, CHROME_NAMES))).toBe('browser 0')
    expect(said(evidence(FIREFOX, FIREFOX_NAMES))).toBe('browser 0')
    expect(said(evidence(SAFARI, SAFARI_NAMES))).toBe('browser 0')
  })

  it('of browsers over plain http, where they send less, is nothing either', () => {
    const less = [
      'sec-ch-ua-platform',
      'sec-ch-ua\n',
      'sec-ch-ua-mobile',
      'Sec-Fetch-Site',
      'Sec-Fetch-Mode',
      'Sec-Fetch-Dest',
    ]
    const change = { is_secure: false, hints: '' }
    expect(said(evidence(CHROME, without(CHROME_NAMES, less), change))).toBe('browser 0')
    expect(said(evidence(CHROME, without(CHROME_NAMES, less), { hints: '' }))).toBe('contradictory 50 metadata hints')
  })

  it('of programs that say what they are is that alone', () => {
    const names = 'Host\nUser-Agent\nAccept\n'
    expect(said(evidence('curl/7.88.1', names, { kind: 'library' }))).toBe('tool 30 tool')
    // no list knows it, and it does not say that it is a browser
    expect(said(evidence('node', names))).toBe('tool 30 tool')
    expect(said(evidence('', 'Host\n'))).toBe('tool 40 no_agent')
    expect(said(evidence(CHROME, CHROME_NAMES, { kind: 'automation' }))).toBe('automation 40 automation')
    expect(said(evidence(CHROME, names, { kind: 'crawler' }))).toBe('crawler 40 crawler')
  })

  it('of programs that say they are a browser is what they forget', () => {
    const curl = evidence(CHROME, 'Host\nUser-Agent\nAccept\n', { hints: '' })
    expect(said(curl)).toBe('contradictory 95 metadata hints language encoding origin')
    // all of a browser's headers, sorted as Go does
    const sorted =
      'Host\nUser-Agent\nAccept\nAccept-Encoding~1\nAccept-Language\nOrigin\nsec-ch-ua\nSec-Fetch-Dest\nSec-Fetch-Mode\nSec-Fetch-Site\n'
    expect(said(evidence(CHROME, sorted))).toBe('contradictory 25 order')
    expect(said(evidence(FIREFOX, CHROME_NAMES, { hints: HINTS }))).toBe('contradictory 55 other_hints order')
    const newer = { hints: '"Chromium";v="160"' }
    expect(said(evidence(CHROME, CHROME_NAMES, newer))).toBe('contradictory 20 hints')
  })

  it('does not look at the order behind a proxy', () => {
    const shape = readShape('accept\nhost\nuser-agent\n', false)
    const { reasons } = judge(evidence(CHROME, '', { shape }))
    expect(reasons.indexOf('order')).toBe(-1)
  })

  it('asks nothing of a browser that it did not do yet when it was made', () => {
    const old = evidence(
      'Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/70.0 Safari/537.36',
      'Host\nUser-Agent\nAccept\nAccept-Encoding~1\nAccept-Language\nOrigin\n',
    )
    expect(said(old)).toBe('browser 10 old')
    // in an app: no version is known
    const app = evidence('Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko)', SAFARI_NAMES)
    expect(said(app)).toBe('browser 0')
  })

  it('never refuses by one odd header alone where its makers suggest 100', () => {
    for (const name in WEIGHTS) {
      // what somebody does weighs more than what his headers are like
      const most = name === 'hasty' ? 99 : 60
      expect(WEIGHTS[name as keyof typeof WEIGHTS] <= most).toBe(true)
    }
  })

  it('gives one fingerprint to all requests of a program, and another to another', () => {
    const get = judge(evidence(CHROME, without(CHROME_NAMES, ['Origin']), { is_post: false })).fingerprint_of
    expect(judge(evidence(CHROME, CHROME_NAMES)).fingerprint_of).toBe(get)
    expect(judge(evidence(FIREFOX, CHROME_NAMES)).fingerprint_of === get).toBe(false)
    const curl = judge(evidence('curl/7.88.1', 'Host\nUser-Agent\nAccept\n')).fingerprint_of
    expect(judge(evidence('curl/8.0', 'Host\nUser-Agent\nAccept\n')).fingerprint_of).toBe(curl)
    expect(judge(evidence('other/8.0', 'Host\nUser-Agent\nAccept\n')).fingerprint_of === curl).toBe(false)
  })

  it('is counted in buckets', () => {
    const names: string[] = []
    for (const score of [0, 1, 19, 20, 39, 40, 69, 70, 99, 100, 500]) names.push(bucketOf(score))
    expect(names).toEqual([
      'score_0',
      'score_1_to_19',
      'score_1_to_19',
      'score_20_to_39',
      'score_20_to_39',
      'score_40_to_69',
      'score_40_to_69',
      'score_70_to_99',
      'score_70_to_99',
      'score_100_up',
      'score_100_up',
    ])
  })
})
