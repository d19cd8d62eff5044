// packaging/logstash/hot-items.conf against what the indexer does. Logstash cannot be had here, so the file is read by a parser of
// its grammar (sections, plugins, settings, conditions), and what it says is compared; the pipeline itself is not run.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { HOT_ITEM_INDEX } from '../backend/src/hot-items/elastic-store'
import template from '../backend/src/hot-items/hot-item-template.json'
import { deadTopic } from '../backend/src/hot-items/kafka-source'
import { hot_item_environment } from '../backend/src/hot-items/settings'
import { dayOf } from '../backend/src/hot-items/store'
import { eventId, HOT_ITEM_TOPIC, type HotItemEvent } from '../contract/hot-item-event'

const FILE = join(import.meta.dirname, '../packaging/logstash/hot-items.conf')

type Value = string | number | boolean | Value[] | Plugin
interface Plugin {
  kind: string
  settings: Record<string, Value>
}

/** Settings that the plugins of Logstash 8 have, of those that may stand here. */
const SETTINGS: Record<string, string[]> = {
  'input kafka':
    'auto_offset_reset bootstrap_servers client_id codec consumer_threads decorate_events group_id topics'.split(' '),
  'filter date': 'match target timezone tag_on_failure'.split(' '),
  'filter mutate': 'add_tag remove_field'.split(' '),
  'filter ruby': ['code'],
  'output kafka': 'bootstrap_servers codec topic_id'.split(' '),
  'output elasticsearch': (
    'action data_stream document_id ecs_compatibility hosts ilm_enabled index manage_template silence_errors_in_log ' +
    'template template_api template_name template_overwrite'
  ).split(' '),
}

const TOKEN = /\s+|#[^\n]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|=>|==|!=|=~|[{}[\](),!]|[\w.@-]+/y

