// The report is one file that needs nothing else, and its figures come from the printed answers.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { collectAnswers, countBy, outcomeOf, quantile } from './answers'
import { niceCeiling } from './drawing'
import { PROFILES } from './profiles'
import { reportHtml, writeReport } from './report'
import type { PrintedShopper } from './run-file'

const dir = mkdtempSync(join(tmpdir(), 'rushgate-report-'))
afterAll(() => rmSync(dir, { recursive: true }))

const ID = `r1.spring.0.${'b'.repeat(22)}.${'m'.repeat(16)}`
const PRINTED: PrintedShopper[] = [
  [
    1,
    [
      ['reserve', 1000, 1004, 3.5, 202, '', ID, 'held', [7], '', ''],
      ['poll', 1500, 1502, 1.5, 200, '', ID, 'confirmed', [], 'o-1', '2026-01-01T00:00:00.000Z'],
    ],
  ],
  [0, [['reserve', 900, 905, 4.5, 410, 'sold_out', '', '', [], '', '']]],
  [2, [['reserve', 1200, 11_200, 10_000, 0, '', '', '', [], '', '']]],
]

async function collected() {
  const file = join(dir, 'answers.jsonl')
  const lines = ['level=warning msg="not ours"', ...PRINTED.map((shopper) => JSON.stringify(shopper))]
  writeFileSync(file, lines.join('\n'))
  return collectAnswers(file, ['ann', 'bob', 'cid'], 'mug', 1)
}

describe('answers', () => {
  it('are read back as they were printed', async () => {
    const { attempts, samples, arrivals_ms } = await collected()
    expect(arrivals_ms).toEqual([900, 1000, 1200])
    expect(attempts.map(({ user }) => user)).toEqual(['bob', 'ann', 'cid'])
    expect(attempts.map(outcomeOf)).toEqual(['confirmed', 'sold_out', 'no answer'])
    expect(attempts[0]?.answers[1]).toMatchObject({ order: 'o-1', pay_by_ms: Date.UTC(2026, 0, 1), http: 200 })
    expect(countBy(samples, ({ result }) => result)).toEqual({ '202': 1, '200': 1, sold_out: 1, 'no answer': 1 })
  })

  it('keep a shopper who was cut off, as one who may have bought', async () => {
    const file = join(dir, 'cut-off.jsonl')
    writeFileSync(file, ['[0,900]', '[1,950]', JSON.stringify(PRINTED[1])].join('\n'))
    const { attempts, samples, arrivals_ms, cut_off } = await collectAnswers(file, ['ann', 'bob'], 'mug', 1)
    expect(cut_off).toBe(1)
    expect(arrivals_ms).toEqual([900, 950])
    expect(attempts.map(({ user }) => user)).toEqual(['ann', 'bob'])
    expect(attempts.map(outcomeOf)).toEqual(['sold_out', 'no answer'])
    expect(samples.map(({ result }) => result)).toEqual(['sold_out'])
  })

  it('name a shopper whom nobody sent', async () => {
    const file = join(dir, 'stray.jsonl')
    writeFileSync(file, JSON.stringify([9, []]))
    await expect(collectAnswers(file, ['ann'], 'mug', 1)).rejects.toThrow('shopper 9, there are 1')
  })

  it('quantiles do not exceed what was seen', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i)
    expect([quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1), quantile([], 0.5)]).toEqual([
      50, 99, 100, 0,
    ])
  })
})

describe('report', () => {
  it('fetches nothing, and shows what was wrong as text', async () => {
    const [profile] = PROFILES
    if (profile === undefined) throw new Error('no profile')
    const { samples, attempts } = await collected()
    const report = {
      profile,
      target: 'the gate',
      result: { codes: { sold_out: 1 }, orders: 1 },
      samples,
      outcomes: countBy(attempts, outcomeOf),
      terms: [],
      violations: [{ kind: 'lost' as const, what: '<script>alert(1)</script>' }],
      shortfalls: [],
    }
    const html = reportHtml(report)
    expect(html).toContain('did not hold')
    expect(html).toContain('&lt;script&gt;')
    expect(html).not.toMatch(/<script|<link|<img|url\(|(src|href)=/i)
    expect(html.match(/<svg/g)).toHaveLength(4)
    expect(html).not.toContain('NaN')
    expect(readFileSync(writeReport(join(dir, 'reports'), report), 'utf8')).toContain('<svg')
    expect(reportHtml({ ...report, samples: [], outcomes: {}, violations: [] })).not.toContain('NaN')
  })

  it('scales end at a round figure', () => {
    expect([0.1, 0.3, 1, 7, 11, 180, 2000].map(niceCeiling)).toEqual([0.1, 0.5, 1, 10, 20, 200, 2000])
  })
})
