// Every pair of text and ground in the style sheet meets WCAG AA, in the light and in the dark.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const css = readFileSync(join(import.meta.dirname, 'styles/tokens.css'), 'utf8')
const [light_css = '', dark_css = ''] = css.split('@media')

function tokens(text: string): Map<string, string> {
  return new Map([...text.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((match) => [match[1] ?? '', match[2] ?? '']))
}

const light = tokens(light_css)
const dark = new Map([...light, ...tokens(dark_css)])

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrast(one: string, other: string): number {
  const [dim = 0, bright = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b)
  return (bright + 0.05) / (dim + 0.05)
}

const TEXT_PAIRS = [
  ['ink', 'paper'],
  ['ink', 'card'],
  ['ink', 'wash'],
  ['ink', 'time-wash'],
  ['ink', 'stop-wash'],
  ['soft', 'paper'],
  ['soft', 'card'],
  ['soft', 'wash'],
  ['soft', 'time-wash'],
  ['soft', 'stop-wash'],
  ['act', 'wash'],
  ['act-ink', 'act'],
  ['act-ink', 'act-strong'],
  ['off-ink', 'off'],
  ['time', 'card'],
  ['time', 'time-wash'],
  ['stop', 'card'],
  ['stop', 'stop-wash'],
  ['stop-ink', 'stop'],
  ['hero-ink', 'hero'],
  ['hero-ink', 'hero-glow'],
  ['hero-soft', 'hero'],
  ['hero-soft', 'hero-glow'],
] as const

/** Shapes that mean something: 3:1 is enough. */
const SHAPE_PAIRS = [
  ['focus', 'paper'],
  ['focus', 'card'],
  ['amber', 'hero'],
  ['mint', 'hero'],
  ['act', 'card'],
] as const

describe.each([
  ['light', light],
  ['dark', dark],
])('colours in the %s', (_, palette) => {
  const of = (name: string) => palette.get(name) ?? expect.fail(`tokens.css has no --${name}`)

  it.each(TEXT_PAIRS)('%s on %s can be read', (text, ground) => {
    expect(contrast(of(text), of(ground))).toBeGreaterThanOrEqual(4.5)
  })

  it.each(SHAPE_PAIRS)('%s on %s can be seen', (shape, ground) => {
    expect(contrast(of(shape), of(ground))).toBeGreaterThanOrEqual(3)
  })
})
