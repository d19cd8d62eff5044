// Charts as SVG text: lines and stacked bars over time, and one bar of shares.

const WIDTH = 900
const HEIGHT = 240
const LEFT = 52
const BOTTOM = 26
const TOP = 12
const LINES_Y = 4
const LABELS_X = 10
/** room that the last label needs */
const LAST_LABEL_MIN = 40

export interface Series {
  name: string
  values: number[]
}

/** Green is had, blue is under way, grey is an honest no, red should not be seen. */
const COLOURS: Record<string, string> = {
  '202': '#0a7d4f',
  paid: '#0a7d4f',
  confirmed: '#58b58c',
  held: '#5b8def',
  sold_out: '#8b93a3',
  all_held: '#c3c8d2',
  not_enough_left: '#d9c9a3',
  limit_reached: '#b79ced',
  expired: '#e0b252',
  cancelled: '#d0a0a0',
  busy: '#f0803c',
  unavailable: '#d9542b',
  rebuilding: '#e8a33d',
  void: '#7a1f5c',
  'no answer': '#b3261e',
  p50: '#5b8def',
  p99: '#d9542b',
}

export function colourOf(name: string): string {
  return COLOURS[name] ?? (/^5\d\d$/.test(name) ? '#b3261e' : '#4a5568')
}

export function escapeHtml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}

export function legend(entries: { name: string; colour: string }[]): string {
  const items = entries.map(
    ({ name, colour }) => `<span><i style="background:${colour}"></i>${escapeHtml(name)}</span>`,
  )
  return `<div class="legend">${items.join('')}</div>`
}

export function lineChart(step_s: number, series: Series[]): string {
  const length = Math.max(1, ...series.map(({ values }) => values.length))
  const top = niceCeiling(Math.max(0.1, ...series.flatMap(({ values }) => values)))
  const lines = series.map(({ name, values }) => {
    const points = values.map((value, i) => `${x(i + 0.5, length)},${y(value, top)}`).join(' ')
    return `<polyline points="${points}" fill="none" stroke="${colourOf(name)}" stroke-width="2" stroke-linejoin="round"/>`
  })
  const names = series.map(({ name }) => ({ name, colour: colourOf(name) }))
  return `${frame(step_s, length, top, lines.join(''), names.map(({ name }) => name).join(', '))}${legend(names)}`
}

export function barChart(step_s: number, series: Series[]): string {
  const length = Math.max(1, ...series.map(({ values }) => values.length))
  const sums = Array.from({ length }, (_, i) => series.reduce((sum, { values }) => sum + (values[i] ?? 0), 0))
  const top = niceCeiling(Math.max(1, ...sums))
  const bars: string[] = []
  const width = round((x(1, length) - x(0, length)) * 0.86)
  for (let i = 0; i < length; i++) {
    let below = 0
    for (const { name, values } of series) {
      const value = values[i] ?? 0
      if (value === 0) continue
      const at = y(below + value, top)
      bars.push(
        `<rect x="${x(i, length)}" y="${at}" width="${width}" height="${round(y(below, top) - at)}" fill="${colourOf(name)}"><title>${escapeHtml(name)} ${round(value)}/s</title></rect>`,
      )
      below += value
    }
  }
  return frame(step_s, length, top, bars.join(''), series.map(({ name }) => name).join(', '))
}

export function shareBar(counts: Record<string, number>): string {
  const entries = Object.entries(counts).sort((a, b) => b[1] - a[1])
  const total = entries.reduce((sum, [, count]) => sum + count, 0)
  let from = 0
  const parts = entries.map(([name, count]) => {
    const width = (count / Math.max(1, total)) * WIDTH
    const part = `<rect x="${round(from)}" y="0" width="${round(width)}" height="34" fill="${colourOf(name)}"><title>${escapeHtml(name)} ${count}</title></rect>`
    from += width
    return part
  })
  const named = entries.map(([name, count]) => ({ name: `${name} ${count}`, colour: colourOf(name) }))
  return `<svg viewBox="0 0 ${WIDTH} 34" role="img" aria-label="outcomes">${parts.join('')}</svg>${legend(named)}`
}

function frame(step_s: number, length: number, top: number, inside: string, label: string): string {
  const grid: string[] = []
  for (let i = 0; i <= LINES_Y; i++) {
    const value = (top * i) / LINES_Y
    const at = y(value, top)
    grid.push(`<line x1="${LEFT}" x2="${WIDTH}" y1="${at}" y2="${at}" stroke="#e3e6ec"/>`)
    grid.push(
      `<text x="${LEFT - 8}" y="${at + 4}" text-anchor="end" font-size="12" fill="#5a6272">${round(value)}</text>`,
    )
  }
  const every = Math.max(1, Math.ceil(length / LABELS_X))
  for (let i = 0; x(i, length) < WIDTH - LAST_LABEL_MIN; i += every) {
    grid.push(`<text x="${x(i, length)}" y="${HEIGHT - 6}" font-size="12" fill="#5a6272">${round(i * step_s)} s</text>`)
  }
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(label)}">${grid.join('')}${inside}</svg>`
}

function x(index: number, length: number): number {
  return round(LEFT + (index / length) * (WIDTH - LEFT))
}

function y(value: number, top: number): number {
  return round(HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - TOP))
}

/** The next 1, 2 or 5 times a power of ten. */
export function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  const step = [1, 2, 5, 10].find((factor) => factor * power >= value * 0.999) ?? 10
  return round(step * power)
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
