import { describe, expect, it } from 'vitest'
import { type FakeGate, fakeGate, knownSale, requestTo, said } from '../../../spec/fake-ports'
import type { GateRequest } from '../../kernel/request'
import { botScore } from './index'
import type { Thresholds } from './schema'

const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36'
const CHROME_NAMES =
  'Host\nConnection\nUser-Agent\nsec-ch-ua\nAccept\nOrigin\nSec-Fetch-Site\nSec-Fetch-Mode\nSec-Fetch-Dest\nAccept-Encoding~5991\nAccept-Language\n'
const CURL_NAMES = 'Host\nUser-Agent\nAccept\n'
const ANYWHERE: Thresholds = { routes: [], challenge_from: 0, refuse_from: 0 }

function curl(): FakeGate {
  const gate = fakeGate()
  gate.headers['user_agent'] = 'curl/7.88.1'
  gate.header_names = CURL_NAMES
  gate.agent_kind = 'library'
  return gate
}

function chrome(): FakeGate {
  const gate = fakeGate()
  gate.headers['user_agent'] = CHROME
  gate.headers['sec_ch_ua'] = '"Chromium";v="156"'
  gate.header_names = CHROME_NAMES
  return gate
}

function run(gate: FakeGate, request: GateRequest, thresholds: Thresholds[] = [], dry_run = false): string {
  const settings = { thresholds, trap_s: 3600, crawlers: [], crawlers_keep_s: 60, dry_run }
  return said(botScore.create(settings as never, gate.ports).access(request))
}

function buy(): GateRequest {
  return requestTo('reserve', 'spring', 'POST')
}

describe('bot-score', () => {
  it('counts, and nothing follows, as it is shipped', () => {
    const gate = curl()
    const request = buy()
    expect(run(gate, request)).toBe('nothing')
    expect(request.score).toBe(30)
    expect(request.proof_asked).toBe(false)
    expect(request.fingerprint).toBe('sha256-hexadecim')
    expect(gate.counted).toBe(' tool score_20_to_39')
    const person = chrome()
    const another = buy()
    expect(run(person, another)).toBe('nothing')
    expect(another.score).toBe(0)
    expect(person.counted).toBe(' browser')
  })

  it('asks for a proof, or refuses, from the thresholds of the sale on', () => {
    const gate = curl()
    gate.known = knownSale({ gate: { score: { challenge_from: 30, refuse_from: 31 } } })
    const request = buy()
    expect(run(gate, request)).toBe('nothing')
    expect(request.proof_asked).toBe(true)
    gate.known = knownSale({ gate: { score: { challenge_from: 31, refuse_from: 30 } } })
    expect(run(gate, buy())).toBe('refused')
    // and gives a challenge to whoever asks, because his purchase may need one
    const person = chrome()
    person.known = gate.known
    const asking = requestTo('challenge', 'spring', 'GET')
    expect(run(person, asking)).toBe('nothing')
    expect(asking.proof_asked).toBe(true)
  })

  it('goes by the first thresholds for a route where the sale has none', () => {
    const refuses: Thresholds = { routes: ['login'], challenge_from: 0, refuse_from: 30 }
    const gate = curl()
    expect(run(gate, requestTo('login', '', 'POST'), [refuses, ANYWHERE])).toBe('refused')
    expect(run(gate, buy(), [refuses, ANYWHERE])).toBe('nothing')
    expect(run(gate, requestTo('login', '', 'POST'), [ANYWHERE, refuses])).toBe('nothing')
    gate.known = knownSale({ gate: { score: {} } })
    expect(run(gate, buy(), [{ routes: [], challenge_from: 0, refuse_from: 1 }])).toBe('nothing')
  })

  it('tells the operator why, and the client nothing', () => {
    const gate = curl()
    gate.known = knownSale({ gate: { score: { refuse_from: 1 } } })
    const verdict = botScore.create({ thresholds: [], trap_s: 60 } as never, gate.ports).access(buy())
    expect(verdict?.kind === 'refusal' ? verdict.limit : '').toBe('30 tool')
    expect(verdict?.kind === 'refusal' ? verdict.detail : '').toBe(
      'This shop does not sell to programs that look like this one.',
    )
  })

  it('sells to no crawler, and to nobody else less who is allowed', () => {
    const gate = curl()
    gate.agent_kind = 'crawler'
    expect(run(gate, buy())).toBe('refused')
    expect(run(gate, requestTo('login', '', 'POST'))).toBe('refused')
    const allowed = buy()
    allowed.is_allowed = true
    expect(run(gate, allowed)).toBe('nothing')
    expect(allowed.score).toBe(0)
    expect(allowed.fingerprint).toBe('sha256-hexadecim')
  })

  it('asks the list again about a User-Agent that it had no time for', () => {
    const gate = curl()
    gate.agent_kind = undefined
    const phases = botScore.create({ thresholds: [], trap_s: 60 } as never, gate.ports)
    expect(said(phases.access(buy()))).toBe('nothing')
    gate.agent_kind = 'crawler'
    expect(said(phases.access(buy()))).toBe('refused')
    gate.agent_kind = 'none'
    expect(said(phases.access(buy()))).toBe('refused')
  })

  it('in a dry run raises nobody, and says whom it would have', () => {
    const gate = curl()
    gate.known = knownSale({ gate: { score: { challenge_from: 1 } } })
    const request = buy()
    expect(run(gate, request, [], true)).toBe('nothing')
    expect(request.score).toBe(0)
    expect(request.proof_asked).toBe(false)
    expect(gate.counted).toBe(' tool score_20_to_39 would_challenge')
    gate.known = knownSale({ gate: { score: { refuse_from: 1 } } })
    // the chain records it and goes on
    expect(run(gate, buy(), [], true)).toBe('refused')
  })
})

