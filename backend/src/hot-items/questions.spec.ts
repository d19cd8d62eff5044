// What an operator may ask, and that every answer has a ceiling.
import { describe, expect, test } from 'vitest'
import { readQuestion } from './questions'

const NOW_MS = Date.parse('2026-03-10T12:00:00.000Z')

function ask(query: Record<string, string>) {
  return readQuestion(query, NOW_MS)
}

describe('a question', () => {
  test('of nothing is the top items of the last quarter of an hour', () => {
    expect(ask({})).toEqual({
      view: 'items',
      filter: { from_ms: NOW_MS + 1 - 900_000, to_ms: NOW_MS + 1 },
      limit: 20,
      step_ms: 60_000,
    })
  })

  test('takes times, filters and a limit', () => {
    const query = { view: 'addresses', from: '2026-03-10T10:00:00Z', to: '2026-03-10T11:00:00.000Z' }
    expect(ask({ ...query, item: 'shoe', ip: '2001:DB8::0:1', status: '429', limit: '3' })).toMatchObject({
      view: 'addresses',
      filter: { from_ms: NOW_MS - 7_200_000, to_ms: NOW_MS - 3_600_000, item: 'shoe', ip: '2001:db8::1', status: 429 },
      limit: 3,
    })
    expect(ask({ ip: '192.0.2.0/24' }).filter.ip).toBe('192.0.2.0/24')
    expect(ask({ view: 'timeline', last: '1500s', step: 'second' })).toMatchObject({ step_ms: 1000 })
  })

  test.each([
    [{ view: 'everything' }, /^view: must be one of items, addresses/],
    [{ viev: 'items' }, /^viev: not a field/],
    [{ last: '0m' }, /^last: must be a number with s, m, h or d behind it/],
    [{ last: '32d' }, /^last: items is for 2678400 s at most$/],
    [{ view: 'minutes', last: '25h' }, /^last: minutes is for 86400 s at most$/],
    [{ view: 'timeline', step: 'second', last: '1501s' }, /^last: timeline by second is for 1500 s at most$/],
    [{ from: '2026-03-10T10:00:00Z', last: '5m' }, /^last: must stand without/],
    [{ to: '2026-03-10T10:00:00Z' }, /^from: must be given where to is$/],
    [{ from: '2026-03-10T13:00:00Z' }, /^from: must be before to, and before now$/],
    [{ from: '2026-01-10T13:00:00Z' }, /^from: items is for/],
    [{ limit: '1001' }, /^limit: /],
    [{ view: 'latest', limit: '201' }, /^limit: must be at most 200 for latest$/],
    [{ view: 'minutes', limit: '21' }, /^limit: must be at most 20 for minutes$/],
    [{ view: 'share', item: 'shoe' }, /^ip: must be given for share$/],
    [{ ip: '192.0.2.1/24' }, /^ip: must be an address or a network/],
    [{ status: 'ok' }, /^status: must be a status/],
    [{ item: '' }, /^item: /],
  ])('%j is refused with the rule', (query, detail) => {
    expect(() => ask(query as Record<string, string>)).toThrowError(
      expect.objectContaining({ code: 'bad_request', detail: expect.stringMatching(detail) }),
    )
  })
})
