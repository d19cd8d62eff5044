// Where a text stops being JSON: Node names no place for most mistakes, and whoever edits a file by hand needs the line.
//
// Only the place is found here; what the text means is JSON.parse's to say.

export interface Place {
  line: number
  column: number
  /** what should have been there */
  expected: string
}

class Stop extends Error {
  constructor(
    readonly at: number,
    readonly expected: string,
  ) {
    super(expected)
  }
}

const NUMBER = /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these in texts
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const WORD = /true|false|null/y
const SPACE = /[ \t\r\n]*/y

function skip(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : undefined
}

function space(text: string, at: number): number {
  return skip(SPACE, text, at) ?? at
}

function value(text: string, at: number): number {
  if (text[at] === '{') return members(text, at + 1)
  if (text[at] === '[') return items(text, at + 1)
  if (text[at] === '"') return string(text, at, 'a text without line breaks, with its closing "')
  const end = skip(WORD, text, at) ?? skip(NUMBER, text, at)
  if (end === undefined) throw new Stop(at, 'a value')
  return end
}

function string(text: string, at: number, expected: string): number {
  const end = skip(STRING, text, at)
  if (end === undefined) throw new Stop(at, expected)
  return end
}

function members(text: string, start: number): number {
  let at = space(text, start)
  if (text[at] === '}') return at + 1
  for (;;) {
    at = space(text, string(text, at, 'a name in double quotes'))
    if (text[at] !== ':') throw new Stop(at, '":" after the name')
    at = space(text, value(text, space(text, at + 1)))
    if (text[at] === '}') return at + 1
    if (text[at] !== ',') throw new Stop(at, '"," or "}"')
    at = space(text, at + 1)
  }
}

function items(text: string, start: number): number {
  let at = space(text, start)
  if (text[at] === ']') return at + 1
  for (;;) {
    at = space(text, value(text, at))
    if (text[at] === ']') return at + 1
    if (text[at] !== ',') throw new Stop(at, '"," or "]"')
    at = space(text, at + 1)
  }
}

/** undefined when the text is JSON. Lines and columns count from 1. */
export function firstMistake(text: string): Place | undefined {
  try {
    const end = space(text, value(text, space(text, 0)))
    if (end < text.length) throw new Stop(end, 'the end of the file')
    return undefined
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    const before = text.slice(0, error.at)
    return {
      line: before.split('\n').length,
      column: error.at - before.lastIndexOf('\n'),
      expected: error.expected,
    }
  }
}