describe('a session that went on after being told that it asks too often', () => {
  it('has points, wherever it comes from; others have none', () => {
    const gate = fakeGate()
    gate.marks['hasty:on-of-eve-with-its-mac'] = true
    gate.headers['authorization'] = 'Bearer session-of-eve-with-its-mac'
    const request = requestTo('reserve', 'spring', 'POST')
    run(gate, request)
    const of_eve = request.score
    gate.headers['authorization'] = 'Bearer session-of-ada-with-another'
    const other = requestTo('reserve', 'spring', 'POST')
    run(gate, other)
    expect(of_eve - other.score).toBe(80)
    // the session plugin has put a session of ours in the place of the shop's own token
    const replaced = requestTo('take_ticket', 'spring', 'POST')
    replaced.session_mark = 'on-of-eve-with-its-mac'
    run(gate, replaced)
    expect(replaced.score - other.score).toBe(80)
  })
})

describe('the trap', () => {
  function follow(gate: FakeGate): string {
    return run(gate, requestTo('trap', '', 'GET'))
  }

  it('is a page, and remembers client and session', () => {
    const gate = chrome()
    gate.headers['authorization'] = 'Bearer s1.some.token.with-a-mac-at-its-end'
    expect(follow(gate)).toContain('nothing here for people')
    const request = buy()
    run(gate, request)
    expect(request.score).toBe(60)
    // another session of the same client: others may share address and browser
    gate.headers['authorization'] = 'Bearer s1.some.token.with-another-mac-here'
    const another = buy()
    run(gate, another)
    expect(another.score).toBe(20)
  })

  it('counts for an address only until somebody is signed in', () => {
    const gate = chrome()
    follow(gate)
    const login = requestTo('login', '', 'POST')
    run(gate, login)
    expect(login.score).toBe(40)
    // another browser at the same address
    gate.header_names = CHROME_NAMES + 'TE\n'
    gate.ports.crypto.sha256Hex = () => 'another-fingerprint'
    const neighbour = requestTo('login', '', 'POST')
    run(gate, neighbour)
    expect(neighbour.score).toBe(15)
    gate.headers['authorization'] = 'Bearer s1.some.token.with-another-mac-here'
    const signed_in = buy()
    run(gate, signed_in)
    expect(signed_in.score).toBe(0)
    const elsewhere = requestTo('login', '', 'POST')
    elsewhere.address = '192.0.2.2'
    gate.headers['authorization'] = undefined
    run(gate, elsewhere)
    expect(elsewhere.score).toBe(0)
  })

  it('knows a household with IPv6 by its /64', () => {
    const gate = chrome()
    const trap = requestTo('trap', '', 'GET')
    trap.address = '2001:db8:1:2::1'
    run(gate, trap)
    const login = requestTo('login', '', 'POST')
    login.address = '2001:db8:1:2:ffff::9'
    run(gate, login)
    expect(login.score).toBe(40)
  })

  it('has a field in the form for signing in, which people leave empty', () => {
    const gate = chrome()
    const login = requestTo('login', '', 'POST')
    for (const body of ['{"user":"ada"}', '{"user":"ada","referral_note":""}']) {
      gate.body = body
      run(gate, login)
      expect(login.score).toBe(0)
    }
    gate.body = '{"user":"ada","referral_note":"a"}'
    run(gate, login)
    expect(login.score).toBe(60)
    expect(gate.counted).toContain('trap_field')
  })
})

describe('a crawler', () => {
  function crawler(standing: FakeGate['crawler']): FakeGate {
    const gate = curl()
    gate.headers['user_agent'] = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'
    gate.agent_kind = 'crawler'
    gate.crawler = standing
    return gate
  }
  const read = (): GateRequest => requestTo('state', 'spring', 'GET')
  const strict: Thresholds = { routes: ['state'], challenge_from: 0, refuse_from: 100 }

  it('reads, also while nobody knows whether it is one, and gets no points when it is', () => {
    const reads = (standing: FakeGate['crawler'], score: number): void => {
      const gate = crawler(standing)
      gate.known = knownSale({ gate: { score: { refuse_from: 1 } } })
      const request = read()
      expect(run(gate, request, [strict])).toBe('nothing')
      expect(request.score).toBe(score)
    }
    reads(undefined, 40)
    reads('unverified', 40)
    reads('verified', 0)
  })

  it('that is none has points, is refused from the threshold on, and is remembered', () => {
    const gate = crawler('false')
    const request = read()
    expect(run(gate, request)).toBe('nothing')
    expect(request.score).toBe(100)
    expect(run(gate, read(), [strict])).toContain('refused')
    expect(gate.counted).toContain(' crawler_false')
    gate.headers['user_agent'] = 'curl/7.88.1'
    gate.agent_kind = 'library'
    const another = buy()
    run(gate, another)
    expect(another.score > 30).toBe(true)
  })

  it('does not buy, whoever it is', () => {
    expect(run(crawler('verified'), buy())).toContain('refused')
    expect(run(crawler('false'), buy())).toContain('refused')
  })
})
