import { describe, expect, it } from 'vitest'
import {
  boolean,
  enumeration,
  type Infer,
  integer,
  list,
  number,
  object,
  readField,
  record,
  string,
  type TextRule,
} from './schema'

const LOWER: TextRule = {
  rule: 'be lower case',
  test: (text) => text === text.toLowerCase(),
  pattern: '^[^A-Z]*$',
}

const schema = object('A shop.', {
  open: boolean({ default: true, description: 'Lets people in.' }),
  batch_max: integer({ min: 1, max: 256, unit: 'orders', default: 64, description: 'Most at once.' }),
  ratio: number({ min: 0, max: 1, default: 0.5, description: 'A share.' }),
  name: string({ length_min: 2, length_max: 8, required: true, example: 'ada', description: 'What it is called.' }),
  place: string({ length_max: 20, matches: LOWER, default: 'here', description: 'Where it is.' }),
  password: string({ length_max: 5, secret: true, default: '', description: 'A secret.' }),
  mode: enumeration({ values: ['fast', 'slow'], default: 'fast', description: 'How.' }),
  days: list({
    item: enumeration({ values: ['mon', 'tue'], required: true, example: 'mon', description: 'A day.' }),
    length_max: 2,
    unique: true,
    default: [],
    description: 'When.',
  }),
  prices: record({
    key: LOWER,
    value: integer({ min: 0, max: 10, required: true, example: 1, description: 'A price.' }),
    default: {},
    description: 'By name.',
  }),
  door: object('Its door.', {
    width_cm: integer({ min: 1, max: 500, unit: 'cm', default: 90, description: 'Its width.' }),
  }),
})
type Shop = Infer<typeof schema>

const DEFAULTS: Shop = {
  open: true,
  batch_max: 64,
  ratio: 0.5,
  name: 'ada',
  place: 'here',
  password: '',
  mode: 'fast',
  days: [],
  prices: {},
  door: { width_cm: 90 },
}

function problemsOf(value: unknown): string[] {
  const problems: string[] = []
  readField(schema, value, '', problems)
  return problems
}

describe('a value that is right', () => {
  it('is filled up with defaults, at every depth', () => {
    const problems: string[] = []
    expect(readField(schema, { name: 'ada' }, '', problems)).toEqual(DEFAULTS)
    expect(problems).toEqual([])
  })

  it('keeps what it says, bounds included', () => {
    const given = {
      open: false,
      batch_max: 256,
      ratio: 0,
      name: 'bo',
      place: 'there',
      password: 'x',
      mode: 'slow',
      days: ['tue', 'mon'],
      prices: { tea: 0, cake: 10 },
      door: { width_cm: 500 },
    }
    const problems: string[] = []
    expect(readField(schema, given, '', problems)).toEqual(given)
    expect(problems).toEqual([])
  })
})

describe('a value that is wrong', () => {
  it('has every problem named, by path, rule and value', () => {
    expect(
      problemsOf({
        open: 1,
        batch_max: 257,
        ratio: -0.5,
        name: 'a',
        place: 'THERE',
        password: 'sesame open',
        mode: 'medium',
        days: ['mon', 'sun', 'mon'],
        prices: { Tea: 1, cake: 0.5 },
        door: [1],
      }),
    ).toEqual([
      'batch_max: must be a whole number from 1 to 256 (orders), got 257',
      'days: must be a list of at most 2, got a list of 3',
      'door: must be an object, got a list',
      'mode: must be one of "fast", "slow", got "medium"',
      'name: must be text of 2 to 8 characters, got "a"',
      'open: must be true or false, got 1',
      'password: must be text of 0 to 5 characters, got something else (not shown)',
      'place: must be lower case, got "THERE"',
      'prices.Tea: must have a name that must be lower case, got "Tea"',
      'prices.cake: must be a whole number from 0 to 10, got 0.5',
      'ratio: must be a number from 0 to 1, got -0.5',
    ])
  })

  it('is named with its place in a list', () => {
    expect(problemsOf({ name: 'ada', days: ['mon', 'sun'] })).toEqual([
      'days[1]: must be one of "mon", "tue", got "sun"',
    ])
    expect(problemsOf({ name: 'ada', days: ['mon', 'mon'] })).toEqual(['days[1]: must not be named twice, got "mon"'])
  })

  it('is an unknown name, at any depth', () => {
    expect(problemsOf({ name: 'ada', nane: 'bo', door: { height_cm: 1 } })).toEqual([
      'door.height_cm: must not be here: known are "width_cm", got 1',
      'nane: must not be here: known are "batch_max", "days", "door", "mode", "name", "open", "password", "place", "prices", "ratio", got "bo"',
    ])
    expect(problemsOf({ name: 'ada', door: { constructor: 1 } }).length).toBe(1)
  })

  it('is missing although required', () => {
    expect(problemsOf({})).toEqual(['name: must be text of 2 to 8 characters, got nothing'])
    expect(problemsOf(undefined)).toEqual(['name: must be text of 2 to 8 characters, got nothing'])
  })

  it('is of another type altogether', () => {
    expect(problemsOf('shop')).toEqual(['the file: must be an object, got "shop"'])
    expect(problemsOf({ name: 7, batch_max: '7', days: { mon: 1 }, prices: 3, mode: true })).toEqual([
      'batch_max: must be a whole number from 1 to 256 (orders), got "7"',
      'days: must be a list of at most 2, got an object',
      'mode: must be one of "fast", "slow", got true',
      'name: must be text of 2 to 8 characters, got 7',
      'prices: must be an object, got 3',
    ])
  })

  it('is a number that is none, or has none of its own', () => {
    expect(problemsOf({ name: 'ada', ratio: 0 / 0 }).length).toBe(1)
    expect(problemsOf({ name: 'ada', batch_max: 1.5 })).toEqual([
      'batch_max: must be a whole number from 1 to 256 (orders), got 1.5',
    ])
    expect(problemsOf({ name: 'ada', batch_max: 1 / 0 }).length).toBe(1)
  })

  it('is shown, cut, when it is long', () => {
    let long = ''
    while (long.length < 200) long += 'long text '
    expect(problemsOf({ name: long })[0]).toBe(
      'name: must be text of 2 to 8 characters, got "' + long.substring(0, 60) + '…"',
    )
  })
})
