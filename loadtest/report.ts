// One HTML file a run: figures, outcomes, latency and answers over time, the ledger's terms, what was wrong.
// Self-contained (inline SVG, no script, nothing fetched), so that it can be sent around and opened anywhere.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LedgerTerms, Violation } from '../faults/checkers/evidence'
import { quantile, type Sample } from './answers'
import { barChart, colourOf, escapeHtml, legend, lineChart, shareBar } from './drawing'
import type { Profile } from './profiles'

const BUCKETS = 60
const BUCKET_MIN_MS = 100
const VIOLATIONS_SHOWN = 50

interface Report {
  profile: Profile
  target: string
  result: object
  samples: Sample[]
  outcomes: Record<string, number>
  terms: LedgerTerms[]
  violations: Violation[]
  /** why the run does not prove what it promises */
  shortfalls: string[]
}

export function writeReport(dir: string, report: Report): string {
  mkdirSync(dir, { recursive: true })
  const name = `${report.profile.name}-${new Date().toISOString().replace(/[:.]/g, '-')}.html`
  const file = join(dir, name)
  writeFileSync(file, reportHtml(report))
  return file
}

export function reportHtml(report: Report): string {
  const { profile, target, result, samples, outcomes, terms, violations, shortfalls } = report
  const good = violations.length + shortfalls.length === 0
  const purchases = bucketed(samples.filter(({ ask }) => ask === 'reserve'))
  const polls = bucketed(samples.filter(({ ask }) => ask === 'poll'))
  const results = [...new Set(purchases.samples.flat().map((sample) => sample.result))].sort()
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Rushgate load: ${escapeHtml(profile.name)}</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:920px;margin:2rem auto;padding:0 1rem;color:#1d2330;background:#fff}
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{margin:.3rem 0}
table{border-collapse:collapse;margin:.5rem 0}td,th{padding:.2rem .8rem .2rem 0;text-align:left;font-variant-numeric:tabular-nums}
th{font-weight:600;color:#5a6272}.good{color:#0a7d4f}.bad{color:#b3261e}svg{width:100%;height:auto;display:block}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.85rem;color:#5a6272}.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.4em;border-radius:2px}
</style></head><body>
<h1>${escapeHtml(profile.name)} <span class="${good ? 'good' : 'bad'}">${good ? 'held' : 'did not hold'}</span></h1>
<p>${profile.shoppers} shoppers over ${profile.seconds} s for ${profile.units} units, against ${escapeHtml(target)}, ${new Date().toISOString()}</p>
${problems(violations, shortfalls)}
<h2>What became of the shoppers</h2>
${shareBar(outcomes)}
<h2>Purchases: latency in ms</h2>
${lineChart(purchases.step_s, [
  { name: 'p50', values: purchases.samples.map((list) => latency(list, 0.5)) },
  { name: 'p99', values: purchases.samples.map((list) => latency(list, 0.99)) },
])}
<h2>Purchases: answers a second, by code</h2>
${barChart(
  purchases.step_s,
  results.map((name) => ({
    name,
    values: purchases.samples.map((list) => list.filter((sample) => sample.result === name).length / purchases.step_s),
  })),
)}
${legend(results.map((name) => ({ name, colour: colourOf(name) })))}
<h2>Polls: latency in ms</h2>
${lineChart(polls.step_s, [
  { name: 'p50', values: polls.samples.map((list) => latency(list, 0.5)) },
  { name: 'p99', values: polls.samples.map((list) => latency(list, 0.99)) },
])}
<h2>Figures</h2>
${facts(result)}
<h2>The ledger afterwards</h2>
${termsTable(terms)}
</body></html>
`
}

function problems(violations: Violation[], shortfalls: string[]): string {
  const lines = [
    ...shortfalls.map((what) => `the promised load was not reached: ${what}`),
    ...violations.slice(0, VIOLATIONS_SHOWN).map(({ kind, what }) => `${kind}: ${what}`),
  ]
  if (lines.length === 0) return ''
  return `<ul class="bad">${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join('')}</ul>`
}

interface Bucketed {
  /** width of a bucket in seconds */
  step_s: number
  samples: Sample[][]
}

function bucketed(samples: Sample[]): Bucketed {
  const times = samples.map(({ sent_ms }) => sent_ms)
  const first_ms = times.reduce((least, time) => Math.min(least, time), Number.POSITIVE_INFINITY)
  const last_ms = times.reduce((most, time) => Math.max(most, time), 0)
  const step_ms = Math.max(BUCKET_MIN_MS, Math.ceil((last_ms - first_ms + 1) / BUCKETS / BUCKET_MIN_MS) * BUCKET_MIN_MS)
  const buckets: Sample[][] = []
  for (const sample of samples) {
    const index = Math.floor((sample.sent_ms - first_ms) / step_ms)
    while (buckets.length <= index) buckets.push([])
    buckets[index]?.push(sample)
  }
  return { step_s: step_ms / 1000, samples: buckets }
}

function latency(samples: Sample[], share: number): number {
  return quantile(
    samples.map(({ latency_ms }) => latency_ms),
    share,
  )
}

function facts(result: object): string {
  const rows = Object.entries(result).map(([name, value]) => {
    const text =
      typeof value === 'object'
        ? JSON.stringify(value)
            .replace(/[{}"]/g, '')
            .replace(/([:,])/g, '$1 ')
        : String(value)
    return `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(text)}</td></tr>`
  })
  return `<table>${rows.join('')}</table>`
}

function termsTable(terms: LedgerTerms[]): string {
  const [first] = terms
  if (first === undefined) return ''
  const names = Object.keys(first) as (keyof LedgerTerms)[]
  const head = names.map((name) => `<th>${name}</th>`).join('')
  const rows = terms.map(
    (entry) => `<tr>${names.map((name) => `<td>${escapeHtml(String(entry[name]))}</td>`).join('')}</tr>`,
  )
  return `<table><tr>${head}</tr>${rows.join('')}</table>`
}
