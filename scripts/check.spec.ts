import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { configSchema } from '../edge/src/kernel/config'
import { readField } from '../edge/src/kernel/schema'
import { exampleOf } from '../edge/src/kernel/schema-docs'
import { plugins } from '../edge/src/plugins/index'
import { problemsOfFile, problemsOfText } from './check'
import { firstMistake } from './json-place'
import { GENERATED, schemaText } from './schema'

const root = fileURLToPath(new URL('..', import.meta.url))

function check(file: string) {
  return execa('node', ['--import', 'tsx', 'scripts/check.ts', file], { cwd: root, reject: false })
}

describe('npm run check', () => {
  it('exits 0 for the file that comes with Rushgate', async () => {
    const run = await check('rushgate.json')
    expect(run.stderr).toBe('')
    expect(run.exitCode).toBe(0)
  })

  it('exits 1 and names every problem, one a line', async () => {
    const run = await check('package.json')
    expect(run.exitCode).toBe(1)
    expect(run.stderr.split('\n')).toContain(
      'version: must be 1, got "' + JSON.parse(readFileSync(`${root}package.json`, 'utf8')).version + '"',
    )
    expect(run.stderr.split('\n').length).toBeGreaterThan(3)
  })

  it('says so when there is no file, or a folder', () => {
    expect(problemsOfFile('/nowhere/rushgate.json')).toEqual(['/nowhere/rushgate.json: there is no such file'])
    expect(problemsOfFile(root)).toEqual([`${root}: is not a file`])
  })

  it('takes null for a value like any other, and refuses it', () => {
    expect(problemsOfText('{"version":1,"lane":null,"plugins":{"session":{"dry_run":null}}}', 'f')).toEqual([
      'lane: must be an object, got null',
      'plugins.session.dry_run: must be true or false, got null',
    ])
    expect(problemsOfText('{"version":1,"lane":[]}', 'f')).toEqual(['lane: must be an object, got a list'])
  })

  it('names line and column of what is not JSON', () => {
    expect(problemsOfText('{\n  "version": 1,\n}', 'f.json')).toEqual([
      'f.json:3:1: is not JSON here, expected a name in double quotes',
    ])
    expect(problemsOfText('', 'f.json')).toEqual(['f.json:1:1: is not JSON here, expected a value'])
  })
})

describe('the place of a mistake', () => {
  it('is found for every kind of mistake', () => {
    const wrong: [string, number, number][] = [
      ['{"a" 1}', 1, 6],
      ['{"a": 1 "b": 2}', 1, 9],
      ["{'a': 1}", 1, 2],
      ['{"a": tru}', 1, 7],
      ['{"a": 01}', 1, 8],
      ['{"a": "x\n"}', 1, 7],
      ['[1,\n 2\n', 3, 1],
      ['{} x', 1, 4],
      ['// note\n{}', 1, 1],
    ]
    for (const [text, line, column] of wrong) {
      expect(firstMistake(text), text).toMatchObject({ line, column })
      expect(() => JSON.parse(text)).toThrow()
    }
  })

  it('is none in JSON', () => {
    for (const text of ['{}', ' [ ] ', '"\\u00e9\\n"', '-0.5e+10', '{"a":[1,{"b":null}],"c":true}\n']) {
      expect(firstMistake(text), text).toBeUndefined()
      JSON.parse(text)
    }
  })
})

describe('what is drawn from the declarations', () => {
  it('is current (npm run schema)', () => {
    for (const { file, text } of GENERATED) expect(readFileSync(root + file, 'utf8') === text(), file).toBe(true)
  })

  it('is a valid JSON Schema that agrees with the check', () => {
    const validate = new Ajv2020({ strict: true }).compile(JSON.parse(schemaText()))
    const example = exampleOf(configSchema(plugins))
    expect(validate(example), JSON.stringify(validate.errors)).toBe(true)
    const problems: string[] = []
    expect(readField(configSchema(plugins), example, '', problems)).toEqual(example)
    expect(problems).toEqual([])
    const wrong = [
      {},
      { version: 2 },
      { version: 1, extra: 1 },
      { version: 1, lane: { batch_max: 0 } },
      { version: 1, lane: { batch_max: 1.5 } },
      { version: 1, routes: { nowhere: { plugins: [] } } },
      { version: 1, routes: { reserve: {} } },
      { version: 1, routes: { reserve: { plugins: ['session', 'session'] } } },
      { version: 1, routes: { reserve: { plugins: ['nobody'] } } },
      { version: 1, plugins: { session: { dry_run: 'no' } } },
      { version: 1, plugins: { nobody: {} } },
      [],
    ]
    for (const value of wrong) {
      expect(validate(value), JSON.stringify(value)).toBe(false)
      expect(problemsOfText(JSON.stringify(value), 'f').length, JSON.stringify(value)).toBeGreaterThan(0)
    }
  })
})
