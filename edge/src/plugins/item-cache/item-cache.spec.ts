import { describe, expect, it } from 'vitest'
import { type FakeGate, fakeGate, requestTo, said } from '../../../spec/fake-ports'
import { type ItemRules, timesOf } from '../../domain/item-times'
import type { ItemPage } from '../../kernel/items'
import type { PluginPhases } from '../../kernel/plugin'
import type { GateRequest } from '../../kernel/request'
import type { Answer, Verdict } from '../../kernel/verdict'
import { answerFilled } from './answers'
import { itemCache } from './index'

const NOW_MS = 1767225600000
const RULES: ItemRules = { fresh_ms: 30000, hot_fresh_ms: 120000, jitter: 0, stale_ms: 3600000, missing_ms: 2000 }
const SETTINGS = {
  ...RULES,
  jitter_percent: 0,
  unfiltered_per_s_max: 50,
  client_max_age_s: 0,
} as never

function pageFrom(fetched_ms: number, is_hot: boolean): ItemPage {
  return {
    content_type: 'text/html; charset=utf-8',
    tag: 'W/"p7"',
    version: 7,
    times: timesOf(RULES, fetched_ms, is_hot, 0),
    body: 'page',
    gzip: 'zip',
    from: 'worker',
  }
}

function gateWith(page: ItemPage | undefined): FakeGate {
  const gate = fakeGate()
  gate.items.pages['shoe'] = page
  return gate
}

function door(gate: FakeGate): PluginPhases {
  return itemCache.create(SETTINGS, gate.ports)
}

function request(after_ms: number): GateRequest {
  const asked = requestTo('item', 'shoe', 'GET')
  asked.now_ms = NOW_MS + after_ms
  return asked
}

function answerOf(verdict: Verdict | undefined): Answer {
  if (verdict === undefined || verdict.kind !== 'answer')
    return { kind: 'answer', status: 0, content_type: '', body: '' }
  return verdict
}

describe('a page that is there', () => {
  it('is answered with its tag, its age and how it came', () => {
    const answer = answerOf(door(gateWith(pageFrom(NOW_MS, false))).access(request(12345)))
    expect(answer.status).toBe(200)
    expect(answer.body).toBe('page')
    expect(answer.content_type).toBe('text/html; charset=utf-8')
    expect(answer.kept).toEqual({
      cache_control: 'public, no-cache',
      tag: 'W/"p7"',
      age_s: 12,
      cache_status: 'rushgate; hit',
      encoding: '',
    })
  })

  it('comes compressed to who takes that, and not at all to who has it', () => {
    const gate = gateWith(pageFrom(NOW_MS, false))
    gate.headers['accept_encoding'] = 'gzip, br'
    const compressed = answerOf(door(gate).access(request(0)))
    expect(compressed.body).toBe('zip')
    expect(compressed.kept?.encoding).toBe('gzip')
    gate.headers['accept_encoding'] = 'br'
    expect(answerOf(door(gate).access(request(0))).body).toBe('page')
    gate.headers['if_none_match'] = 'W/"p7"'
    expect(said(door(gate).access(request(0)))).toBe('304 ')
    gate.headers['if_none_match'] = 'W/"p6"'
    expect(said(door(gate).access(request(0)))).toBe('200 page')
  })

  it('past its end is shown, marked, and fetched anew', () => {
    const gate = gateWith(pageFrom(NOW_MS, false))
    const fresh = answerOf(door(gate).access(request(29999)))
    expect(fresh.kept?.cache_status).toBe('rushgate; hit')
    expect(gate.items.refreshed).toBe('')
    const stale = answerOf(door(gate).access(request(30000)))
    expect(stale.body).toBe('page')
    expect(stale.kept?.cache_status).toBe('rushgate; hit; detail=stale')
    expect(gate.items.refreshed).toBe(' shoe')
  })

  it('of a hot item is fetched anew before its end', () => {
    const gate = gateWith(pageFrom(NOW_MS, true))
    gate.items.hot['shoe'] = true
    door(gate).access(request(89999))
    expect(gate.items.refreshed).toBe('')
    expect(answerOf(door(gate).access(request(90001))).kept?.cache_status).toBe('rushgate; hit')
    expect(gate.items.refreshed).toBe(' shoe')
  })

  it('is not shown when it is too old: somebody has to wait for it', () => {
    const gate = gateWith(pageFrom(NOW_MS, false))
    expect(said(door(gate).access(request(3630000)))).toBe('nothing')
    expect(gate.counted).toBe(' miss')
  })
})

describe('an item that is not there', () => {
  it('goes on to the backend when it may exist', () => {
    const gate = gateWith(undefined)
    expect(said(door(gate).access(request(0)))).toBe('nothing')
  })

  it('costs the backend nothing when it cannot exist', () => {
    const gate = gateWith(undefined)
    gate.items.known = 'no'
    expect(said(door(gate).access(request(0)))).toBe('not_found')
    expect(gate.counted).toBe(' filtered')
  })

  it('or did not a moment ago', () => {
    const gate = gateWith(undefined)
    gate.items.missing['shoe'] = true
    expect(said(door(gate).access(request(0)))).toBe('not_found')
    expect(gate.counted).toBe(' missing')
  })

  it('is asked for within a limit while nobody has said which items there are', () => {
    const gate = gateWith(undefined)
    gate.items.known = 'unsure'
    gate.count = 50
    expect(said(door(gate).access(request(0)))).toBe('nothing')
    gate.count = 51
    const verdict = door(gate).access(request(0))
    expect(said(verdict)).toBe('busy')
    if (verdict !== undefined && verdict.kind === 'refusal') {
      expect(verdict.limit).toBe('item-cache.unfiltered_per_s_max')
    }
  })
})

describe('degraded to pages from memory', () => {
  it('shows what there is, asks the backend nothing, and refuses the rest for a while', () => {
    const gate = gateWith(pageFrom(NOW_MS, false))
    gate.level = 2
    expect(said(door(gate).access(request(40000)))).toBe('200 page')
    expect(gate.items.refreshed).toBe('')
    gate.items.pages['shoe'] = undefined
    expect(said(door(gate).access(request(40000)))).toBe('busy')
    gate.items.known = 'no'
    expect(said(door(gate).access(request(40000)))).toBe('not_found')
  })
})

describe('after the wait', () => {
  it('each outcome has its answer', () => {
    const { http } = fakeGate().ports
    const page = pageFrom(NOW_MS, false)
    const of = (outcome: 'page' | 'missing' | 'late' | 'busy' | 'failed' | 'too_large', collapsed: boolean) =>
      answerFilled(http, { outcome, page, collapsed, limit: 'item-cache.wait_ms_max' }, 'public', NOW_MS)
    expect(answerOf(of('page', false)).kept?.cache_status).toBe('rushgate; fwd=uri-miss; stored')
    expect(answerOf(of('page', true)).kept?.cache_status).toBe('rushgate; fwd=uri-miss; collapsed')
    expect(said(of('missing', false))).toBe('not_found')
    expect(said(of('busy', false))).toBe('busy')
    expect(said(of('late', true))).toBe('unavailable')
    expect(said(of('failed', true))).toBe('unavailable')
    expect(of('too_large', false)).toBeUndefined()
  })
})

it('says nothing on other routes', () => {
  expect(said(door(gateWith(pageFrom(NOW_MS, false))).access(requestTo('state', 'shoe', 'GET')))).toBe('nothing')
})