function tokensOf(text: string): string[] {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(text)
    if (match === null) throw new Error(`not Logstash's grammar: ${JSON.stringify(text.substring(at, at + 30))}`)
    if (!/^[\s#]/.test(match[0])) tokens.push(match[0])
  }
  return tokens
}

/** Every plugin with the section that it stands in; branches of conditions one after another. */
function parse(text: string): Plugin[] {
  const tokens = tokensOf(text)
  const found: Plugin[] = []
  let at = 0
  const next = () => tokens[at++] ?? 'the end of the file'
  const expected = (wanted: string) => {
    const token = next()
    if (token !== wanted) throw new Error(`${wanted} was expected, and there is ${token}`)
  }
  const value = (): Value => {
    const token = next()
    if (token === '[') {
      const list: Value[] = []
      while (tokens[at] !== ']') {
        list.push(value())
        if (tokens[at] === ',') at += 1
      }
      at += 1
      return list
    }
    if (/^["']/.test(token)) return token.slice(1, -1)
    if (/^-?\d+$/.test(token)) return Number(token)
    if (token === 'true' || token === 'false') return token === 'true'
    return tokens[at] === '{' ? { kind: token, settings: settings() } : token
  }
  const settings = (): Record<string, Value> => {
    const read: Record<string, Value> = {}
    expected('{')
    while (tokens[at] !== '}') {
      const name = next()
      expected('=>')
      if (name in read) throw new Error(`${name} stands twice`)
      read[name] = value()
    }
    at += 1
    return read
  }
  const branch = (section: string) => {
    expected('{')
    while (tokens[at] !== '}') {
      const name = next()
      if (name === 'if' || name === 'else') {
        while (tokens[at] !== '{') next()
        branch(section)
      } else found.push({ kind: `${section} ${name}`, settings: settings() })
      if (at > tokens.length) throw new Error('a brace is missing')
    }
    at += 1
  }
  while (at < tokens.length) {
    const section = next()
    if (!['input', 'filter', 'output'].includes(section)) throw new Error(`${section} is no section`)
    branch(section)
  }
  return found
}

const text = readFileSync(FILE, 'utf8')
const plugins = parse(text)

function settingsOf(kind: string): Record<string, Value> {
  const [plugin, ...more] = plugins.filter((each) => each.kind === kind)
  if (plugin === undefined || more.length > 0) throw new Error(`${kind}: there must be one`)
  return plugin.settings
}

/** As Logstash fills in the environment (nothing set) and an event. */
function filledIn(value: Value | undefined, event?: HotItemEvent): string {
  return String(value)
    .replace(/\$\{\w+:([^}]*)\}/g, '$1')
    .replace('%{+YYYY.MM.dd}', () => dayOf(Date.parse(event?.actime ?? '')))
    .replace(/%\{(\w+)\}/g, (_, field: string) => String(event?.[field as keyof HotItemEvent]))
}

const EVENT: HotItemEvent = {
  uri: '/web/item/shoe',
  ip: '192.0.2.7',
  token: '',
  actime: '2026-03-10T23:59:59.999Z',
  sku: 'shoe',
  agent: 'chromium',
  status: 200,
  node: 'gate-1',
  worker: '00112233445566ff',
  seq: 17,
}

describe('the Logstash pipeline', () => {
  test('is of one input, filters and two outputs, with settings that their plugins have', () => {
    for (const { kind, settings } of plugins) {
      expect(SETTINGS[kind], `${kind} is a plugin that is expected here`).toBeDefined()
      for (const name of Object.keys(settings)) expect(SETTINGS[kind], `${kind} has ${name}`).toContain(name)
    }
    const sections = plugins.map(({ kind }) => kind.split(' ')[0])
    expect(sections.filter((each) => each === 'input')).toHaveLength(1)
    expect(sections.filter((each) => each === 'output')).toHaveLength(2)
  })

  test('reads the topic as JSON with three threads, and sets aside into the same topic', () => {
    const input = settingsOf('input kafka')
    expect((input['topics'] as Value[]).map((topic) => filledIn(topic))).toEqual([HOT_ITEM_TOPIC])
    expect(input).toMatchObject({ consumer_threads: 3, codec: { kind: 'json' }, auto_offset_reset: 'earliest' })
    expect(hot_item_environment.HOT_ITEM_CONSUMERS.parse(undefined)).toBe(3)
    expect(filledIn(settingsOf('output kafka')['topic_id'])).toBe(deadTopic(HOT_ITEM_TOPIC))
  })

  test('names documents and indices as the indexer does, and creates and never overwrites', () => {
    const output = settingsOf('output elasticsearch')
    expect(filledIn(output['document_id'], EVENT)).toBe(eventId(EVENT))
    expect(filledIn(output['index'], EVENT)).toBe(`${HOT_ITEM_INDEX}-2026.03.10`)
    expect(output).toMatchObject({ action: 'create', ilm_enabled: false, data_stream: false })
    expect(settingsOf('filter date')).toMatchObject({ match: ['actime', 'ISO8601'], target: '@timestamp' })
  })

  test('loads the template of the indexer, which covers every field, the alias and the index', () => {
    const output = settingsOf('output elasticsearch')
    expect(filledIn(output['template'])).toMatch(/\/hot-item-template\.json$/)
    expect(filledIn(output['template_name'])).toBe(HOT_ITEM_INDEX)
    expect(output).toMatchObject({ manage_template: true, template_overwrite: true, template_api: 'composable' })
    expect(Object.keys(template.template.mappings.properties)).toEqual(Object.keys(EVENT))
    expect(template.template.aliases).toEqual({ [HOT_ITEM_INDEX]: {} })
    expect(template.index_patterns).toEqual([`${HOT_ITEM_INDEX}-*`])
  })

  test('uses no field that an event does not have', () => {
    const fields = [...text.replace(/#[^\n]*/g, '').matchAll(/!?\[(\w+)\](?! *=>)/g)].map(([, name]) => name as string)
    for (const field of fields) expect([...Object.keys(EVENT), 'tags']).toContain(field)
    expect(fields).toEqual(expect.arrayContaining(['actime', 'sku', 'worker', 'seq', 'ip']))
  })

  test('keeps as many days as the indexer by default', () => {
    const days = hot_item_environment.HOT_ITEM_RETENTION_DAYS.parse(undefined)
    expect(filledIn(settingsOf('filter ruby')['code'])).toContain(`age_s > ${days} * 86400`)
  })
})

describe('the parser', () => {
  test.each([
    ['input { kafka { topics => ["a"] }', /brace|end of the file|expected/],
    ['entrance { }', /no section/],
    ['filter { date { match = ["a"] } }', /grammar/],
    ['filter { date { match => "a" match => "b" } }', /twice/],
  ])('does not take %s', (broken, problem) => {
    expect(() => parse(broken)).toThrow(problem)
  })
})
